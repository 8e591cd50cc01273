import { OTLPLogExporter as GrpcLogs } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as GrpcMetrics } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as JsonMetrics } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufMetrics } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as GrpcTraces } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonTraces } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufTraces } from '@opentelemetry/exporter-trace-otlp-proto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Signal, signals } from '../../src/shared/signal.ts';
import { sdkTelemetry } from '../support/sdk-telemetry.ts';
import { itemsOf } from '../support/telemetry.ts';
import { until } from '../support/until.ts';
import { startTwoWays } from './two-ways.ts';

const exporters = {
  'http/protobuf': { Metrics: ProtobufMetrics, Logs: ProtobufLogs, Traces: ProtobufTraces },
  'http/json': { Metrics: JsonMetrics, Logs: JsonLogs, Traces: JsonTraces },
  grpc: { Metrics: GrpcMetrics, Logs: GrpcLogs, Traces: GrpcTraces },
} as const;

type Telemetry = Awaited<ReturnType<typeof sdkTelemetry>>;

/** Exports everything with OpenTelemetry's own exporters; rejects unless each export is called a success. */
async function exportTo(base: string, protocol: keyof typeof exporters, telemetry: Telemetry): Promise<void> {
  const { Metrics, Logs, Traces } = exporters[protocol];
  const url = (signal: Signal) => (protocol === 'grpc' ? base : `${base}/v1/${signal}`);
  const metrics = new Metrics({ url: url('metrics') });
  for (const collected of telemetry.metrics) await exported((done) => metrics.export(collected, done));
  const logs = new Logs({ url: url('logs') });
  await exported((done) => logs.export(telemetry.logs, done));
  const traces = new Traces({ url: url('traces') });
  await exported((done) => traces.export(telemetry.spans, done));
  await Promise.all([metrics.shutdown(), logs.shutdown(), traces.shutdown()]);
}

function exported(start: (done: (result: { code: number; error?: Error }) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start(({ code, error }) => (code === 0 ? resolve() : reject(error ?? new Error(`exported with code ${code}`))));
  });
}

describe("OpenTelemetry's own exporters through the relay", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test.for([
    ['http/protobuf', 'none'],
    ['http/protobuf', 'gzip'],
    ['http/json', 'none'],
    ['http/json', 'gzip'],
    ['grpc', 'none'],
    ['grpc', 'gzip'],
  ] as const)('%s, compression %s: what arrives is what a direct export brings', async ([protocol, compression]) => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_COMPRESSION', compression);
    await using ways = await startTwoWays(protocol === 'grpc' ? 'grpc' : 'http');
    const { direct, behindRelay } = ways;
    const telemetry = await sdkTelemetry();

    await exportTo(direct.url, protocol, telemetry);
    await exportTo(ways.relayUrl, protocol, telemetry);

    for (const signal of signals) {
      const expected = await itemsOf(signal, direct.accepted);
      await until(
        `all ${signal} arrive`,
        async () => (await itemsOf(signal, behindRelay.accepted)).length >= expected.length,
      );
      expect(await itemsOf(signal, behindRelay.accepted)).toEqual(expected);
    }
    for (const { headers } of protocol === 'grpc' ? [] : direct.accepted) {
      expect(headers['content-type']).toBe(protocol === 'http/json' ? 'application/json' : 'application/x-protobuf');
      expect(headers['content-encoding']).toBe(compression === 'gzip' ? 'gzip' : undefined);
    }
    expect((await itemsOf('metrics', direct.accepted)).length).toBe(2 * 11);
    expect((await itemsOf('logs', direct.accepted)).length).toBe(telemetry.logs.length);
    expect((await itemsOf('traces', direct.accepted)).length).toBe(telemetry.spans.length);
  });
});
