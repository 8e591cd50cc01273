import type { JsonObject, JsonValue } from '../../../../src/main/core/otlp/decode.ts';
import type { Attribute } from '../../../../src/main/core/otlp/enrich.ts';
import type { Signal } from '../../../../src/shared/signal.ts';

const pointLists = ['dataPoints', 'logRecords', 'spans'];

/** What a request says after attributes were put on it. */
export function enrichedJson(signal: Signal, request: JsonObject, attributes: readonly Attribute[]): JsonObject {
  const name = { metrics: 'resourceMetrics', logs: 'resourceLogs', traces: 'resourceSpans' }[signal];
  const { [name]: telemetry, ...others } = request;
  if (!isList(telemetry)) return request;
  return { ...others, [name]: telemetry.map((one) => (isObject(one) ? ofResource(one, attributes) : one)) };
}

function ofResource(telemetry: JsonObject, attributes: readonly Attribute[]): JsonObject {
  if (attributes.length === 0) return telemetry;
  const resource = isObject(telemetry.resource) ? telemetry.resource : {};
  const keys = keysOf(resource);
  const onPoints = attributes.filter(({ key, override }) => override || !keys.includes(key));
  const inside = Object.entries(telemetry).map(([name, value]) => [name, intoPoints(value, onPoints)]);
  return { ...Object.fromEntries(inside), resource: withAttributes(resource, attributes) };
}

function intoPoints(value: JsonValue, attributes: readonly Attribute[]): JsonValue {
  if (isList(value)) return value.map((element) => intoPoints(element, attributes));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      pointLists.includes(name) && isList(field)
        ? field.map((point) => (isObject(point) ? withAttributes(point, attributes) : point))
        : intoPoints(field, attributes),
    ]),
  );
}

function withAttributes(holder: JsonObject, attributes: readonly Attribute[]): JsonObject {
  const keys = keysOf(holder);
  const present = listOf(holder).map((one) => {
    const attribute = isObject(one) ? attributes.find(({ key }) => key === one.key) : undefined;
    return attribute?.override ? json(attribute) : one;
  });
  const all = [...present, ...attributes.filter(({ key }) => !keys.includes(key)).map(json)];
  return all.length === 0 ? holder : { ...holder, attributes: all };
}

function json({ key, value }: Attribute): JsonObject {
  return { key, value: { stringValue: value } };
}

function keysOf(holder: JsonObject): JsonValue[] {
  return listOf(holder).map((one) => (isObject(one) ? (one.key ?? '') : ''));
}

function listOf({ attributes }: JsonObject): readonly JsonValue[] {
  return isList(attributes) ? attributes : [];
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
