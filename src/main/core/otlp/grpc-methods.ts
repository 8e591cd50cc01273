import { type Signal, signals } from '../../../shared/signal.ts';

/** The path of each signal's gRPC method, https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto/collector. */
export const exportMethods: Readonly<Record<Signal, string>> = {
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
};

const signalsByMethod: ReadonlyMap<string, Signal> = new Map(signals.map((signal) => [exportMethods[signal], signal]));

/** Which telemetry a gRPC method takes; undefined where it is none of OTLP's. */
export function signalOfMethod(path: string): Signal | undefined {
  return signalsByMethod.get(path);
}
