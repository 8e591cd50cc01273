import { messages } from './schema.ts';
import { delimited, type WireCursor } from './wire.ts';

const keyTag = (messages.KeyValue.key?.number ?? 0) * 8 + delimited;
const valueTag = (messages.KeyValue.value?.number ?? 0) * 8 + delimited;
const textTag = (messages.AnyValue.stringValue?.number ?? 0) * 8 + delimited;
const kindsOfValue: ReadonlySet<number> = new Set(Object.values(messages.AnyValue).map(({ number }) => number));

/** Knows where the key and the value of the last KeyValue are that was read. */
export class KeyValueReader {
  readonly #cursor: WireCursor;
  #keyStart = 0;
  #keyEnd = 0;
  #valueStart = 0;
  #valueEnd = 0;

  constructor(cursor: WireCursor) {
    this.#cursor = cursor;
  }

  /** Reads the KeyValue at the cursor, up to `end`. Of several keys or values the last one counts. */
  read(end: number): void {
    const cursor = this.#cursor;
    if (this.#readPlain(end)) return;
    this.#keyEnd = this.#keyStart;
    this.#valueEnd = this.#valueStart;
    while (cursor.at < end) {
      const tag = cursor.varint();
      if (tag !== keyTag && tag !== valueTag) {
        cursor.skip(tag);
        continue;
      }
      const length = cursor.varint();
      const start = cursor.at;
      cursor.at += length;
      if (tag === keyTag) {
        this.#keyStart = start;
        this.#keyEnd = cursor.at;
      } else {
        this.#valueStart = start;
        this.#valueEnd = Math.min(cursor.at, end);
      }
    }
  }

  hasKey(key: Uint8Array): boolean {
    return key.length === this.#keyEnd - this.#keyStart && this.#cursor.holds(key, this.#keyStart);
  }

  /** The value, where it is text. The cursor stays where it is. */
  text(): string | undefined {
    const cursor = this.#cursor;
    const back = cursor.at;
    let text: string | undefined;
    cursor.at = this.#valueStart;
    while (cursor.at < this.#valueEnd) {
      const tag = cursor.varint();
      if (tag === textTag) {
        text = cursor.text(cursor.varint());
      } else {
        // A value is of one kind only: the last one.
        if (kindsOfValue.has(tag >>> 3)) text = undefined;
        cursor.skip(tag);
      }
    }
    const whole = cursor.at === this.#valueEnd;
    cursor.at = back;
    return whole ? text : undefined;
  }

  /** What encoders write: a key and a value, both shorter than 128 bytes, and nothing else. */
  #readPlain(end: number): boolean {
    const { at, bytes } = this.#cursor;
    const keyLength = bytes[at + 1] ?? 0;
    const valueAt = at + 2 + keyLength;
    const valueLength = bytes[valueAt + 1] ?? 0;
    if (
      bytes[at] !== keyTag ||
      keyLength >= 0x80 ||
      bytes[valueAt] !== valueTag ||
      valueLength >= 0x80 ||
      valueAt + 2 + valueLength !== end
    ) {
      return false;
    }
    this.#keyStart = at + 2;
    this.#keyEnd = valueAt;
    this.#valueStart = valueAt + 2;
    this.#valueEnd = end;
    this.#cursor.at = end;
    return true;
  }
}
