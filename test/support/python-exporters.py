"""Exports the same telemetry with OpenTelemetry's Python exporters of a protocol, http or grpc, to every base URL behind it."""

import sys
from importlib import import_module

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

resource = Resource.create({"service.name": "python", "work_email": "dev@example.com"})
attributes = {"text": "naïve ✓", "yes": True, "integer": -(2**63), "double": 0.1, "list": ["a", "b"], "none": []}


def metrics():
    reader = InMemoryMetricReader()
    exponential = View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())
    meter = MeterProvider([reader], resource, views=[exponential]).get_meter("meter", "1")
    meter.create_counter("counter", "tokens").add(2**62, attributes)
    meter.create_up_down_counter("updown").add(-0.5)
    meter.create_gauge("gauge").set(0)
    for name in ("histogram", "exponential"):
        histogram = meter.create_histogram(name, "ms")
        for value in (0, 0.5, 7, 1e9):
            histogram.record(value, attributes)
    return reader.get_metrics_data()


def logs():
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(resource)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("logger")
    for body in ("text", 17, 0.5, {"nested": [1, {"two": b"\x00\xff"}]}):
        record = {"body": body, "attributes": attributes, "event_name": "event"}
        logger.emit(LogRecord(timestamp=1, severity_number=SeverityNumber.WARN, severity_text="WARN", **record))
    return exporter.get_finished_logs()


def spans():
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tracer")
    with tracer.start_as_current_span("parent", kind=SpanKind.SERVER) as parent:
        links = [Link(parent.get_span_context(), attributes)]
        with tracer.start_as_current_span("child", attributes=attributes, links=links) as child:
            child.add_event("event", attributes)
            child.set_status(Status(StatusCode.ERROR, "it failed"))
    return exporter.get_finished_spans()


protocol, *bases = sys.argv[1:]
package = f"opentelemetry.exporter.otlp.proto.{protocol}"
exporters = (
    import_module(f"{package}.metric_exporter").OTLPMetricExporter,
    import_module(f"{package}._log_exporter").OTLPLogExporter,
    import_module(f"{package}.trace_exporter").OTLPSpanExporter,
)
if protocol == "grpc":
    gzip = import_module("grpc").Compression.Gzip
else:
    gzip = import_module(package).Compression.Gzip

collected = (metrics(), logs(), spans())
for base in bases:
    for path, exporter, data in zip(("metrics", "logs", "traces"), exporters, collected):
        endpoint = base if protocol == "grpc" else f"{base}/v1/{path}"
        result = exporter(endpoint=endpoint, compression=gzip).export(data)
        if result.name != "SUCCESS":
            sys.exit(f"{path} to {base}: {result.name}")
