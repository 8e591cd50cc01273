import type { Signal } from '../../../shared/signal.ts';
import {
  type Field,
  isMessageType,
  maxDepth,
  messages,
  messageTypes,
  pointTypes,
  requestType,
  wireTypeOf,
} from './schema.ts';

export type Inspection =
  /** Data points, log records or spans, as the ledger counts them. */
  | { readonly ok: true; readonly points: number }
  /** What is wrong and where, in words; never holds a value out of the request. */
  | { readonly ok: false; readonly problem: string };

/**
 * Counts the points of an encoded Export…ServiceRequest and checks that every message in it, however deep, is well
 * formed: tags, wire types of the fields that OTLP knows, varints, lengths inside their parent, balanced groups, nesting.
 * Unknown fields are allowed. Text is not checked for UTF-8: no receiver of OTLP that we know refuses it for that.
 *
 * This runs for every request before it is acknowledged, so it decodes nothing and allocates nothing per field.
 */
export function inspectRequest(signal: Signal, body: Uint8Array): Inspection {
  const walk: Walk = { bytes: body, points: 0, value: 0, reason: '', path: [] };
  if (walkMessage(walk, requestIds[signal], 0, body.length, 1)) return { ok: true, points: walk.points };
  return { ok: false, problem: `${walk.path.reverse().join('.') || 'request'}: ${walk.reason}` };
}

interface Walk {
  readonly bytes: Uint8Array;
  points: number;
  /** The number that `readVarint32` read last. */
  value: number;
  reason: string;
  /** From the place of the problem outwards. */
  readonly path: string[];
}

// What the table below says of a field; from `message` on, the id of a message type is added.
const unknown = 0;
const varint = 1;
const fixed64 = 2;
const fixed32 = 3;
const delimited = 4;
const packableVarint = 5;
const packableFixed64 = 6;
const message = 8;

const requestIds: Readonly<Record<Signal, number>> = {
  metrics: messageTypes.indexOf(requestType.metrics),
  logs: messageTypes.indexOf(requestType.logs),
  traces: messageTypes.indexOf(requestType.traces),
};

/** Field numbers of OTLP end at 16. */
const rowLength = 32;
const kinds = new Uint8Array(messageTypes.length * rowLength);
const isPoint = new Uint8Array(messageTypes.length);
for (const [id, name] of messageTypes.entries()) {
  for (const field of Object.values(messages[name])) kinds[id * rowLength + field.number] = kindOf(field);
  if (pointTypes.has(name)) isPoint[id] = 1;
}

function kindOf({ type, rule }: Field): number {
  if (isMessageType(type)) return message + messageTypes.indexOf(type);
  const packable = rule === 'repeated';
  switch (wireTypeOf(type)) {
    case 0:
      return packable ? packableVarint : varint;
    case 1:
      return packable ? packableFixed64 : fixed64;
    case 5:
      return fixed32;
    case 2:
      return delimited;
  }
}

/** Walks the message of type `id` in [start, end). False when something is wrong: then `reason` and `path` say what. */
function walkMessage(walk: Walk, id: number, start: number, end: number, depth: number): boolean {
  const { bytes } = walk;
  walk.points += isPoint[id] ?? 0;
  let at = start;
  while (at < end) {
    const tagAt = at;
    let tag = bytes[at++] ?? 0;
    if (tag >= 0x80) {
      at = readVarint32(walk, tagAt, end, 'tag');
      if (at < 0) return false;
      tag = walk.value;
    }
    const number = tag >>> 3;
    const wireType = tag & 7;
    const kind = number < rowLength ? (kinds[id * rowLength + number] ?? unknown) : unknown;

    if (wireType === 2 && kind >= delimited) {
      let length = bytes[at] ?? 0;
      if (at < end && length < 0x80) {
        at++;
      } else {
        at = readVarint32(walk, at, end, 'length');
        if (at < 0) return failIn(walk, id, number, start, tagAt);
        length = walk.value;
      }
      const next = at + length;
      if (next > end) {
        walk.reason = `length ${length} at byte ${at} exceeds its parent`;
        return failIn(walk, id, number, start, tagAt);
      }
      if (kind >= message) {
        if (depth === maxDepth) {
          walk.reason = `nested deeper than ${maxDepth} levels at byte ${at}`;
          return failIn(walk, id, number, start, tagAt);
        }
        if (!walkMessage(walk, kind - message, at, next, depth + 1)) return failIn(walk, id, number, start, tagAt);
      } else if (kind !== delimited && !checkPacked(walk, kind, at, next)) {
        return failIn(walk, id, number, start, tagAt);
      }
      at = next;
    } else {
      if (kind !== unknown && !fits(kind, wireType)) {
        walk.reason = `wire type ${wireType} at byte ${tagAt}, expected ${expectedWireType(kind)}`;
        return failIn(walk, id, number, start, tagAt);
      }
      at = skipValue(walk, number, wireType, tagAt, at, end, depth);
      if (at < 0) return failIn(walk, id, number, start, tagAt);
    }
  }
  return true;
}

function fits(kind: number, wireType: number): boolean {
  switch (kind) {
    case varint:
    case packableVarint:
      return wireType === 0;
    case fixed64:
    case packableFixed64:
      return wireType === 1;
    case fixed32:
      return wireType === 5;
    default:
      return false;
  }
}

