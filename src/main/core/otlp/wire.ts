/** The wire type of strings, bytes, messages and packed lists. */
export const delimited = 2;

/**
 * Goes over protobuf that `inspectRequest` found well formed. On bytes that are not, it neither throws nor dawdles: what it
 * reads means nothing, and it may end behind the end.
 */
export class WireCursor {
  readonly bytes: Uint8Array;
  /** The next byte. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Reads a tag or a length. */
  varint(): number {
    const byte = this.bytes[this.at++] ?? 0;
    return byte < 0x80 ? byte : this.#longVarint(byte & 0x7f);
  }

  /** Passes over the value whose tag was just read. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.#skipVarint();
        break;
      case 1:
        this.at += 8;
        break;
      case 2: {
        const length = this.varint();
        this.at += length;
        break;
      }
      case 3:
        this.#skipGroup();
        break;
      case 5:
        this.at += 4;
        break;
    }
  }

  /** Whether these very bytes stand at a place. */
  holds(expected: Uint8Array, place: number): boolean {
    for (let index = 0; index < expected.length; index++) {
      if (this.bytes[place + index] !== expected[index]) return false;
    }
    return true;
  }

  /** Reads that many bytes as text, with replacement characters for what is no UTF-8; undefined where there are not as many. */
  text(length: number): string | undefined {
    const { buffer, byteOffset } = this.bytes;
    const start = this.at;
    this.at += length;
    return this.at <= this.bytes.length ? Buffer.from(buffer, byteOffset + start, length).toString() : undefined;
  }

  #longVarint(lowest: number): number {
    let value = lowest;
    let byte = 0x80;
    for (let scale = 0x80; byte >= 0x80 && scale <= 2 ** 28; scale *= 0x80) {
      byte = this.bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * scale;
    }
    return value;
  }

  #skipVarint(): void {
    while ((this.bytes[this.at++] ?? 0) >= 0x80);
  }

  /** Groups can hold groups: without recursion, so that their depth does not matter. */
  #skipGroup(): void {
    let open = 1;
    while (open > 0 && this.at < this.bytes.length) {
      const tag = this.varint();
      const type = tag & 7;
      if (type === 3) open++;
      else if (type === 4) open--;
      else this.skip(tag);
    }
  }
}
