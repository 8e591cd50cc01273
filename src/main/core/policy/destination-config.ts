import * as v from 'valibot';
import { type Signal, signals } from '../../../shared/signal.ts';
import {
  type ConfigProblem,
  describeKind,
  describeUrl,
  describeValue,
  problem,
  unknownKeys,
} from './config-problem.ts';
import { endpointMistake, normaliseEndpoint } from './endpoint.ts';
import { type PresetName, presets } from './presets.ts';
import { anObject, destinationKeys, destinationName, destinationSchema } from './schemas.ts';

/** A destination as it is in force. Itself valid in a config file. */
export interface DestinationConfig {
  readonly name: string;
  readonly preset?: PresetName;
  /** Without a trailing slash and without `/v1/<signal>`. */
  readonly endpoint: string;
  readonly token?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signals: readonly Signal[];
  readonly allowInsecure: boolean;
  readonly timeoutMs: number;
}

/** One entry of `destinations`, read. `destination` is undefined when it has a mistake; `name` where that could be read. */
export interface DestinationReading {
  readonly name: string | undefined;
  readonly signals: readonly Signal[];
  readonly destination: DestinationConfig | undefined;
  /** The first one, without what comes of it; empty when there is none. */
  readonly mistake: string;
  readonly problems: readonly ConfigProblem[];
}

interface Mistake {
  /** The key within the destination, such as `.endpoint`; empty for the destination itself. */
  readonly key: string;
  readonly expected: string;
  readonly found: string;
}

/** Reads one destination. `consequence` says what happens to it when it has a mistake, given its name. */
export function readDestination(
  value: unknown,
  key: string,
  ownPorts: readonly number[],
  consequence: (name: string | undefined) => string,
): DestinationReading {
  const name = destinationNameOf(value);
  const parsed = v.safeParse(destinationSchema, value);
  const mistakes = parsed.success
    ? crossMistakes(parsed.output, ownPorts)
    : v.is(anObject, value)
      ? parsed.issues.map(mistakeOf)
      : [{ key: '', expected: 'an object', found: describeKind(value) }];
  const unknown = v.is(anObject, value) ? unknownKeys(`${key}.`, value, destinationKeys) : [];
  return {
    name,
    signals: parsed.success ? parsed.output.signals : signals,
    destination: parsed.success && mistakes.length === 0 ? inForce(parsed.output) : undefined,
    mistake: mistakes.map((one) => `${key}${one.key}: expected ${one.expected}, found ${one.found}`)[0] ?? '',
    problems: [
      ...mistakes.map((mistake) => problem(`${key}${mistake.key}`, mistake.expected, mistake.found, consequence(name))),
      ...unknown,
    ],
  };
}

type Parsed = v.InferOutput<typeof destinationSchema>;

function inForce(parsed: Parsed): DestinationConfig {
  return { ...parsed, endpoint: endpointOf(parsed) ?? '' };
}

function endpointOf({ endpoint, preset }: Parsed): string | undefined {
  if (endpoint !== undefined) return normaliseEndpoint(endpoint);
  return preset === undefined ? undefined : presets[preset].endpoint;
}

/** Mistakes that only show when keys are seen together. */
function crossMistakes(parsed: Parsed, ownPorts: readonly number[]): Mistake[] {
  const mistakes: Mistake[] = [];
  const endpoint = endpointOf(parsed);
  const wrong =
    endpoint === undefined
      ? 'an http(s) URL, or "preset": "span"'
      : endpointMistake(endpoint, { allowInsecure: parsed.allowInsecure, ownPorts });
  if (wrong !== undefined) {
    mistakes.push({ key: '.endpoint', expected: wrong, found: describeUrl(parsed.endpoint) });
  }
  if (parsed.token !== undefined && parsed.preset === undefined) {
    mistakes.push({
      key: '.token',
      expected: 'a token only beside a preset (without one, put the credential into headers)',
      found: describeKind(parsed.token),
    });
  }
  const names = Object.keys(parsed.headers).map((name) => name.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    mistakes.push({ key: '.headers', expected: 'each header once', found: `${describeValue(twice)} more than once` });
  }
  return mistakes;
}

/** The name that an entry of `destinations` gives; undefined where it is missing or cannot be used. */
export function destinationNameOf(value: unknown): string | undefined {
  const named = v.safeParse(v.object({ name: destinationName }), value);
  return named.success ? named.output.name : undefined;
}

function mistakeOf(issue: v.BaseIssue<unknown>): Mistake {
  const path = issue.path ?? [];
  const [top] = path;
  const isHeaderName = path.at(-1)?.origin === 'key' && path.length > 1;
  const shown = isHeaderName ? path.slice(0, -1) : path;
  const key = shown.map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  if (isHeaderName) return { key, expected: issue.message, found: describeHeaderName(String(issue.input)) };
  return { key, expected: issue.message, found: found(top?.key, issue.input) };
}

/** The name of a header is no secret, but a whole `Name: value` in its place may hold one. */
function describeHeaderName(name: string): string {
  if (/^[\w-]{1,64}$/.test(name)) return `"${name}"`;
  const start = /^([\w-]{1,64})[: ]/.exec(name)?.[1];
  const kind = describeKind(name);
  return start === undefined ? kind : `${kind} that starts with "${start}"`;
}

function found(key: unknown, value: unknown): string {
  switch (key) {
    case 'token':
    case 'headers':
      return describeKind(value);
    case 'endpoint':
      return describeUrl(value);
    default:
      return describeValue(value);
  }
}
