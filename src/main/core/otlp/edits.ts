const numbersPerEdit = 4;
/** Beyond it the memory is given back after use. */
const keptEdits = 16_384;
const nothing = new Uint8Array();

/**
 * What is to change in an encoded message, in the order of its bytes: pieces that come in or go, and the lengths of the
 * messages around them. Found in one pass, applied in another.
 */
export class Edits {
  /** Of each edit: its place, how many bytes go there, and for a length how wide the new one is written, and the new one. */
  #numbers = new Int32Array(256 * numbersPerEdit);
  /** Of each edit that is no length: what comes. */
  #pieces: Uint8Array[] = [];
  #count = 0;
  #addedBytes = 0;

  /** Forgets all edits. */
  clear(): void {
    if (this.#count > keptEdits) this.#numbers = new Int32Array(256 * numbersPerEdit);
    this.#pieces = [];
    this.#count = 0;
    this.#addedBytes = 0;
  }

  /** What comes in, in all. */
  get addedBytes(): number {
    return this.#addedBytes;
  }

  /** `piece` comes in the place of `gone` bytes. Returns by how much the message grows. */
  replace(place: number, gone: number, piece: Uint8Array): number {
    this.#add(place, gone, piece);
    this.#addedBytes += piece.length;
    return piece.length - gone;
  }

  /** Goes before the edits in a message, for the length in front of it. Returns a mark for `close`. */
  open(): number {
    this.#add(0, 0, nothing);
    return this.#count - 1;
  }

  /**
   * Goes after the edits in a message: its `length` was written in `width` bytes at `place`, and changes by `growth`. Returns
   * by how much the message around it grows. A length that was wider than need be stays so.
   */
  close(mark: number, place: number, width: number, length: number, growth: number): number {
    if (mark === this.#count - 1) return this.forget(mark);
    const newLength = length + growth;
    const newWidth = Math.max(varintWidth(newLength), width > varintWidth(length) ? width : 0);
    const at = mark * numbersPerEdit;
    this.#numbers[at] = place;
    this.#numbers[at + 1] = width;
    this.#numbers[at + 2] = newWidth;
    this.#numbers[at + 3] = newLength;
    return growth + newWidth - width;
  }

  /** Takes all edits since a mark back. Returns 0: nothing grows. */
  forget(mark: number): 0 {
    for (let edit = mark; edit < this.#count; edit++) this.#addedBytes -= this.#pieces[edit]?.length ?? 0;
    this.#count = mark;
    return 0;
  }

  /** The bytes with all edits made, `growth` more than there were; the very same array where there is none to make. */
  apply(bytes: Uint8Array, growth: number): Uint8Array {
    if (this.#count === 0) return bytes;
    const numbers = this.#numbers;
    const edited = Buffer.allocUnsafe(bytes.length + growth);
    let from = 0;
    let to = 0;
    for (let edit = 0; edit < this.#count; edit++) {
      const at = edit * numbersPerEdit;
      const place = numbers[at] ?? 0;
      to = copy(bytes, from, place, edited, to);
      from = place + (numbers[at + 1] ?? 0);
      const width = numbers[at + 2] ?? 0;
      if (width > 0) {
        to = putVarint(edited, to, numbers[at + 3] ?? 0, width);
      } else {
        const piece = this.#pieces[edit] ?? nothing;
        to = copy(piece, 0, piece.length, edited, to);
      }
    }
    copy(bytes, from, bytes.length, edited, to);
    return edited;
  }

  #add(place: number, gone: number, piece: Uint8Array): void {
    const at = this.#count * numbersPerEdit;
    if (at === this.#numbers.length) {
      const larger = new Int32Array(this.#numbers.length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[at] = place;
    this.#numbers[at + 1] = gone;
    this.#numbers[at + 2] = 0;
    this.#pieces[this.#count++] = piece;
  }
}

/** How many bytes a number below 2^32 takes. */
function varintWidth(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/** Copies [start, end) to a place. Returns the place behind it. */
function copy(source: Uint8Array, start: number, end: number, target: Uint8Array, place: number): number {
  const length = end - start;
  // Below this size a loop beats the call into the runtime.
  if (length < 32) for (let index = 0; index < length; index++) target[place + index] = source[start + index] ?? 0;
  else target.set(source.subarray(start, end), place);
  return place + length;
}

/** Puts a number into exactly `width` bytes. Returns the place behind it. */
function putVarint(target: Uint8Array, place: number, value: number, width: number): number {
  const last = place + width - 1;
  let rest = value;
  for (let at = place; at < last; at++) {
    target[at] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[last] = rest;
  return last + 1;
}