function expectedWireType(kind: number): string {
  switch (kind) {
    case varint:
      return '0 (varint)';
    case fixed64:
      return '1 (64 bits)';
    case fixed32:
      return '5 (32 bits)';
    case packableVarint:
      return '2 (packed) or 0 (varint)';
    case packableFixed64:
      return '2 (packed) or 1 (64 bits)';
    default:
      return '2 (length-delimited)';
  }
}

/** The position after a value of any kind, or -1 with `reason` set. */
function skipValue(
  walk: Walk,
  number: number,
  wireType: number,
  tagAt: number,
  start: number,
  end: number,
  depth: number,
): number {
  if (number === 0) return fail(walk, `field number 0 at byte ${tagAt}`);
  switch (wireType) {
    case 0:
      return skipVarint(walk, start, end);
    case 1:
      return start + 8 <= end ? start + 8 : fail(walk, `64-bit value at byte ${start} is cut short`);
    case 5:
      return start + 4 <= end ? start + 4 : fail(walk, `32-bit value at byte ${start} is cut short`);
    case 2: {
      const at = readVarint32(walk, start, end, 'length');
      if (at < 0) return -1;
      const next = at + walk.value;
      return next <= end ? next : fail(walk, `length ${walk.value} at byte ${start} exceeds its parent`);
    }
    case 3:
      return skipGroup(walk, number, tagAt, start, end, depth + 1);
    case 4:
      return fail(walk, `end of group ${number} at byte ${tagAt} without its start`);
    default:
      return fail(walk, `wire type ${wireType} at byte ${tagAt} does not exist`);
  }
}

function skipGroup(walk: Walk, group: number, groupAt: number, start: number, end: number, depth: number): number {
  if (depth > maxDepth) return fail(walk, `nested deeper than ${maxDepth} levels at byte ${groupAt}`);
  let at = start;
  while (at < end) {
    const tagAt = at;
    at = readVarint32(walk, at, end, 'tag');
    if (at < 0) return -1;
    const number = walk.value >>> 3;
    const wireType = walk.value & 7;
    if (wireType === 4) {
      return number === group ? at : fail(walk, `end of group ${number} at byte ${tagAt}, expected that of ${group}`);
    }
    at = skipValue(walk, number, wireType, tagAt, at, end, depth);
    if (at < 0) return -1;
  }
  return fail(walk, `group ${group} at byte ${groupAt} is not closed`);
}

function skipVarint(walk: Walk, start: number, end: number): number {
  const limit = Math.min(end, start + 10);
  for (let at = start; at < limit; at++) {
    if ((walk.bytes[at] ?? 0) < 0x80) return at + 1;
  }
  return fail(walk, `varint at byte ${start} is ${limit < start + 10 ? 'cut short' : 'longer than 10 bytes'}`);
}

function checkPacked(walk: Walk, kind: number, start: number, end: number): boolean {
  if (kind === packableFixed64) {
    return (end - start) % 8 === 0 || fail(walk, `packed 64-bit values at byte ${start} are cut short`) > 0;
  }
  let at = start;
  while (at < end) {
    at = skipVarint(walk, at, end);
    if (at < 0) return false;
  }
  return true;
}

/** Reads a tag or a length into `walk.value`: at most 5 bytes; a tag has 32 bits, a length 31. The position after it, or -1. */
function readVarint32(walk: Walk, start: number, end: number, what: 'tag' | 'length'): number {
  let value = 0;
  let scale = 1;
  for (let at = start; at < end && at < start + 5; at++) {
    const byte = walk.bytes[at] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (value >= (what === 'tag' ? 2 ** 32 : 2 ** 31)) break;
      walk.value = value;
      return at + 1;
    }
    scale *= 0x80;
  }
  return fail(walk, `${what} at byte ${start} is ${end - start < 5 ? 'cut short' : 'too large'}`);
}

function fail(walk: Walk, reason: string): -1 {
  walk.reason = reason;
  return -1;
}

/** Adds the field in which the walk failed to the path. Only here is it found out which element of a list that was. */
function failIn(walk: Walk, id: number, number: number, start: number, tagAt: number): false {
  const type = messageTypes[id];
  const known = type && Object.entries(messages[type]).find(([, field]) => field.number === number);
  if (!known) {
    if (number !== 0) walk.path.push(`field ${number}`);
    return false;
  }
  const [name, field] = known;
  const element = field.rule === 'repeated' ? `[${countBefore(walk, number, start, tagAt)}]` : '';
  walk.path.push(name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) + element);
  return false;
}

/** How many fields of this number stand in [start, end), which has been walked without a problem. */
function countBefore(walk: Walk, number: number, start: number, end: number): number {
  const scan: Walk = { bytes: walk.bytes, points: 0, value: 0, reason: '', path: [] };
  let count = 0;
  let at = start;
  while (at < end) {
    const tagAt = at;
    at = readVarint32(scan, at, end, 'tag');
    const tag = scan.value;
    if (tag >>> 3 === number) count++;
    at = skipValue(scan, tag >>> 3, tag & 7, tagAt, at, end, 1);
    if (at < 0) return count;
  }
  return count;
}
