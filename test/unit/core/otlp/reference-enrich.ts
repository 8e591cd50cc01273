import type { Attribute } from '../../../../src/main/core/otlp/enrich.ts';
import {
  isMessageType,
  type MessageType,
  messages,
  pointTypes,
  requestType,
} from '../../../../src/main/core/otlp/schema.ts';
import type { Signal } from '../../../../src/shared/signal.ts';
import { varint } from '../../../support/varint.ts';

interface WireField {
  readonly number: number;
  /** All of it, as it is written. */
  readonly raw: Buffer;
  /** Of a length-delimited field. */
  readonly content?: Buffer;
  readonly tag: Buffer;
  readonly lengthWidth: number;
}

/** What an enricher must do, written for being read: from the inside out, a message at a time, with everything copied. */
export function referenceEnrich(signal: Signal, body: Uint8Array, attributes: readonly Attribute[]): Buffer {
  if (attributes.length === 0) return Buffer.from(body);
  const [resources] = Object.values(messages[requestType[signal]]);
  return rebuild(Buffer.from(body), (field) =>
    field.number === resources?.number && isMessageType(resources.type)
      ? enrichTelemetry(resources.type, field.content, attributes)
      : undefined,
  );
}

/** Takes attributes out of a request that had none of their keys, and resources that are there for nothing else. */
export function withoutAttributes(signal: Signal, body: Uint8Array, attributes: readonly Attribute[]): Buffer {
  const encoded = attributes.map(encode);
  const strip = (type: MessageType, content: Buffer): Buffer =>
    rebuild(content, (field) => {
      const known = Object.values(messages[type]).find(({ number }) => number === field.number);
      if (!known || !isMessageType(known.type) || field.content === undefined) return undefined;
      if (encoded.some((one) => field.content?.equals(one))) return removed;
      const rest = strip(known.type, field.content);
      return known.type === 'Resource' && rest.length === 0 ? removed : rest;
    });
  return strip(requestType[signal], Buffer.from(body));
}

const removed = Buffer.from('removed');

function enrichTelemetry(type: MessageType, content: Buffer | undefined, attributes: readonly Attribute[]) {
  if (content === undefined) return undefined;
  const parts = parse(content).filter((field) => field.number === 1 && field.content !== undefined);
  const keys = new Set(parts.flatMap((part) => keysOf('Resource', part.content ?? Buffer.of())));
  const missing = attributes.filter(({ key }) => !keys.has(key));
  const onPoints = attributes.filter(({ key, override }) => override || !keys.has(key));
  let seen = 0;
  const enriched = rebuild(content, (field) => {
    if (field.number === 1 && field.content !== undefined) {
      seen++;
      return enrichHolder('Resource', field.content, attributes, seen === parts.length ? missing : []);
    }
    return descend(type, field, onPoints);
  });
  if (parts.length > 0) return enriched;
  const resource = Buffer.concat(attributes.map((attribute) => delimited(1, encode(attribute))));
  return Buffer.concat([enriched, delimited(1, resource)]);
}

function descend(type: MessageType, field: WireField, attributes: readonly Attribute[]): Buffer | undefined {
  const known = Object.values(messages[type]).find(({ number }) => number === field.number);
  const { content } = field;
  if (!known || !isMessageType(known.type) || content === undefined) return undefined;
  const inner = known.type;
  if (pointTypes.has(inner)) {
    const keys = new Set(keysOf(inner, content));
    const missing = attributes.filter(({ key }) => !keys.has(key));
    return enrichHolder(inner, content, attributes, missing);
  }
  const onTheWay = ['ScopeMetrics', 'Metric', 'ScopeLogs', 'ScopeSpans'].includes(inner) || type === 'Metric';
  return onTheWay && inner !== 'KeyValue' ? rebuild(content, (one) => descend(inner, one, attributes)) : undefined;
}

function enrichHolder(
  type: MessageType,
  content: Buffer,
  attributes: readonly Attribute[],
  missing: readonly Attribute[],
): Buffer {
  const number = messages[type].attributes?.number ?? 0;
  const replaced = rebuild(content, (field) => {
    if (field.number !== number || field.content === undefined) return undefined;
    const key = keyOf(field.content);
    const attribute = attributes.find((one) => one.override && one.key === key);
    return attribute && replaceValue(field.content, attribute);
  });
  return Buffer.concat([replaced, ...missing.map((attribute) => delimited(number, encode(attribute)))]);
}

