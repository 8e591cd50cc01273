import type { INamespace, IType, Root } from 'protobufjs/light.js';
import type { Signal } from '../../../shared/signal.ts';
import { type Field, isMessageType, type MessageType, messages, messageTypes, requestType } from './schema.ts';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/**
 * An encoded Export…ServiceRequest as OTLP/JSON, for people to look at: ids in hexadecimal, 64-bit integers as strings,
 * fields that OTLP does not know left out. Text that is not UTF-8 is shown with replacement characters.
 *
 * Throws for a body that `inspectRequest` calls malformed. protobufjs is loaded by the first call: looking at payloads is
 * rare, the relay's idle memory is not.
 */
export async function decodeRequest(signal: Signal, body: Uint8Array): Promise<JsonObject> {
  const type = requestType[signal];
  const message: unknown = (await requestRoot()).lookupType(type).decode(body);
  return messageToJson(type, message);
}

let loading: Promise<Root> | undefined;

/** The schema as protobufjs knows it; every message of OTLP stands at the root under its own name. */
export function requestRoot(): Promise<Root> {
  loading ??= import('protobufjs/light.js').then(({ default: protobuf }) => protobuf.Root.fromJSON(descriptor()));
  return loading;
}

function descriptor(): INamespace {
  // Who looks at a payload wants to see it also where its text is broken.
  const options = { features: { utf8_validation: 'NONE' } };
  return { nested: Object.fromEntries(messageTypes.map((type) => [type, { ...typeDescriptor(type), options }])) };
}

function typeDescriptor(type: MessageType): IType & { edition: string } {
  const fields = Object.entries(messages[type]);
  const oneofs = new Map<string, string[]>();
  for (const [name, field] of fields) {
    if (field.rule !== 'optional') continue;
    // protobufjs, like protoc, keeps the presence of a single optional field in a oneof of its own.
    const oneof = field.oneof ?? `_${name}`;
    oneofs.set(oneof, [...(oneofs.get(oneof) ?? []), name]);
  }
  return {
    edition: 'proto3',
    fields: Object.fromEntries(fields.map(([name, field]) => [name, fieldDescriptor(field)])),
    oneofs: Object.fromEntries([...oneofs].map(([name, members]) => [name, { oneof: members }])),
  };
}

function fieldDescriptor(field: Field) {
  return {
    id: field.number,
    type: protobufType(field.type),
    ...(field.rule === 'repeated' && { rule: 'repeated' }),
    ...(field.rule === 'optional' && !field.oneof && { options: { proto3_optional: true } }),
  };
}

function protobufType(type: Field['type']): string {
  switch (type) {
    case 'traceId':
    case 'spanId':
      return 'bytes';
    case 'enum':
      return 'int32';
    default:
      return type;
  }
}

function messageToJson(type: MessageType, message: unknown): JsonObject {
  const json: Record<string, JsonValue> = {};
  if (typeof message !== 'object' || message === null) return json;
  for (const [name, field] of Object.entries(messages[type])) {
    if (!Object.hasOwn(message, name)) continue;
    const value: unknown = Reflect.get(message, name);
    if (!Array.isArray(value)) json[name] = valueToJson(field.type, value);
    else if (value.length > 0) json[name] = value.map((element) => valueToJson(field.type, element));
  }
  return json;
}

function valueToJson(type: Field['type'], value: unknown): JsonValue {
  if (isMessageType(type)) return messageToJson(type, value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString(type === 'bytes' ? 'base64' : 'hex');
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  // The 64-bit integers of protobufjs.
  return String(value);
}
