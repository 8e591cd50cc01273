import { isUtf8 } from 'node:buffer';
import { assertNever } from '../../../shared/assert-never.ts';
import type { Signal } from '../../../shared/signal.ts';
import { exactInteger, type IntegerType, integerTypes, jsonNumber } from './json-number.ts';
import { type Plan, type PlannedField, planOf } from './json-plan.ts';
import { JsonProblem, JsonReader, place } from './json-reader.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { type MessageType, maxDepth, requestType, type ScalarType, wireTypeOf } from './schema.ts';

export type Transcoding =
  /** The same request in protobuf, and how many points it has. */
  | { readonly ok: true; readonly body: Uint8Array; readonly points: number }
  /** What is wrong and where, in words; never holds a value out of the request. */
  | { readonly ok: false; readonly problem: string };

/**
 * OTLP/JSON to protobuf, by OTLP's own rules (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding") on top
 * of the proto3 JSON mapping: names in lowerCamelCase only, trace and span ids in hexadecimal, enums as integers, 64-bit
 * integers as decimal strings or numbers (exact either way), unknown names ignored, null the same as absent.
 *
 * One pass from bytes to bytes: memory stays within a small multiple of the request, and text without escapes is copied as it is.
 */
export function transcodeJson(signal: Signal, body: Uint8Array): Transcoding {
  if (!isUtf8(body)) return { ok: false, problem: `invalid UTF-8 at ${place(body, firstInvalidUtf8(body))}` };
  const transcoder = new Transcoder(body);
  try {
    return { ok: true, ...transcoder.run(requestType[signal]) };
  } catch (error) {
    if (error instanceof JsonProblem) return { ok: false, problem: error.message };
    throw error;
  }
}

class Transcoder {
  readonly #reader: JsonReader;
  readonly #writer: ProtobufWriter;
  /** Where we are: names, and indexes of array elements. */
  readonly #path: (string | number)[] = [];
  #points = 0;

  constructor(body: Uint8Array) {
    this.#reader = new JsonReader(body);
    // Protobuf is about half the size of the JSON.
    this.#writer = new ProtobufWriter(body.length >> 1);
  }

  run(type: MessageType): { body: Uint8Array; points: number } {
    this.#message(planOf(type), 1);
    this.#reader.end();
    return { body: this.#writer.finish(), points: this.#points };
  }

  #message(plan: Plan, depth: number): void {
    if (depth > maxDepth) throw this.#problem(`nested deeper than ${maxDepth} levels`);
    if (plan.isPoint) this.#points++;
    this.#require('an object');
    if (!this.#reader.enter('{')) return;
    let seen = 0;
    do {
      this.#reader.key();
      const field = this.#fieldOfKey(plan);
      if (!field) {
        this.#reader.skip(maxDepth - depth);
        continue;
      }
      this.#path.push(field.name);
      if (seen & (1 << field.number)) throw this.#problem('given twice');
      seen |= 1 << field.number;
      if (this.#reader.kind() === 'null') this.#reader.null();
      else if (field.rule === 'repeated') this.#list(field, depth);
      else this.#value(field, depth, true);
      this.#path.pop();
    } while (this.#reader.next('}'));
  }

  #fieldOfKey({ fields }: Plan): PlannedField | undefined {
    const { bytes, tokenStart, tokenEnd, tokenEscaped } = this.#reader;
    if (tokenEscaped) {
      const name = this.#reader.stringText();
      return fields.find((field) => field.name === name);
    }
    const length = tokenEnd - tokenStart;
    search: for (const field of fields) {
      const { nameBytes } = field;
      if (nameBytes.length !== length) continue;
      for (let i = 0; i < length; i++) {
        if (nameBytes[i] !== bytes[tokenStart + i]) continue search;
      }
      return field;
    }
    return undefined;
  }

  #list(field: PlannedField, depth: number): void {
    this.#require('an array');
    if (!this.#reader.enter('[')) return;
    const packed = wireTypeOf(field.type) !== 2;
    if (packed) this.#writer.tag(field.number, 2);
    const mark = packed ? this.#writer.open() : 0;
    let index = 0;
    do {
      this.#path.push(index++);
      this.#value(field, depth, !packed);
      this.#path.pop();
    } while (this.#reader.next(']'));
    if (packed) this.#writer.close(mark);
  }

  #value(field: PlannedField, depth: number, tagged: boolean): void {
    if (field.message) {
      this.#writer.tag(field.number, 2);
      const mark = this.#writer.open();
      this.#message(field.message, depth + 1);
      this.#writer.close(mark);
    } else if (field.scalar) {
      this.#scalar(field, field.scalar, tagged);
    }
  }

  /** `tagged`: with the field's tag in front, and left out where proto3 leaves out a default. */
  #scalar(field: PlannedField, type: ScalarType, tagged: boolean): void {
    const mayOmit = tagged && field.rule === 'implicit';
    switch (type) {
      case 'string':
        this.#string(field, mayOmit);
        return;
      case 'bytes':
        this.#bytes(field, this.#base64(), mayOmit);
        return;
      case 'traceId':
        this.#bytes(field, this.#id(16), mayOmit);
        return;
      case 'spanId':
        this.#bytes(field, this.#id(8), mayOmit);
        return;
      case 'bool': {
        this.#require('a boolean');
        const value = this.#reader.boolean();
        if (mayOmit && !value) return;
        if (tagged) this.#writer.tag(field.number, 0);
        this.#writer.varint(value ? 1 : 0);
        return;
      }
      case 'double': {
        const value = this.#double();
        if (mayOmit && Object.is(value, 0)) return;
        if (tagged) this.#writer.tag(field.number, 1);
        this.#writer.double(value);
        return;
      }
      default: {
        const value = this.#integer(type);
        if (mayOmit && value === 0n) return;
        if (tagged) this.#writer.tag(field.number, wireTypeOf(type));
        this.#writeInteger(type, value);
        return;
      }
    }
  }

  #string(field: PlannedField, mayOmit: boolean): void {
    this.#require('a string');
    const reader = this.#reader;
    reader.string();
    if (reader.tokenEscaped) {
      this.#bytes(field, Buffer.from(reader.stringText()), mayOmit);
      return;
    }
    if (mayOmit && reader.tokenStart === reader.tokenEnd) return;
    this.#writer.tag(field.number, 2);
    this.#writer.varint(reader.tokenEnd - reader.tokenStart);
    this.#writer.bytes(reader.bytes, reader.tokenStart, reader.tokenEnd);
  }

