import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import {
  AggregationTemporality,
  AggregationType,
  MeterProvider,
  MetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

/** What the OpenTelemetry SDK collected, ready to be exported any number of times: one of everything that it can express. */
export async function sdkTelemetry() {
  return {
    metrics: [await metrics(AggregationTemporality.DELTA), await metrics(AggregationTemporality.CUMULATIVE)],
    logs: await logs(),
    spans: await spans(),
  };
}

const resource = resourceFromAttributes({
  'service.name': 'sdk',
  work_email: 'dev@example.com',
  'process.command_args': ['one', 'two words', ''],
  'process.pid': 42,
});

const attributes = {
  text: 'naïve ✓ 🙂',
  empty: '',
  yes: true,
  no: false,
  zero: 0,
  integer: 9_007_199_254_740_991,
  negative: -7,
  double: 0.1,
  tiny: 5e-324,
  texts: ['a', '', 'c'],
  integers: [1, -2, 3],
  doubles: [0.5, -1.5],
  booleans: [true, false],
  none: [],
};

class Reader extends MetricReader {
  override async onForceFlush(): Promise<void> {
    // Nothing is kept back here.
  }

  override async onShutdown(): Promise<void> {
    // Nothing is held here.
  }
}

async function metrics(temporality: AggregationTemporality): Promise<ResourceMetrics> {
  const reader = new Reader({ aggregationTemporalitySelector: () => temporality });
  const aggregation = { type: AggregationType.EXPONENTIAL_HISTOGRAM } as const;
  const provider = new MeterProvider({
    resource,
    readers: [reader],
    views: [{ instrumentName: 'exponential', aggregation }],
  });
  const meter = provider.getMeter('meter', '1.2.3', { schemaUrl: 'https://opentelemetry.io/schemas/1.37.0' });
  const counter = meter.createCounter('counter', { unit: 'tokens', description: 'Größe' });
  counter.add(3, attributes);
  counter.add(0.25, { model: 'other' });
  meter.createUpDownCounter('updown').add(-2);
  meter.createGauge('gauge').record(0);
  meter.createObservableGauge('observed', { unit: 's' }).addCallback((result) => result.observe(1e-9, attributes));
  meter.createObservableCounter('observed counter').addCallback((result) => result.observe(12));
  for (const name of ['histogram', 'exponential']) {
    const histogram = meter.createHistogram(name, { unit: 'ms' });
    for (const value of [-3, 0, 0.5, 1, 7, 1e9]) histogram.record(value, attributes);
    histogram.record(0, { only: 'zero' });
  }
  provider.getMeter('second meter').createCounter('counter').add(1);
  const { resourceMetrics, errors } = await reader.collect();
  await provider.shutdown();
  if (errors.length > 0) throw new AggregateError(errors, 'the SDK could not collect');
  return resourceMetrics;
}

async function logs() {
  const exporter = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter })] });
  const logger = provider.getLogger('logger', '0.0.1');
  const bodies = ['text', '', 17, 0.5, false, ['a', 1, [true]], { nested: { deep: [{ er: 1 }] }, bytes: bytes() }];
  for (const body of bodies)
    logger.emit({ body, severityNumber: 9, severityText: 'INFO', eventName: 'event', attributes });
  logger.emit({ attributes: { nested: { list: [1, 'two', { three: 3.5 }] }, bytes: bytes() } });
  provider.getLogger('second logger').emit({ body: 'no attributes', timestamp: 1, observedTimestamp: 2 });
  const records = exporter.getFinishedLogRecords().slice();
  await provider.shutdown();
  return records;
}

function bytes(): Uint8Array {
  return Uint8Array.of(0, 127, 128, 255);
}

async function spans() {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const tracer = provider.getTracer('tracer', '4.5.6');
  const linked = tracer.startSpan('linked', { kind: 2 });
  linked.end();
  const links = [{ context: linked.spanContext(), attributes }, { context: linked.spanContext() }];
  const span = tracer.startSpan('with everything', { kind: 3, attributes, links });
  span.addEvent('event', attributes);
  span.addEvent('event without attributes');
  span.recordException(new Error('an exception'));
  span.setStatus({ code: 2, message: 'it failed' });
  span.end();
  tracer.startSpan('fine').setStatus({ code: 1 }).end();
  const finished = exporter.getFinishedSpans().slice();
  await provider.shutdown();
  return finished;
}
