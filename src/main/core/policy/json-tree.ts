/** A value in a JSON text, and where it stands: from `start` up to, not including, `end`. */
export type JsonNode =
  | { readonly kind: 'object'; readonly start: number; readonly end: number; readonly members: readonly JsonMember[] }
  | { readonly kind: 'list'; readonly start: number; readonly end: number; readonly items: readonly JsonNode[] }
  | { readonly kind: 'scalar'; readonly start: number; readonly end: number };

export interface JsonMember {
  readonly key: string;
  /** Where its key starts; it ends with its value. */
  readonly start: number;
  readonly end: number;
  readonly value: JsonNode;
}

/** Where each value of a JSON text stands. The text is known to be valid JSON; a byte order mark may be before it. */
export function jsonTree(text: string): JsonNode {
  let at = 0;
  return value();

  function value(): JsonNode {
    skip(/[\uFEFF\s]*/y);
    const start = at;
    const first = text[at];
    if (first === '{') return { kind: 'object', ...between(start, '}', member, (members) => ({ members })) };
    if (first === '[') return { kind: 'list', ...between(start, ']', value, (items) => ({ items })) };
    if (first === '"') string();
    else skip(/[^\s,\]}]+/y);
    return { kind: 'scalar', start, end: at };
  }

  function member(): JsonMember {
    const start = at;
    const key = string();
    skip(/\s*:/y);
    const found = value();
    return { key, start, end: found.end, value: found };
  }

  function between<T, R>(start: number, close: string, one: () => T, named: (all: readonly T[]) => R) {
    const all: T[] = [];
    at += 1;
    for (;;) {
      skip(/[\s,]*/y);
      if (text[at] === close || at >= text.length) break;
      all.push(one());
    }
    at += 1;
    return { start, end: at, ...named(all) };
  }

  function string(): string {
    const start = at;
    skip(/"(?:[^"\\]|\\.)*"/sy);
    return String(JSON.parse(text.slice(start, at)));
  }

  function skip(pattern: RegExp): void {
    pattern.lastIndex = at;
    if (pattern.test(text)) at = pattern.lastIndex;
  }
}

/** The member of an object; the last one where there are several of that name, as JSON.parse has it. */
export function memberOf(node: JsonNode | undefined, key: string): JsonMember | undefined {
  return node?.kind === 'object' ? node.members.findLast((member) => member.key === key) : undefined;
}
