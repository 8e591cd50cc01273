import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { AggregationTemporality, AggregationType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { describe, expect, it } from 'vitest';
import { decodeRequest } from '../../../../src/main/core/otlp/decode.ts';
import { inspectRequest } from '../../../../src/main/core/otlp/inspect.ts';
import { transcodeJson } from '../../../../src/main/core/otlp/json.ts';

class Reader extends MetricReader {
  override async onForceFlush(): Promise<void> {
    // Nothing is kept back here.
  }

  override async onShutdown(): Promise<void> {
    // Nothing is held here.
  }
}

/** One metric of each kind that the OpenTelemetry SDK has, five data points in all. */
async function collected() {
  const reader = new Reader({ aggregationTemporalitySelector: () => AggregationTemporality.DELTA });
  const views = [
    { instrumentName: 'exponential', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } as const },
  ];
  const provider = new MeterProvider({ readers: [reader], views });
  const meter = provider.getMeter('test', '1.0');
  meter.createCounter('counter', { unit: 'tokens' }).add(3, { list: ['a', 'b'], flag: false, ratio: 0.5, zero: 0 });
  meter.createUpDownCounter('updown').add(-2.5);
  meter.createGauge('gauge', { description: 'ünits' }).record(0);
  const values = [-1, 0, 1, 7, 1e9];
  for (const name of ['histogram', 'exponential']) {
    const histogram = meter.createHistogram(name);
    for (const value of values) histogram.record(value, { name });
  }
  const { resourceMetrics } = await reader.collect();
  await provider.shutdown();
  return resourceMetrics;
}

describe('what the OpenTelemetry SDK writes', () => {
  it('means the same to us in JSON as in protobuf', async () => {
    const metrics = await collected();
    const json = JsonMetricsSerializer.serializeRequest(metrics) ?? new Uint8Array();
    const protobuf = ProtobufMetricsSerializer.serializeRequest(metrics) ?? new Uint8Array();

    const transcoding = transcodeJson('metrics', json);

    if (!transcoding.ok) throw new Error(transcoding.problem);
    expect(inspectRequest('metrics', protobuf)).toEqual({ ok: true, points: 5 });
    expect(inspectRequest('metrics', transcoding.body)).toEqual({ ok: true, points: 5 });
    expect(await decodeRequest('metrics', transcoding.body)).toEqual(await decodeRequest('metrics', protobuf));
  });
});
