/** What is wrong with a JSON text; caught at the boundary of the transcoder, never seen outside. */
export class JsonProblem extends Error {
  override readonly name = 'JsonProblem';
}

export type JsonKind = 'an object' | 'an array' | 'a string' | 'a number' | 'a boolean' | 'null';

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const colon = 0x3a;
const backslash = 0x5c;

/**
 * Reads JSON (RFC 8259) token by token from UTF-8 bytes that are known to be valid UTF-8.
 *
 * Not `JSON.parse`: that loses digits of 64-bit integers, puts pieces of the (confidential) text into its error messages,
 * does not always tell the place, and holds the whole request as objects many times its size.
 */
export class JsonReader {
  readonly bytes: Buffer;
  #at: number;
  /** The token that was read last: what is between a string's quotes, or a number. */
  tokenStart = 0;
  tokenEnd = 0;
  #escaped = false;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const hasByteOrderMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    this.#at = hasByteOrderMark ? 3 : 0;
  }

  /** Looks at the next value without reading it. */
  kind(): JsonKind {
    switch (this.#peek()) {
      case 0x7b:
        return 'an object';
      case 0x5b:
        return 'an array';
      case quote:
        return 'a string';
      case 0x74:
      case 0x66:
        return 'a boolean';
      case 0x6e:
        return 'null';
      case minus:
        return 'a number';
      default:
        if (isDigit(this.#peek())) return 'a number';
        throw this.#syntaxProblem('expected a value');
    }
  }

  /** Enters an object or array. False when it is empty: then it has been left again. */
  enter(open: '{' | '['): boolean {
    this.#take(open.charCodeAt(0), `expected "${open}"`);
    return !this.#takeIf(open === '{' ? 0x7d : 0x5d);
  }

  /** After a member: true when another one follows, false when the object or array has been left. */
  next(close: '}' | ']'): boolean {
    if (this.#takeIf(comma)) return true;
    this.#take(close.charCodeAt(0), `expected "," or "${close}"`);
    return false;
  }

  /** Reads a member's name and the colon behind it; the name is the last token. */
  key(): void {
    if (this.#peek() !== quote) throw this.#syntaxProblem('expected a name in double quotes');
    this.string();
    const { tokenStart, tokenEnd } = this;
    this.#take(colon, 'expected ":"');
    this.tokenStart = tokenStart;
    this.tokenEnd = tokenEnd;
  }

  string(): void {
    this.#take(quote, 'expected a string');
    const { bytes } = this;
    let at = this.#at;
    this.tokenStart = at;
    this.#escaped = false;
    for (;;) {
      const byte = bytes[at];
      if (byte === quote) break;
      if (byte === undefined || byte < 0x20) {
        this.#at = at;
        throw this.#syntaxProblem('a control character stands in a string');
      }
      at++;
      if (byte === backslash) {
        this.#escaped = true;
        at = this.#escape(at);
      }
    }
    this.tokenEnd = at;
    this.#at = at + 1;
  }

  number(): void {
    this.#peek();
    const { bytes } = this;
    const start = this.#at;
    let at = start;
    if (bytes[at] === minus) at++;
    if (bytes[at] === 0x30) at++;
    else at = this.#digits(at);
    if (bytes[at] === 0x2e) at = this.#digits(at + 1);
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at++;
      if (bytes[at] === 0x2b || bytes[at] === minus) at++;
      at = this.#digits(at);
    }
    this.tokenStart = start;
    this.tokenEnd = at;
    this.#at = at;
  }

  boolean(): boolean {
    const value = this.#peek() === 0x74;
    this.#literal(value ? 'true' : 'false');
    return value;
  }

  null(): void {
    this.#peek();
    this.#literal('null');
  }

  /** True when the last token was a string with escapes: then its bytes are not its text. */
  get tokenEscaped(): boolean {
    return this.#escaped;
  }

  /** The text of the last token, which was a string. */
  stringText(): string {
    if (!this.#escaped) return this.bytes.toString('utf8', this.tokenStart, this.tokenEnd);
    // The token has been checked; the engine's own parser undoes escapes best.
    return String(JSON.parse(this.bytes.toString('utf8', this.tokenStart - 1, this.tokenEnd + 1)));
  }

  /** The text of the last token, which was a number. */
  numberText(): string {
    return this.bytes.toString('latin1', this.tokenStart, this.tokenEnd);
  }

  /** Reads over any value. `levels`: how deep it may nest. */
  skip(levels: number): void {
    switch (this.kind()) {
      case 'a string':
        this.string();
        return;
      case 'a number':
        this.number();
        return;
      case 'a boolean':
        this.boolean();
        return;
      case 'null':
        this.null();
        return;
      case 'an object':
        if (levels <= 0) throw this.#syntaxProblem('nested too deeply');
        if (!this.enter('{')) return;
        do {
          this.key();
          this.skip(levels - 1);
        } while (this.next('}'));
        return;
      case 'an array':
        if (levels <= 0) throw this.#syntaxProblem('nested too deeply');
        if (!this.enter('[')) return;
        do this.skip(levels - 1);
        while (this.next(']'));
        return;
    }
  }

  end(): void {
    if (this.#peek() !== -1) throw this.#syntaxProblem('expected the end of the text');
  }

  /** The next byte that is not a blank, or -1 at the end. */
  #peek(): number {
    for (;;) {
      const byte = this.bytes[this.#at];
      if (byte === undefined) return -1;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.#at++;
    }
  }

  #take(byte: number, expectation: string): void {
    if (!this.#takeIf(byte)) throw this.#syntaxProblem(expectation);
  }

  #takeIf(byte: number): boolean {
    if (this.#peek() !== byte) return false;
    this.#at++;
    return true;
  }

  #literal(word: string): void {
    for (let i = 0; i < word.length; i++) {
      if (this.bytes[this.#at + i] !== word.charCodeAt(i)) throw this.#syntaxProblem('expected a value');
    }
    this.#at += word.length;
  }

  #digits(start: number): number {
    let at = start;
    while (isDigit(this.bytes[at] ?? -1)) at++;
    if (at === start) {
      this.#at = at;
      throw this.#syntaxProblem('expected a digit');
    }
    return at;
  }

  /** Checks the escape behind a backslash; returns the position after it. */
  #escape(start: number): number {
    const letter = this.bytes[start] ?? -1;
    if (letter === 0x75) {
      for (let at = start + 1; at < start + 5; at++) {
        if (!isHexDigit(this.bytes[at] ?? -1)) {
          this.#at = at;
          throw this.#syntaxProblem('expected four hexadecimal digits');
        }
      }
      return start + 5;
    }
    if (!simpleEscapes.has(letter)) {
      this.#at = start;
      throw this.#syntaxProblem('no such escape');
    }
    return start + 1;
  }

  #syntaxProblem(expectation: string): JsonProblem {
    const what = this.#at >= this.bytes.length ? 'unexpected end of the text' : expectation;
    return new JsonProblem(`invalid JSON at ${place(this.bytes, this.#at)}: ${what}`);
  }
}

/** Where a byte is for a person: lines and columns count from 1, columns in characters. */
export function place(bytes: Uint8Array, offset: number): string {
  const end = Math.min(offset, bytes.length);
  let line = 1;
  let column = 1;
  for (let at = 0; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const continuesCharacter = (byte & 0xc0) === 0x80;
    if (byte === 0x0a) {
      line++;
      column = 1;
    } else if (!continuesCharacter) {
      column++;
    }
  }
  return `line ${line}, column ${column}`;
}

const simpleEscapes = new Set(Buffer.from('"\\/bfnrt'));

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isHexDigit(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}
