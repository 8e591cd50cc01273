import { assertNever } from '../../../shared/assert-never.ts';
import type { Signal } from '../../../shared/signal.ts';
import { type Plan, type PlannedField, planOf } from './json-plan.ts';
import { JsonWriter } from './json-writer.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { ScalarCursor } from './scalar-cursor.ts';
import { requestType, type ScalarType, wireTypeOf } from './schema.ts';
import { delimited } from './wire.ts';

/** Requests of Claude Code get two to three times as large. */
const usualGrowth = 3;

/** Between two pauses: about 5 ms of work. */
const stepBytes = 512 * 1024;

/**
 * Protobuf to OTLP/JSON, the way back of `transcodeJson`: names in lowerCamelCase, trace and span ids in hexadecimal, enums
 * as integers, 64-bit integers as decimal strings, bytes in base64, NaN and the infinities as strings. Fields that OTLP does
 * not know are left out; text that is not UTF-8 gets replacement characters.
 *
 * Made step by step, for it may be large and the thread has others to serve. Expects a request that `inspectRequest` found
 * well formed.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export class JsonEncoder {
  readonly #writer: JsonWriter;
  /** The messages that are open, outermost first. */
  readonly #open: OpenMessage[] = [];

  constructor(signal: Signal, body: Uint8Array) {
    this.#writer = new JsonWriter(body.length * usualGrowth);
    this.#enter(planOf(requestType[signal]), new ScalarCursor(body), body.length);
  }

  /** Does some of the work. Returns the JSON when all is done: then the encoder must not be used any more. */
  step(): Uint8Array | undefined {
    const pauseAt = this.#writer.length + stepBytes;
    for (let message = this.#open.at(-1); message !== undefined; message = this.#open.at(-1)) {
      if (message.cursor.at < message.end) {
        this.#field(message);
      } else {
        this.#leave(message);
        if (this.#writer.length >= pauseAt) return undefined;
      }
    }
    return this.#writer.finish();
  }

  /** The message between the cursor and `end`, which the cursor of its parent stands behind when it has been left. */
  #enter(plan: Plan, cursor: ScalarCursor, end: number): void {
    this.#writer.mark(openBrace);
    if (isInOrder(plan, cursor, end)) {
      this.#open.push({ plan, cursor, end, list: undefined, filled: false, filledList: false });
      return;
    }
    const ordered = new ScalarCursor(inOrder(plan, cursor, end));
    this.#open.push({
      plan,
      cursor: ordered,
      end: ordered.bytes.length,
      list: undefined,
      filled: false,
      filledList: false,
    });
  }

  #leave({ list }: OpenMessage): void {
    if (list !== undefined) this.#writer.mark(closeBracket);
    this.#writer.mark(closeBrace);
    this.#open.pop();
  }

  #field(message: OpenMessage): void {
    const { plan, cursor } = message;
    const tag = cursor.varint();
    const field = plan.byNumber[tag >>> 3];
    if (field === undefined) {
      cursor.skip(tag);
      return;
    }
    if (field !== message.list) this.#key(message, field);
    if (field.message !== undefined) {
      this.#separate(message);
      const end = contentEnd(cursor);
      this.#enter(field.message, cursor, end);
    } else if (field.scalar !== undefined) {
      const packed = (tag & 7) === delimited && wireTypeOf(field.type) !== delimited;
      const valuesEnd = packed ? contentEnd(cursor) : cursor.at + 1;
      while (cursor.at < valuesEnd) {
        this.#separate(message);
        writeScalar(this.#writer, field.scalar, cursor);
      }
    }
  }

  #key(message: OpenMessage, field: PlannedField): void {
    const writer = this.#writer;
    if (message.list !== undefined) writer.mark(closeBracket);
    if (message.filled) writer.mark(comma);
    writer.bytes(field.jsonKey);
    message.filled = true;
    message.filledList = false;
    message.list = field.rule === 'repeated' ? field : undefined;
    if (message.list !== undefined) writer.mark(openBracket);
  }

  #separate(message: OpenMessage): void {
    if (message.filledList) this.#writer.mark(comma);
    message.filledList = message.list !== undefined;
  }
}

interface OpenMessage {
  readonly plan: Plan;
  readonly cursor: ScalarCursor;
  readonly end: number;
  /** The list that is being written. */
  list: PlannedField | undefined;
  /** Whether there is a field, and an element of that list, so that the next one needs a comma. */
  filled: boolean;
  filledList: boolean;
}

