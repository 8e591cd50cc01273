/** A list such as `a=b,c=d`, as OTEL_EXPORTER_OTLP_HEADERS and OTEL_RESOURCE_ATTRIBUTES have it. */
export interface KeyValueList {
  readonly pairs: readonly (readonly [key: string, value: string])[];
  /** Keys that a colon stands behind: `k: v` is meant, and Claude Code sends no such header. */
  readonly withColon: readonly string[];
  /** How many parts are no pair at all. */
  readonly broken: number;
}

/**
 * Splits at commas and at the first `=`, and decodes percent-encoding, as the specification has it
 * (https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables).
 * A part `k: v` is read as it is meant.
 */
export function keyValueList(text: string): KeyValueList {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const read = parts.map((part) => {
    const colon = /^([\w.-]+)\s*:\s+(.+)$/s.exec(part);
    const [, key = '', value] = colon ?? /^([^=]+)=(.*)$/s.exec(part) ?? [];
    return value === undefined ? undefined : { key: key.trim(), value: decoded(value.trim()), colon: colon !== null };
  });
  const pairs = read.filter((one) => one !== undefined);
  return {
    pairs: pairs.map(({ key, value }) => [key, value] as const),
    withColon: pairs.filter(({ colon }) => colon).map(({ key }) => key),
    broken: read.length - pairs.length,
  };
}

/** A percent sign that encodes nothing is one. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
