import { type Signal, signals } from '../../../../shared/signal.ts';

export type Variables = Readonly<Record<string, string>>;

/** What the variables of Claude Code say of one signal's export. Texts as they are; undefined where nothing is said. */
export interface SignalExport {
  readonly signal: Signal;
  /** Used as it is; undefined where the base goes for this signal. */
  readonly ownEndpoint: string | undefined;
  readonly protocol: string | undefined;
  readonly headers: string | undefined;
  readonly compression: string | undefined;
  readonly timeout: string | undefined;
  readonly certificate: string | undefined;
  readonly clientCertificate: string | undefined;
  readonly clientKey: string | undefined;
}

/** The variables of an `env` block as texts; anything that is none is left out. */
export function variablesOf(env: Readonly<Record<string, unknown>>): Variables {
  const texts = Object.entries(env).flatMap(([name, value]) =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? [[name, String(value).trim()] as const]
      : [],
  );
  return Object.fromEntries(texts.filter(([, value]) => value !== ''));
}

/** The signals that are exported by OTLP: a list such as `otlp,console` counts, another case does not. */
export function exportedSignals(variables: Variables): readonly Signal[] {
  return signals.filter((signal) =>
    variables[`OTEL_${signal.toUpperCase()}_EXPORTER`]?.split(',').some((one) => one.trim() === 'otlp'),
  );
}

export function baseEndpoint(variables: Variables): string | undefined {
  return variables.OTEL_EXPORTER_OTLP_ENDPOINT;
}

/** What holds for a signal: its own variable before the one for all. */
export function signalExport(variables: Variables, signal: Signal): SignalExport {
  const own = (name: string) => variables[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`];
  const either = (name: string) => own(name) ?? variables[`OTEL_EXPORTER_OTLP_${name}`];
  return {
    signal,
    ownEndpoint: own('ENDPOINT'),
    protocol: either('PROTOCOL'),
    headers:
      [variables.OTEL_EXPORTER_OTLP_HEADERS, own('HEADERS')].filter((list) => list !== undefined).join(',') ||
      undefined,
    compression: either('COMPRESSION'),
    timeout: either('TIMEOUT'),
    certificate: either('CERTIFICATE'),
    clientCertificate: either('CLIENT_CERTIFICATE'),
    clientKey: either('CLIENT_KEY'),
  };
}

/** Whether a variable says where Claude Code exports to, and how: with a relay these are the relay's affair. */
export function isTransport(name: string): boolean {
  return /^OTEL_EXPORTER_OTLP_/.test(name) && !/_TEMPORALITY_PREFERENCE$/.test(name);
}

/** Whether a variable says what is exported, not where: it stays as it is. Only those that hold no secrets. */
export function isAboutContent(name: string): boolean {
  return (
    /^OTEL_(?:LOG|METRIC|METRICS|LOGS|TRACES|BLRP|BSP)_|_TEMPORALITY_PREFERENCE$|^CLAUDE_CODE_(?:OTEL_|ENHANCED_TELEMETRY)/.test(
      name,
    ) && !/_EXPORTER$/.test(name)
  );
}