const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Whether every field stands in one place, as all encoders write it; protobuf allows to come back to one. */
function isInOrder(plan: Plan, cursor: ScalarCursor, end: number): boolean {
  const start = cursor.at;
  let seen = 0;
  let last = 0;
  let ordered = true;
  while (ordered && cursor.at < end) {
    const tag = cursor.varint();
    const field = plan.byNumber[tag >>> 3];
    cursor.skip(tag);
    if (field === undefined) continue;
    ordered = field.rule === 'repeated' && field.number === last ? true : (seen & field.rivals) === 0;
    seen |= 1 << field.number;
    last = field.number;
  }
  cursor.at = start;
  return ordered;
}

/**
 * The same message with every field in one place. As protobuf says of fields that come again: elements of a list are
 * appended, messages are merged (which is to concatenate them), of everything else and of a oneof's members the last counts.
 */
function inOrder(plan: Plan, cursor: ScalarCursor, end: number): Uint8Array {
  const known = new Map<PlannedField, Uint8Array[]>();
  while (cursor.at < end) {
    let start = cursor.at;
    const tag = cursor.varint();
    const field = plan.byNumber[tag >>> 3];
    if (field === undefined) {
      cursor.skip(tag);
      continue;
    }
    if (isMerged(field)) {
      const length = cursor.varint();
      start = cursor.at;
      cursor.at += length;
    } else {
      cursor.skip(tag);
    }
    for (const other of known.keys()) {
      if (other !== field && field.rivals & (1 << other.number)) known.delete(other);
    }
    const part = cursor.bytes.subarray(start, cursor.at);
    const parts = known.get(field);
    if (parts !== undefined && (isMerged(field) || field.rule === 'repeated')) parts.push(part);
    else known.set(field, [part]);
  }
  const writer = new ProtobufWriter(cursor.bytes.length);
  for (const [field, parts] of known) {
    const whole = Buffer.concat(parts);
    if (isMerged(field)) {
      writer.tag(field.number, delimited);
      writer.varint(whole.length);
    }
    writer.bytes(whole, 0, whole.length);
  }
  return writer.finish();
}

function isMerged(field: PlannedField): boolean {
  return field.rule !== 'repeated' && field.message !== undefined;
}

/** Reads a length. Returns where what it measures ends. */
function contentEnd(cursor: ScalarCursor): number {
  const length = cursor.varint();
  return cursor.at + length;
}

function writeScalar(writer: JsonWriter, type: ScalarType, cursor: ScalarCursor): void {
  switch (type) {
    case 'string': {
      const end = contentEnd(cursor);
      writer.string(cursor.bytes, cursor.at, end);
      cursor.at = end;
      return;
    }
    case 'bytes':
    case 'traceId':
    case 'spanId': {
      const end = contentEnd(cursor);
      writer.encoded(cursor.bytes, cursor.at, end, type === 'bytes' ? 'base64' : 'hex');
      cursor.at = end;
      return;
    }
    case 'bool':
      writer.ascii(cursor.varint64() === 0n ? 'false' : 'true');
      return;
    case 'double': {
      const value = cursor.double();
      if (Number.isFinite(value)) writer.ascii(Object.is(value, -0) ? '-0' : String(value));
      else writer.ascii(`"${value}"`);
      return;
    }
    case 'enum':
      writer.ascii(String(BigInt.asIntN(32, cursor.varint64())));
      return;
    case 'uint32':
      writer.ascii(String(BigInt.asUintN(32, cursor.varint64())));
      return;
    case 'sint32': {
      const zigzag = BigInt.asUintN(32, cursor.varint64());
      writer.ascii(String((zigzag >> 1n) ^ -(zigzag & 1n)));
      return;
    }
    case 'int64':
      writer.ascii(`"${BigInt.asIntN(64, cursor.varint64())}"`);
      return;
    case 'uint64':
      writer.ascii(`"${BigInt.asUintN(64, cursor.varint64())}"`);
      return;
    case 'fixed32':
      writer.ascii(String(cursor.fixed32()));
      return;
    case 'fixed64':
      writer.ascii(`"${cursor.fixed64()}"`);
      return;
    case 'sfixed64':
      writer.ascii(`"${BigInt.asIntN(64, cursor.fixed64())}"`);
      return;
    default:
      assertNever(type);
  }
}
