import { closest } from '../../../shared/closest.ts';
import { countOf } from '../../../shared/wording.ts';

/** One mistake in a config file. No field ever holds a secret. */
export interface ConfigProblem {
  /** Where: `destinations[0].endpoint`, or `line 3, column 5`. */
  readonly key: string;
  readonly expected: string;
  readonly found: string;
  /** It is about the file as a whole: nothing that it says is in force. */
  readonly ofFile?: true;
  /** One sentence for a person: what, where, and what the relay does about it. */
  readonly message: string;
}

/** What is wrong at one key of a destination, before it is known what comes of it. */
export interface Mistake {
  /** The key within the destination, such as `.endpoint`; empty for the destination itself. */
  readonly key: string;
  readonly expected: string;
  readonly found: string;
}

export function problem(key: string, expected: string, found: string, consequence: string): ConfigProblem {
  return { key, expected, found, message: `${key}: expected ${expected}, found ${found}; ${consequence}.` };
}

const shownCharacters = 64;

/** What was found, shown by value. Only for keys that cannot hold a secret. */
export function describeValue(value: unknown): string {
  const isShort = typeof value === 'string' && value.length <= shownCharacters;
  return isShort || typeof value === 'number' || typeof value === 'boolean'
    ? JSON.stringify(value)
    : describeKind(value);
}

/** What was found, by its kind and size only, where it may be or contain a secret. */
export function describeKind(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'string')
    return value === '' ? 'an empty text' : `a text of ${countOf(value.length, 'character')}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** A token by its size only, and what in it can be no part of one. */
export function describeToken(value: unknown): string {
  const kind = describeKind(value);
  if (typeof value !== 'string') return kind;
  const token = value.trim();
  if (/[\r\n]/.test(token)) return `${kind} with a line break in it`;
  if (/[^\x20-\x7E\t]/.test(token)) return `${kind} with one in it that is not visible ASCII`;
  return /[\t ]/.test(token) ? `${kind} with a blank in it` : kind;
}

/** A URL without user name, password and query; by its kind only when it is none. */
export function describeUrl(value: unknown): string {
  if (typeof value !== 'string') return describeKind(value);
  const [hostAndPort] = /^[\w.-]+:\d{1,5}(?=\/|$)/.exec(value) ?? [];
  if (hostAndPort !== undefined) return `${describeValue(hostAndPort)}, which has no https:// or http://`;
  const url = URL.parse(value);
  if (url === null || url.host === '') return describeKind(value);
  const { protocol, host, pathname, username, password, search, hash } = url;
  const hidden = [
    ...(username !== '' || password !== '' ? ['a user name or password'] : []),
    ...(search !== '' ? ['a query'] : []),
    ...(hash !== '' ? ['a fragment'] : []),
  ];
  const shown = describeValue(`${protocol}//${host}${pathname === '/' ? '' : pathname}`);
  return hidden.length === 0 ? shown : `${shown} with ${hidden.join(' and ')}`;
}

/** One problem per key that the relay does not know. `at` is the key of the object, with a trailing dot where there is one. */
export function unknownKeys(at: string, value: object, known: readonly string[]): ConfigProblem[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const shown = describeKey(key);
      const meant = closest(key, known);
      const hint = meant === undefined ? `the keys here are ${known.join(', ')}.` : `did you mean "${meant}"?`;
      return {
        key: `${at}${shown}`,
        expected: `one of ${known.join(', ')}`,
        found: 'an unknown key',
        message: `unknown key "${at}${shown}" is ignored; ${hint}`,
      };
    });
}

/** A key as it may be shown: what does not look like a key may be a secret in the wrong place. */
export function describeKey(key: string): string {
  return /^[\w$-]{1,40}$/.test(key) ? key : `(a key of ${countOf(key.length, 'character')})`;
}

/** The name of a header, an attribute or a parameter as it may be shown: a whole `Name: value` in its place may hold a secret. */
export function describeName(name: string): string {
  return /^[\w.-]{1,64}$/.test(name) ? name : describeKey(name);
}
