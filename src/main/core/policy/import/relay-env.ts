import { type Signal, signals } from '../../../../shared/signal.ts';
import type { Variables } from './telemetry-env.ts';

/** The `env` block with which Claude Code exports to the relay. It has no credential: that is the relay's affair. */
export function relayEnv(parts: {
  /** Of the OTLP/HTTP receiver. */
  readonly port: number;
  /** What the destinations take together. */
  readonly wanted: ReadonlySet<Signal>;
  /** What else stays as it was. */
  readonly kept: Variables;
}): Variables {
  const exporters = signals.filter((signal) => parts.wanted.has(signal));
  return {
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    ...Object.fromEntries(exporters.map((signal) => [`OTEL_${signal.toUpperCase()}_EXPORTER`, 'otlp'])),
    // Traces are a beta: without this word there are none.
    ...(parts.wanted.has('traces') ? { CLAUDE_CODE_ENHANCED_TELEMETRY_BETA: '1' } : {}),
    // Not gRPC: for that, older versions go through a proxy, even to this machine.
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${parts.port}`,
    ...parts.kept,
  };
}
