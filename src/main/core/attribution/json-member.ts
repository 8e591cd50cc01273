const quote = 0x22;
const backslash = 0x5c;

/**
 * The text of one member of the object that a JSON text is: undefined where the object has none of this name, `incomplete`
 * where the text ends, or is no JSON, before that is known.
 *
 * For large files of which one small thing is wanted: nothing else in it is decoded or kept, and the long strings that make
 * such files large are passed over at the speed of memory.
 */
export function findMember(json: Buffer, name: string): string | 'incomplete' | undefined {
  const scan = new Scan(json);
  if (scan.next() !== '{') return 'incomplete';
  for (let separator = scan.next(); separator !== '}'; separator = scan.next()) {
    const key = separator === ',' ? scan.next() : separator;
    if (key !== '"') return 'incomplete';
    const keyStart = scan.at;
    if (!scan.skipString()) return 'incomplete';
    const found = json.toString('utf8', keyStart, scan.at - 1) === name;
    if (scan.next() !== ':') return 'incomplete';
    scan.skipBlanks();
    const valueStart = scan.at;
    if (!scan.skipValue()) return 'incomplete';
    if (found) return json.toString('utf8', valueStart, scan.at);
  }
  return undefined;
}

class Scan {
  readonly #json: Buffer;
  at = 0;

  constructor(json: Buffer) {
    this.#json = json;
    if (json.subarray(0, 3).equals(Buffer.of(0xef, 0xbb, 0xbf))) this.at = 3;
  }

  skipBlanks(): void {
    while (isBlank(this.#json[this.at])) this.at++;
  }

  /** The next character that is no blank; empty at the end. */
  next(): string {
    this.skipBlanks();
    const byte = this.#json[this.at++];
    return byte === undefined ? '' : String.fromCharCode(byte);
  }

  /** From behind the first quote to behind the last. False when the text ends before. */
  skipString(): boolean {
    for (;;) {
      const end = this.#json.indexOf(quote, this.at);
      if (end < 0) return false;
      let escapes = 0;
      while (end - escapes > this.at && this.#json[end - 1 - escapes] === backslash) escapes++;
      this.at = end + 1;
      if (escapes % 2 === 0) return true;
    }
  }

  /** False when the text ends before the value does. */
  skipValue(): boolean {
    let depth = 0;
    do {
      switch (this.next()) {
        case '"':
          if (!this.skipString()) return false;
          break;
        case '{':
        case '[':
          depth++;
          break;
        case '}':
        case ']':
          depth--;
          break;
        case ',':
        case ':':
          break;
        case '':
          return false;
        default:
          while (isInWord(this.#json[this.at])) this.at++;
          if (this.at === this.#json.length) return false;
      }
    } while (depth > 0);
    return true;
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Of a number, true, false or null: up to what can come behind them. */
function isInWord(byte: number | undefined): boolean {
  return byte !== undefined && !isBlank(byte) && byte !== 0x2c && byte !== 0x5d && byte !== 0x7d;
}