function replaceValue(keyValue: Buffer, attribute: Attribute): Buffer {
  const fields = parse(keyValue);
  const right = value(attribute);
  const values = fields.filter(({ number, content }) => number === 2 && content !== undefined);
  if (values.length === 1 && values[0]?.content?.equals(right)) return keyValue;
  const [first] = values;
  const kept = fields.flatMap((field) => {
    if (field === first) return [delimited(2, right)];
    return values.includes(field) ? [] : [field.raw];
  });
  return Buffer.concat(first ? kept : [...kept, delimited(2, right)]);
}

function keysOf(type: MessageType, content: Buffer): string[] {
  const number = messages[type].attributes?.number;
  return parse(content).flatMap((field) => (field.number === number && field.content ? [keyOf(field.content)] : []));
}

function keyOf(keyValue: Buffer): string {
  const keys = parse(keyValue).filter(({ number, content }) => number === 1 && content !== undefined);
  return keys.at(-1)?.content?.toString() ?? '';
}

function encode(attribute: Attribute): Buffer {
  return Buffer.concat([delimited(1, Buffer.from(attribute.key)), delimited(2, value(attribute))]);
}

function value(attribute: Attribute): Buffer {
  return delimited(1, Buffer.from(attribute.value));
}

function delimited(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(varint(number * 8 + 2)), Buffer.from(varint(content.length)), content]);
}

/** Every field as it was, or with new content and a length that is as much too wide as the old one. */
function rebuild(content: Buffer, change: (field: WireField) => Buffer | undefined): Buffer {
  return Buffer.concat(
    parse(content).map((field) => {
      const changed = change(field);
      if (changed === removed) return Buffer.of();
      if (changed === undefined || field.content === undefined || changed.equals(field.content)) return field.raw;
      const length = varint(changed.length);
      const wasPadded = field.lengthWidth > varint(field.content.length).length;
      while (wasPadded && length.length < field.lengthWidth) {
        length[length.length - 1] = (length.at(-1) ?? 0) + 0x80;
        length.push(0);
      }
      return Buffer.concat([field.tag, Buffer.from(length), changed]);
    }),
  );
}

function parse(content: Buffer): WireField[] {
  const fields: WireField[] = [];
  for (let at = 0; at < content.length; ) {
    const tag = readVarint(content, at);
    const number = Math.floor(tag.value / 8);
    const start = at;
    let end = tag.end;
    let rest: Pick<WireField, 'content' | 'lengthWidth'> = { lengthWidth: 0 };
    switch (tag.value % 8) {
      case 0:
        end = readVarint(content, tag.end).end;
        break;
      case 1:
        end += 8;
        break;
      case 5:
        end += 4;
        break;
      case 2: {
        const length = readVarint(content, tag.end);
        end = length.end + length.value;
        rest = { lengthWidth: length.end - tag.end, content: content.subarray(length.end, end) };
        break;
      }
      case 3:
        end = tag.end + groupLength(content.subarray(tag.end));
        break;
      default:
        throw new Error(`wire type ${tag.value % 8}`);
    }
    fields.push({ number, raw: content.subarray(start, end), tag: content.subarray(start, tag.end), ...rest });
    at = end;
  }
  return fields;
}

/** To the end of the tag that ends the group. */
function groupLength(content: Buffer): number {
  for (let at = 0; at < content.length; ) {
    const tag = readVarint(content, at);
    if (tag.value % 8 === 4) return tag.end;
    const one = content.subarray(at);
    at += tag.value % 8 === 3 ? tag.end - at + groupLength(content.subarray(tag.end)) : firstLength(one);
  }
  throw new Error('a group without end');
}

function firstLength(content: Buffer): number {
  const tag = readVarint(content, 0);
  const next = readVarint(content, tag.end);
  const lengths: Readonly<Record<number, number>> = {
    0: next.end,
    1: tag.end + 8,
    2: next.end + next.value,
    5: tag.end + 4,
  };
  return lengths[tag.value % 8] ?? content.length;
}

function readVarint(content: Buffer, start: number): { value: number; end: number } {
  let value = 0;
  let at = start;
  for (let scale = 1; ; scale *= 0x80) {
    const byte = content[at++] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, end: at };
  }
}
