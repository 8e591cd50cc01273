import type { JsonObject, JsonValue } from '../../../../src/main/core/otlp/decode.ts';
import {
  type Field,
  isMessageType,
  type MessageType,
  messages,
  wireTypeOf,
} from '../../../../src/main/core/otlp/schema.ts';
import { below, pick, type Random } from '../../../support/random.ts';
import { varint } from '../../../support/varint.ts';

/**
 * Encodes OTLP/JSON as no encoder would and every decoder must take: fields in any order, messages in several parts, lengths
 * wider than need be, fields and groups that nobody knows.
 */
export function encodeOddly(type: MessageType, object: JsonObject, random: Random): Buffer {
  const fields = Object.entries(messages[type]).flatMap(([name, field]) => {
    const value = object[name];
    if (value === undefined) return [];
    const elements = Array.isArray(value) ? value : [value];
    return [elements.flatMap((element) => encodeField(field, element, random))];
  });
  while (below(random, 3) === 0) fields.push([unknownField(random)]);
  return Buffer.concat(interleave(fields, random));
}

/** One field, or two that protobuf merges. */
function encodeField(field: Field, value: JsonValue, random: Random): Buffer[] {
  const { number, type } = field;
  if (!isMessageType(type))
    return [Buffer.concat([tag(number, wireTypeOf(type), random), scalar(type, value, random)])];
  const object = objectOf(value);
  const parts = field.rule === 'implicit' && below(random, 3) === 0 ? split(type, object, random) : [object];
  return parts.map((part) => delimited(number, encodeOddly(type, part, random), random));
}

/** The elements of a list may come in both parts, in order; any other field comes in one of them. */
function split(type: MessageType, object: JsonObject, random: Random): JsonObject[] {
  const first: Record<string, JsonValue> = {};
  const second: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(object)) {
    if (Array.isArray(value) && messages[type][name]?.rule === 'repeated') {
      const middle = below(random, value.length + 1);
      first[name] = value.slice(0, middle);
      second[name] = value.slice(middle);
    } else {
      pick(random, [first, second])[name] = value;
    }
  }
  return [first, second];
}

function scalar(type: Field['type'], value: JsonValue, random: Random): Buffer {
  switch (wireTypeOf(type)) {
    case 0:
      return padded(below(random, 1_000_000), random);
    case 1:
      return Buffer.alloc(8, below(random, 256));
    case 5:
      return Buffer.alloc(4, below(random, 256));
    case 2: {
      const text = Buffer.from(String(value));
      return Buffer.concat([padded(text.length, random), text]);
    }
  }
}

function unknownField(random: Random): Buffer {
  const number = pick(random, [17, 31, 32, 100, 20_000]);
  switch (below(random, 5)) {
    case 0:
      return Buffer.concat([tag(number, 0, random), padded(below(random, 1_000_000), random)]);
    case 1:
      return Buffer.concat([tag(number, 1, random), Buffer.alloc(8, 0x0a)]);
    case 2:
      return Buffer.concat([tag(number, 5, random), Buffer.alloc(4, 0x0a)]);
    case 3:
      return delimited(number, Buffer.alloc(below(random, 200), 0x0a), random);
    default: {
      // What stands in a group is not what it looks like.
      const inside = [
        delimited(1, Buffer.from('work_email'), random),
        ...(below(random, 2) ? [unknownField(random)] : []),
      ];
      return Buffer.concat([tag(number, 3, random), ...inside, tag(number, 4, random)]);
    }
  }
}

function delimited(number: number, content: Uint8Array, random: Random): Buffer {
  return Buffer.concat([tag(number, 2, random), padded(content.length, random), content]);
}

function tag(number: number, wireType: number, random: Random): Buffer {
  return padded(number * 8 + wireType, random);
}

/** A varint, now and then in more bytes than it needs. */
function padded(value: number, random: Random): Buffer {
  const bytes = varint(value);
  while (bytes.length < 5 && below(random, 6) === 0) {
    bytes.push(0);
    bytes[bytes.length - 2] = (bytes.at(-2) ?? 0) | 0x80;
  }
  return Buffer.from(bytes);
}

/** In any order, but that of each list. */
function interleave(lists: readonly (readonly Buffer[])[], random: Random): Buffer[] {
  const rests = lists.map((list) => [...list]).filter((list) => list.length > 0);
  const all: Buffer[] = [];
  while (rests.length > 0) {
    const rest = pick(random, rests);
    const next = rest.shift();
    if (next) all.push(next);
    if (rest.length === 0) rests.splice(rests.indexOf(rest), 1);
  }
  return all;
}

function objectOf(value: JsonValue): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {};
}
