import { isUtf8 } from 'node:buffer';

const quote = 0x22;
const backslash = 0x5c;
/** What of the 32 control characters has a letter in JSON, by its code. */
const letters: Readonly<Record<number, string>> = { 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r' };

/** Writes JSON into one growing buffer, as `ProtobufWriter` writes protobuf: no text passes through a JavaScript string. */
export class JsonWriter {
  #buffer: Buffer;
  #length = 0;

  /** `sizeHint` in bytes: a good guess saves copies. */
  constructor(sizeHint: number) {
    this.#buffer = Buffer.allocUnsafe(Math.max(64, sizeHint));
  }

  /** In bytes, so far. */
  get length(): number {
    return this.#length;
  }

  /** A brace, bracket, colon or comma. */
  mark(byte: number): void {
    if (this.#length === this.#buffer.length) this.#reserve(1);
    this.#buffer[this.#length++] = byte;
  }

  /** As it is; ASCII only. */
  ascii(text: string): void {
    const { length } = text;
    this.#reserve(length);
    for (let i = 0; i < length; i++) this.#buffer[this.#length + i] = text.charCodeAt(i);
    this.#length += length;
  }

  /** As it is. */
  bytes(source: Uint8Array): void {
    const { length } = source;
    this.#reserve(length);
    for (let i = 0; i < length; i++) this.#buffer[this.#length + i] = source[i] ?? 0;
    this.#length += length;
  }

  /** [start, end) of `source`, which is meant to be UTF-8, as a string; what is not gets replacement characters. */
  string(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start + 2);
    const buffer = this.#buffer;
    let length = this.#length;
    buffer[length++] = quote;
    let at = start;
    for (; at < end; at++) {
      const byte = source[at] ?? 0;
      if (byte < 0x20 || byte >= 0x80 || byte === quote || byte === backslash) break;
      buffer[length++] = byte;
    }
    this.#length = length;
    if (at < end) this.#escaped(wellFormed(source.subarray(at, end)));
    this.mark(quote);
  }

  encoded(source: Uint8Array, start: number, end: number, encoding: 'hex' | 'base64'): void {
    this.mark(quote);
    this.ascii(Buffer.from(source.buffer, source.byteOffset + start, end - start).toString(encoding));
    this.mark(quote);
  }

  /** What was written, without a copy: the writer must not be used any more. */
  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #escaped(text: Uint8Array): void {
    this.#reserve(text.length);
    for (const byte of text) {
      if (byte >= 0x20 && byte !== quote && byte !== backslash) {
        this.mark(byte);
        continue;
      }
      const letter = byte >= 0x20 ? String.fromCharCode(byte) : letters[byte];
      this.ascii(letter === undefined ? `\\u${byte.toString(16).padStart(4, '0')}` : `\\${letter}`);
    }
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

function wellFormed(text: Uint8Array): Uint8Array {
  return isUtf8(text) ? text : Buffer.from(new TextDecoder('utf-8', { ignoreBOM: true }).decode(text));
}
