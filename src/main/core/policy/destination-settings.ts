import * as v from 'valibot';
import { type Signal, signals } from '../../../shared/signal.ts';
import type { Destination, Protocol } from '../delivery/destination.ts';
import {
  type ConfigProblem,
  describeKind,
  describeName,
  describeToken,
  describeUrl,
  describeValue,
  type Mistake,
  unknownKeys,
} from './config-problem.ts';
import { normaliseEndpoint } from './endpoint.ts';
import type { PresetName } from './presets.ts';
import { anObject, destinationKeys, destinationName, destinationSchema } from './schemas.ts';

/** What one file says of a destination. Itself valid in a file. What is absent is open: to the other file, the preset, the default. */
export interface DestinationSettings {
  readonly name: string;
  /** Its name before a rename: the books and the backlog of that name are its own. */
  readonly formerly?: string;
  readonly preset?: PresetName;
  /** What the preset asks for. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Without a trailing slash and without `/v1/<signal>`. */
  readonly endpoint?: string;
  readonly endpoints?: Destination['signalEndpoints'];
  readonly protocol?: Protocol;
  readonly compression?: Destination['compression'];
  readonly token?: string;
  readonly tokenFile?: string;
  readonly credentialHeader?: string;
  readonly credentialScheme?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signals?: readonly Signal[];
  readonly resourceAttributes?: AttributeSettings;
  readonly proxy?: string;
  readonly caFile?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
  readonly allowInsecure?: boolean;
  readonly timeoutMs?: number;
}

export type AttributeSettings = Readonly<Record<string, { readonly value: string; readonly override: boolean }>>;

/** One entry of `destinations` with a name of its own, each key read by itself. */
export interface DestinationReading {
  readonly name: string;
  /** Where it stands: `destinations[0]`. */
  readonly at: string;
  /** Undefined when a key is wrong. */
  readonly settings: DestinationSettings | undefined;
  /** As far as they could be read: data is kept for these even when the destination cannot be used. */
  readonly signals: readonly Signal[];
  readonly formerly: string | undefined;
  readonly mistakes: readonly Mistake[];
  /** The keys that the entry gives, right or wrong. */
  readonly given: readonly string[];
  readonly unknown: readonly ConfigProblem[];
}

/** Reads one entry, whose name is known to be usable. */
export function readDestination(
  value: Readonly<Record<string, unknown>>,
  at: string,
  name: string,
): DestinationReading {
  const parsed = v.safeParse(destinationSchema, value);
  const endpoints = v.is(anObject, value.endpoints) ? value.endpoints : {};
  return {
    name,
    at,
    settings: parsed.success ? normalised(parsed.output) : undefined,
    signals: single(destinationSchema.entries.signals, value.signals) ?? signals,
    formerly: single(destinationSchema.entries.formerly, value.formerly),
    mistakes: parsed.success ? [] : parsed.issues.map(mistakeOf),
    given: Object.keys(value),
    unknown: [...unknownKeys(`${at}.`, value, destinationKeys), ...unknownKeys(`${at}.endpoints.`, endpoints, signals)],
  };
}

/** An entry that was in force before, as if it were read again. */
export function readingOf(settings: DestinationSettings, at: string): DestinationReading {
  return {
    name: settings.name,
    at,
    settings,
    signals: settings.signals ?? signals,
    formerly: settings.formerly,
    mistakes: [],
    given: Object.keys(settings),
    unknown: [],
  };
}

/** The name that an entry of `destinations` gives; undefined where it is missing or cannot be used. */
export function destinationNameOf(value: unknown): string | undefined {
  const named = v.safeParse(v.object({ name: destinationName }), value);
  return named.success ? named.output.name : undefined;
}

/** What is wrong with the name of an entry that has no usable one. */
export function nameMistake(value: unknown): Mistake {
  if (!v.is(anObject, value)) return { key: '', expected: 'an object', found: describeKind(value) };
  const { issues } = v.safeParse(destinationName, value.name);
  return { key: '.name', expected: issues?.[0].message ?? '', found: describeValue(value.name) };
}

function single<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T | undefined {
  const parsed = v.safeParse(schema, value);
  return parsed.success ? parsed.output : undefined;
}

function normalised(parsed: v.InferOutput<typeof destinationSchema>): DestinationSettings {
  return parsed.endpoint === undefined ? parsed : { ...parsed, endpoint: normaliseEndpoint(parsed.endpoint) };
}

function mistakeOf(issue: v.BaseIssue<unknown>): Mistake {
  const path = issue.path ?? [];
  const [top] = path;
  const isAboutKey = path.at(-1)?.origin === 'key' && path.length > 1;
  const shown = isAboutKey ? path.slice(0, -1) : path;
  const key = shown
    .map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${key === top?.key ? key : describeName(String(key))}`))
    .join('');
  if (!isAboutKey) return { key, expected: issue.message, found: found(top?.key, issue.input) };
  const name = String(issue.input);
  return {
    key,
    expected: issue.message,
    found: top?.key === 'headers' ? describeHeaderName(name) : `the name ${describeName(name)}`,
  };
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
      return describeToken(value);
    case 'tokenFile':
    case 'credentialScheme':
    case 'headers':
    case 'clientKey':
    case 'resourceAttributes':
      return describeKind(value);
    case 'credentialHeader':
      return typeof value === 'string' ? describeHeaderName(value) : describeKind(value);
    case 'endpoint':
    case 'endpoints':
    case 'proxy':
      return describeUrl(value);
    default:
      return describeValue(value);
  }
}
