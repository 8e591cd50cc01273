import type { JsonObject, JsonValue } from './decode.ts';

/**
 * A decoded request for other eyes than its owner's: structure, names, numbers, times and ids of traces stay; text stays
 * only where it is known to be harmless, every other text becomes "‹masked, 23 characters›". Prompts, code, e-mail
 * addresses and whatever a company adds to its telemetry are therefore masked without anybody having thought of them.
 */
export function maskConfidential(decoded: JsonObject): JsonObject {
  return maskObject(decoded, false);
}

/** Text that OTLP itself defines, outside of attribute values. */
const plainFields = new Set([
  'key',
  'description',
  'schemaUrl',
  'traceId',
  'spanId',
  'parentSpanId',
  // Numbers that JSON carries as text.
  'intValue',
  'asInt',
  'asDouble',
  'doubleValue',
  'count',
  'sum',
  'min',
  'max',
  'zeroCount',
  'zeroThreshold',
  'quantile',
  'value',
  'bucketCounts',
  'explicitBounds',
  'timeUnixNano',
  'startTimeUnixNano',
  'endTimeUnixNano',
  'observedTimeUnixNano',
]);

/** What a metric, scope, span or event is called; kept where it looks like a name, for free text in its place is none. */
const nameFields = new Set(['name', 'unit', 'version', 'severityText', 'eventName', 'type']);
const identifier = /^[\w.\-/{}%]{1,100}$/;

/** Attributes whose values say something of the program or the machine's kind, nothing of a person or their work. */
const plainAttributes = new Set([
  'service.name',
  'service.version',
  'telemetry.sdk.name',
  'telemetry.sdk.version',
  'telemetry.sdk.language',
  'os.type',
  'os.version',
  'host.arch',
  'wsl.version',
  'terminal.type',
  'app.version',
  'app.entrypoint',
  'session.id',
  'prompt.id',
  'request_id',
  'event.name',
  'event.timestamp',
  'span.type',
  'type',
  'model',
  'effort',
  'speed',
  'decision',
  'decision_source',
  'source',
  'language',
  'tool_name',
  'status_code',
  'stop_reason',
  'start_type',
  'success',
  'query_source',
  'query_source_safe',
  'anthropic.provider',
  'gen_ai.operation.name',
  'gen_ai.provider.name',
  'gen_ai.request.model',
  'gen_ai.response.finish_reasons',
  'gen_ai.system',
  'llm_request.context',
  'managed_settings.trigger',
  'managed_settings.sources',
  'managed_settings.source_behavior',
  'managed_settings.helper.state',
  'managed_settings.helper.applied',
  'plugin.scope',
  'prompt_length',
]);

function maskObject(object: JsonObject, plain: boolean): JsonObject {
  const { key } = object;
  const masked: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(object)) {
    // An AnyValue stands directly under its key, so a key decides for its own value and for lists in it, not for other keys.
    const valueIsPlain = typeof key === 'string' && name === 'value' ? plainAttributes.has(key) : plain;
    masked[name] = maskValue(name, value, valueIsPlain && name !== 'kvlistValue');
  }
  return masked;
}

function maskValue(name: string, value: JsonValue, plain: boolean): JsonValue {
  if (typeof value === 'string') {
    if (plain || plainFields.has(name)) return value;
    if (nameFields.has(name) && identifier.test(value)) return value;
    return `‹masked, ${Array.from(value).length} characters›`;
  }
  if (isArray(value)) return value.map((element) => maskValue(name, element, plain));
  if (typeof value === 'object' && value !== null) return maskObject(value, plain);
  return value;
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
