/**
 * Writes protobuf into one growing buffer.
 *
 * Our own instead of protobufjs, because JSON is transcoded on the acknowledging path: this writes straight from the
 * bytes of the request, without objects in between, and without loading a reflection library into the idle relay.
 */
export class ProtobufWriter {
  #buffer: Uint8Array;
  #view: DataView;
  #length = 0;

  /** `sizeHint` in bytes: a good guess saves copies. */
  constructor(sizeHint: number) {
    this.#buffer = new Uint8Array(Math.max(64, sizeHint));
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Field numbers below 268,435,456: one to four bytes. */
  tag(number: number, wireType: 0 | 1 | 2 | 5): void {
    this.varint(number * 8 + wireType);
  }

  /** An unsigned number up to 2^53. */
  varint(value: number): void {
    this.#reserve(10);
    this.#length = this.#put(value, this.#length);
  }

  /** Negative values take ten bytes, as in every protobuf int64. */
  varint64(value: bigint): void {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  fixed32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /** Signed and unsigned alike: the lower 64 bits. */
  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#view.setBigUint64(this.#length, BigInt.asUintN(64, value), true);
    this.#length += 8;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** Copies [start, end) of `source`. */
  bytes(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#reserve(length);
    // Below this size a loop beats the call into the runtime.
    if (length < 32) {
      for (let i = 0; i < length; i++) this.#buffer[this.#length + i] = source[start + i] ?? 0;
    } else {
      this.#buffer.set(source.subarray(start, end), this.#length);
    }
    this.#length += length;
  }

  /** Begins something with a length in front. Returns a mark for `close`. */
  open(): number {
    this.#reserve(1);
    return ++this.#length;
  }

  /**
   * Writes the length of what came since `open`. Lengths over 127 need more than the one byte that was left free: what was
   * written moves up. That costs at most one memory move per level of nesting, less than a second pass to measure would.
   */
  close(mark: number): void {
    const length = this.#length - mark;
    let extra = 0;
    for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 0x80)) extra++;
    if (extra > 0) {
      this.#reserve(extra);
      this.#buffer.copyWithin(mark + extra, mark, this.#length);
    }
    this.#put(length, mark - 1);
    this.#length += extra;
  }

  /** What was written, without a copy: the writer must not be used any more. */
  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Puts a varint at a place that has room. Returns the place after it. */
  #put(value: number, place: number): number {
    let at = place;
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[at++] = rest;
    return at;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
    this.#view = new DataView(larger.buffer);
  }
}
