import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../../../src/main/core/otlp/decode.ts';
import {
  type Field,
  isMessageType,
  type MessageType,
  messages,
  requestType,
} from '../../../../src/main/core/otlp/schema.ts';
import type { Signal } from '../../../../src/shared/signal.ts';

/** Random requests in OTLP/JSON as a decoder shows them: no default where proto3 leaves it out, no empty lists. */
export function requestArbitrary(signal: Signal): fc.Arbitrary<JsonObject> {
  return message(requestType[signal], 2);
}

/** `values`: how deep values may nest in values. */
function message(type: MessageType, values: number): fc.Arbitrary<JsonObject> {
  const plain: Record<string, fc.Arbitrary<JsonValue>> = {};
  const oneofs = new Map<string, fc.Arbitrary<JsonObject>[]>();
  for (const [name, field] of Object.entries(messages[type])) {
    if (values === 0 && (field.type === 'ArrayValue' || field.type === 'KeyValueList')) continue;
    const value = fieldValue(field, type === 'AnyValue' ? values - 1 : values);
    if (field.oneof) {
      const members = oneofs.get(field.oneof) ?? [];
      oneofs.set(field.oneof, [...members, value.map((member) => ({ [name]: member }))]);
    } else {
      plain[name] = value;
    }
  }
  const oneofMembers = [...oneofs.values()].map((members) => fc.oneof(fc.constant<JsonObject>({}), ...members));
  return fc.tuple(fc.record(plain, { requiredKeys: [] }), ...oneofMembers).map((parts) => Object.assign({}, ...parts));
}

function fieldValue(field: Field, values: number): fc.Arbitrary<JsonValue> {
  const value = isMessageType(field.type) ? message(field.type, values) : scalar(field.type);
  if (field.rule === 'repeated') return fc.array(value, { minLength: 1, maxLength: 2 });
  if (field.rule === 'implicit') return value.filter((candidate) => !isDefault(candidate));
  return value;
}

function isDefault(value: JsonValue): boolean {
  return value === '' || value === '0' || value === 0 || value === false;
}

function scalar(type: Exclude<Field['type'], MessageType>): fc.Arbitrary<JsonValue> {
  const integer64 = (min: bigint, max: bigint) => fc.bigInt({ min, max }).map(String);
  switch (type) {
    case 'string':
      return fc.string({ unit: 'binary', maxLength: 20 });
    case 'bytes':
      return fc.uint8Array({ maxLength: 10 }).map((bytes) => Buffer.from(bytes).toString('base64'));
    case 'traceId':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'));
    case 'spanId':
      return fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex'));
    case 'bool':
      return fc.boolean();
    case 'enum':
    case 'sint32':
      return fc.integer();
    case 'uint32':
    case 'fixed32':
      return fc.integer({ min: 0, max: 2 ** 32 - 1 });
    case 'int64':
    case 'sfixed64':
      return integer64(-(2n ** 63n), 2n ** 63n - 1n);
    case 'uint64':
    case 'fixed64':
      return integer64(0n, 2n ** 64n - 1n);
    case 'double':
      // JSON.stringify does not tell -0 from 0.
      return fc.double().map((value) => (Number.isFinite(value) ? value + 0 : String(value)));
  }
}