  #bytes(field: PlannedField, value: Uint8Array, mayOmit: boolean): void {
    if (mayOmit && value.length === 0) return;
    this.#writer.tag(field.number, 2);
    this.#writer.varint(value.length);
    this.#writer.bytes(value, 0, value.length);
  }

  #base64(): Uint8Array {
    const expected = 'bytes in base64';
    if (this.#reader.kind() !== 'a string') throw this.#unexpected(expected);
    this.#reader.string();
    const text = this.#reader.stringText();
    const digits = text.replace(/={0,2}$/, '');
    if (digits.length % 4 === 1 || !/^[A-Za-z0-9+/_-]*$/.test(digits)) {
      throw this.#problem(`expected ${expected}, found a string that is not`);
    }
    return Buffer.from(text, 'base64');
  }

  #id(length: 8 | 16): Uint8Array {
    const expected = `${length * 2} hexadecimal digits`;
    if (this.#reader.kind() !== 'a string') throw this.#unexpected(expected);
    this.#reader.string();
    const text = this.#reader.stringText();
    if (text !== '' && text.length !== length * 2) {
      throw this.#problem(`expected ${expected}, found a string of ${text.length} characters`);
    }
    const id = Buffer.from(text, 'hex');
    if (id.length !== text.length / 2) throw this.#problem(`expected ${expected}, found other characters`);
    return id;
  }

  #double(): number {
    const expected = 'a number, "NaN", "Infinity" or "-Infinity"';
    const kind = this.#reader.kind();
    if (kind === 'a number') {
      this.#reader.number();
      const value = Number(this.#reader.numberText());
      if (!Number.isFinite(value))
        throw this.#problem('expected a number, found one that is out of the range of a double');
      return value;
    }
    if (kind !== 'a string') throw this.#unexpected(expected);
    this.#reader.string();
    const text = this.#reader.stringText();
    if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return Number(text);
    const value = jsonNumber.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value)) throw this.#problem(`expected ${expected}, found another string`);
    return value;
  }

  #integer(type: IntegerType): bigint {
    const { expected, min, max } = integerTypes[type];
    const kind = this.#reader.kind();
    if (kind === 'a number') this.#reader.number();
    else if (kind === 'a string' && type !== 'enum') this.#reader.string();
    else throw this.#unexpected(expected);
    const value = exactInteger(kind === 'a number' ? this.#reader.numberText() : this.#reader.stringText());
    if (value === 'not an integer') throw this.#problem(`expected ${expected}, found ${kind} that is none`);
    if (value === 'too large' || value < min || value > max) {
      throw this.#problem(`expected ${expected}, found a number that is out of its range`);
    }
    return value;
  }

  #writeInteger(type: IntegerType, value: bigint): void {
    switch (type) {
      case 'enum':
      case 'int64':
      case 'uint64':
      case 'uint32':
        this.#writer.varint64(value);
        return;
      case 'sint32':
        this.#writer.varint64(value < 0n ? -2n * value - 1n : 2n * value);
        return;
      case 'fixed32':
        this.#writer.fixed32(Number(value));
        return;
      case 'fixed64':
      case 'sfixed64':
        this.#writer.fixed64(value);
        return;
      default:
        assertNever(type);
    }
  }

  #require(expected: 'an object' | 'an array' | 'a string' | 'a boolean'): void {
    if (this.#reader.kind() !== expected) throw this.#unexpected(expected);
  }

  #unexpected(expected: string): JsonProblem {
    return this.#problem(`expected ${expected}, found ${this.#reader.kind()}`);
  }

  #problem(text: string): JsonProblem {
    const path = this.#path.reduce<string>((all, step) => {
      if (typeof step === 'number') return `${all}[${step}]`;
      return all === '' ? step : `${all}.${step}`;
    }, '');
    return new JsonProblem(`${path || 'request'}: ${text}`);
  }
}

/** Looked for in pieces, so that a large body that is no text at all costs little. */
function firstInvalidUtf8(body: Uint8Array): number {
  const pieceLength = 64 * 1024;
  let start = 0;
  while (start < body.length) {
    let end = Math.min(start + pieceLength, body.length);
    const latestCut = end;
    while (end < body.length && end > latestCut - 3 && ((body[end] ?? 0) & 0xc0) === 0x80) end--;
    const piece = body.subarray(start, end);
    if (!isUtf8(piece)) {
      // Decoding replaces what is invalid, so the first byte that does not come back is the place.
      const repaired = Buffer.from(new TextDecoder('utf-8', { ignoreBOM: true }).decode(piece));
      return start + piece.findIndex((byte, index) => byte !== repaired[index]);
    }
    start = end;
  }
  return body.length;
}
