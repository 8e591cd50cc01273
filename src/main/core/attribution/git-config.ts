export interface GitSetting {
  /** `section.name` in lower case; a subsection stands between them as it is written. */
  readonly key: string;
  /** Null for a name without `=`, which git takes for true. */
  readonly value: string | null;
}

export interface GitConfig {
  /** In the order of the file. */
  readonly settings: readonly GitSetting[];
  /** The line from which on it is not git's syntax, where git itself gives up; what stood before it is read. */
  readonly brokenAtLine: number | null;
}

/**
 * Reads git's configuration syntax, https://git-scm.com/docs/git-config#_syntax, as git's own parser does. Not by asking
 * git: on a Mac without developer tools `git` is a program that offers to install them.
 */
export function parseGitConfig(text: string): GitConfig {
  const reader = new Reader(text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n'));
  const settings: GitSetting[] = [];
  let section = '';
  for (;;) {
    const next = reader.nextWord();
    if (next === undefined) return { settings, brokenAtLine: null };
    const header = next === '[';
    const read = header ? reader.header() : reader.setting();
    if (read === undefined) return { settings, brokenAtLine: reader.line };
    if (typeof read === 'string') section = read;
    else if (section !== '') settings.push({ key: `${section}.${read.name}`, value: read.value });
  }
}

const blank = /[ \t\n\r]/;
const keyCharacter = /[A-Za-z\d-]/;
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', b: '\b', '\\': '\\', '"': '"', '\n': '' };

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Of the last character that was read. */
  get line(): number {
    return this.#text.slice(0, Math.max(0, this.#at - 1)).split('\n').length;
  }

  /** Passes over blanks and comments and looks at what comes: the beginning of a header or of a name; undefined at the end. */
  nextWord(): string | undefined {
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? '';
      if (character === '#' || character === ';') this.#skipLine();
      else if (blank.test(character)) this.#at++;
      else return character;
    }
    return undefined;
  }

  /** `[section]`, `[section.subsection]` or `[section "subsection"]`, without the brackets. */
  header(): string | undefined {
    this.#at++;
    const start = this.#at;
    while (/[A-Za-z\d.-]/.test(this.#text[this.#at] ?? '')) this.#at++;
    const section = this.#text.slice(start, this.#at).toLowerCase();
    const end = this.#next();
    if (end === ']') return section;
    if (!blank.test(end)) return undefined;
    const subsection = this.#subsection(end);
    return subsection === undefined || this.#next() !== ']' ? undefined : `${section}.${subsection}`;
  }

  #subsection(first: string): string | undefined {
    let character = first;
    while (character !== '\n' && blank.test(character)) character = this.#next();
    if (character !== '"') return undefined;
    let name = '';
    for (;;) {
      character = this.#next();
      if (character === '"') return name;
      if (character === '\\') character = this.#next();
      if (character === '\n') return undefined;
      name += character;
    }
  }

  setting(): { readonly name: string; readonly value: string | null } | undefined {
    const start = this.#at;
    while (keyCharacter.test(this.#text[this.#at] ?? '')) this.#at++;
    const name = this.#text.slice(start, this.#at).toLowerCase();
    if (!/^[a-z]/.test(name)) {
      this.#at++;
      return undefined;
    }
    let character = this.#next();
    while (character === ' ' || character === '\t') character = this.#next();
    if (character === '\n') return { name, value: null };
    const value = character === '=' ? this.#value() : undefined;
    return value === undefined ? undefined : { name, value };
  }

  #value(): string | undefined {
    let value = '';
    /** The value without the blanks that came last. */
    let trimmedLength = 0;
    let quoted = false;
    for (;;) {
      let character = this.#next();
      if (character === '\n') return quoted ? undefined : value.slice(0, trimmedLength);
      if (!quoted && blank.test(character)) {
        if (value !== '') value += character;
        continue;
      }
      if (!quoted && (character === '#' || character === ';')) {
        this.#skipLine();
        continue;
      }
      if (character === '"') {
        quoted = !quoted;
      } else {
        if (character === '\\') {
          const meant = escapes[this.#next()];
          if (meant === undefined) return undefined;
          character = meant;
        }
        value += character;
      }
      trimmedLength = value.length;
    }
  }

  #skipLine(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#text.length : end;
  }

  /** The end of the text ends its last line. */
  #next(): string {
    return this.#text[this.#at++] ?? '\n';
  }
}
