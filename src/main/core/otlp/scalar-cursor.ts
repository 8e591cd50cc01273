import { WireCursor } from './wire.ts';

/** Also reads the values of numbers. */
export class ScalarCursor extends WireCursor {
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    super(bytes);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** All 64 bits, as an unsigned number. */
  varint64(): bigint {
    const lowest = this.bytes[this.at] ?? 0;
    if (lowest < 0x80) {
      this.at++;
      return BigInt(lowest);
    }
    let value = 0n;
    let byte = 0x80;
    for (let shift = 0n; byte >= 0x80; shift += 7n) {
      byte = this.bytes[this.at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
    }
    return BigInt.asUintN(64, value);
  }

  fixed32(): number {
    this.at += 4;
    return this.#view.getUint32(this.at - 4, true);
  }

  fixed64(): bigint {
    this.at += 8;
    return this.#view.getBigUint64(this.at - 8, true);
  }

  double(): number {
    this.at += 8;
    return this.#view.getFloat64(this.at - 8, true);
  }
}
