export type JsonText =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly line: number;
      readonly column: number;
      readonly expected: string;
      readonly found: string;
    };

/**
 * Reads JSON, and says where a mistake is without quoting the text: `JSON.parse` names a position for some mistakes only,
 * and quotes what stands around it, which may be a token. A byte order mark (Windows Notepad) is skipped.
 */
export function parseJsonText(text: string): JsonText {
  const json = text.startsWith('\uFEFF') ? text.slice(1) : text;
  try {
    return { ok: true, value: JSON.parse(json) };
  } catch {
    if (isUtf16(json)) {
      const found = 'UTF-16, as PowerShell 5 writes it: save the file as UTF-8';
      return { ok: false, line: 1, column: 1, expected: 'a text in UTF-8', found };
    }
    return { ok: false, ...placeOfMistake(json) };
  }
}

/** As it looks when it is read as UTF-8: a zero byte beside each ASCII character, maybe behind a byte order mark that is none. */
function isUtf16(text: string): boolean {
  return /^(?:\uFFFD\uFFFD)?(?:\0[^\0]|[^\0]\0)/.test(text);
}

const blank = /[\t\n\r ]*/y;
const scalar =
  /"(?:[^"\\\p{Cc}]|[\u007F-\u009F]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/uy;

type Expecting = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma' | 'end';

const words: Readonly<Record<Expecting, string>> = {
  value: 'a value',
  'value or ]': 'a value or ]',
  key: 'a key in double quotes',
  'key or }': 'a key in double quotes or }',
  colon: 'a colon',
  comma: 'a comma or the closing bracket',
  end: 'the end of the file',
};

function placeOfMistake(json: string): { line: number; column: number; expected: string; found: string } {
  const open: ('{' | '[')[] = [];
  let expecting: Expecting = 'value';
  let at = 0;
  const afterValue = (): Expecting => (open.length === 0 ? 'end' : 'comma');
  for (;;) {
    at = endOf(blank, json, at) ?? at;
    const next = step(json[at]);
    if (next === undefined) break;
    expecting = next;
  }
  const before = json.slice(0, at).split('\n');
  const found = json[at] === undefined ? words.end : JSON.stringify(json[at]);
  return { line: before.length, column: (before.at(-1) ?? '').length + 1, expected: words[expecting], found };

  function step(char: string | undefined): Expecting | undefined {
    switch (expecting) {
      case 'value':
      case 'value or ]': {
        if (char === '{' || char === '[') {
          open.push(char);
          at += 1;
          return char === '{' ? 'key or }' : 'value or ]';
        }
        if (char === ']' && expecting === 'value or ]') return close();
        const end = endOf(scalar, json, at);
        if (end === undefined) return undefined;
        at = end;
        return afterValue();
      }
      case 'key':
      case 'key or }': {
        if (char === '}' && expecting === 'key or }') return close();
        const end = char === '"' ? endOf(scalar, json, at) : undefined;
        if (end === undefined) return undefined;
        at = end;
        return 'colon';
      }
      case 'colon':
        if (char !== ':') return undefined;
        at += 1;
        return 'value';
      case 'comma': {
        const inside = open.at(-1);
        if (char === ',') {
          at += 1;
          return inside === '{' ? 'key' : 'value';
        }
        return char === (inside === '{' ? '}' : ']') ? close() : undefined;
      }
      case 'end':
        return undefined;
    }
  }

  function close(): Expecting {
    open.pop();
    at += 1;
    return afterValue();
  }
}

/** Where the match of a sticky pattern at `from` ends; undefined when there is none. */
function endOf(pattern: RegExp, text: string, from: number): number | undefined {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
