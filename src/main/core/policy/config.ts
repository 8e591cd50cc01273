import * as v from 'valibot';
import { closest } from '../../../shared/closest.ts';
import type { Signal } from '../../../shared/signal.ts';
import {
  type ConfigProblem,
  describeKey,
  describeKind,
  describeValue,
  problem,
  unknownKeys,
} from './config-problem.ts';
import { type DestinationConfig, destinationNameOf, readDestination } from './destination-config.ts';
import { parseJsonText } from './json-text.ts';
import { aList, anObject, aPort, aText, maxAgeDays, maxBytes } from './schemas.ts';

/** What is in force. Itself a valid config file, which is how the last good one is kept. */
export interface Config {
  readonly listen: {
    /** Ports on loopback; 0 lets the system choose. */
    readonly http: number;
    readonly grpc: number;
  };
  readonly destinations: readonly DestinationConfig[];
  readonly spool: { readonly maxBytes: number; readonly maxAgeDays: number };
}

export const defaultConfig: Config = {
  listen: { http: 14_318, grpc: 14_317 },
  destinations: [],
  spool: { maxBytes: 256 * 2 ** 20, maxAgeDays: 30 },
};

export interface ParsedConfig {
  readonly config: Config;
  readonly problems: readonly ConfigProblem[];
  /**
   * Destinations that the file names but that cannot be used yet, because of a mistake. Data is to be kept for them,
   * or what arrives before the mistake is mended would be lost to it.
   */
  readonly held: readonly HeldDestination[];
  /** Keys of the config format that are well formed and that this version does not use. */
  readonly unused: readonly string[];
}

export interface HeldDestination {
  readonly name: string;
  readonly signals: readonly Signal[];
  /** What has to be corrected first. */
  readonly mistake: string;
}

/**
 * Reads a config file key by key: what is valid applies; an invalid key keeps its last good value, else its default;
 * an invalid destination keeps the last good one of that name, else is left out (see `held`); a key that the relay does
 * not know is ignored; of broken JSON nothing applies. Every departure is a problem. Pure.
 */
export function parseConfig(text: string, lastGood: Config | undefined): ParsedConfig {
  const json = parseJsonText(text);
  const fallback = lastGood ?? defaultConfig;
  const wholeKept = lastGood === undefined ? 'the defaults are in force' : 'the last good config stays in force';
  if (!json.ok) {
    const key = `line ${json.line}, column ${json.column}`;
    return { config: fallback, problems: [problem(key, json.expected, json.found, wholeKept)], held: [], unused: [] };
  }
  if (!v.is(anObject, json.value)) {
    const mistake = problem('the config file', 'a JSON object', describeKind(json.value), wholeKept);
    return { config: fallback, problems: [mistake], held: [], unused: [] };
  }

  const reader = valueReader(lastGood !== undefined);
  const file = json.value;
  const topKeys = [...Object.keys(defaultConfig), 'resourceAttributes'];
  reader.unknown('', file, topKeys);
  const listen = reader.group(file, 'listen', Object.keys(defaultConfig.listen));
  const spool = reader.group(file, 'spool', Object.keys(defaultConfig.spool));
  const ports = {
    http: reader.value(listen, 'listen.http', aPort, fallback.listen.http, defaultConfig.listen.http),
    grpc: reader.value(listen, 'listen.grpc', aPort, fallback.listen.grpc, defaultConfig.listen.grpc),
  };
  const limits = {
    maxBytes: reader.value(spool, 'spool.maxBytes', maxBytes, fallback.spool.maxBytes, defaultConfig.spool.maxBytes),
    maxAgeDays: reader.value(
      spool,
      'spool.maxAgeDays',
      maxAgeDays,
      fallback.spool.maxAgeDays,
      defaultConfig.spool.maxAgeDays,
    ),
  };
  const misspelt = Object.keys(file).some((key) => !topKeys.includes(key) && closest(key, topKeys) === 'destinations');
  if (misspelt && file.destinations === undefined && fallback.destinations.length > 0) {
    const consequence = 'the last good ones stay in force, because an unknown key may be meant for it';
    reader.problems.push(problem('destinations', 'a list', 'nothing', consequence));
  }
  const entries = reader.value(file, 'destinations', aList, undefined, misspelt ? undefined : []);
  const read = entries === undefined ? undefined : readDestinations(entries, Object.values(ports), lastGood);
  const unused = [...reader.unused(file, 'resourceAttributes', v.pipe(anObject, v.record(v.string(), aText)))];
  return {
    config: { listen: ports, destinations: read?.destinations ?? fallback.destinations, spool: limits },
    problems: [...reader.problems, ...(read?.problems ?? [])],
    held: read?.held ?? [],
    unused,
  };
}

type Group = Readonly<Record<string, unknown>> | 'invalid';

/** Reads single values, collecting problems. */
function valueReader(hasLastGood: boolean) {
  const problems: ConfigProblem[] = [];
  const kept = (value: unknown) => {
    const shown = v.is(v.union([v.number(), v.string()]), value) ? ` ${describeValue(value)}` : '';
    return hasLastGood ? `the last good value${shown} stays in force` : `the default${shown} is in force`;
  };
  return {
    problems,
    unknown(at: string, value: object, known: readonly string[]): void {
      problems.push(...unknownKeys(at, value, known));
    },
    /** An object of known keys; empty when it is absent. */
    group(file: Readonly<Record<string, unknown>>, key: string, known: readonly string[]): Group {
      const value = file[key] ?? (Object.hasOwn(file, key) ? file[key] : {});
      if (!v.is(anObject, value)) {
        problems.push(problem(key, 'an object', describeKind(value), kept(undefined)));
        return 'invalid';
      }
      problems.push(...unknownKeys(`${key}.`, value, known));
      return value;
    },
    /** The value when it is valid, the default when it is absent, and `lastGood` when it is invalid. */
    value<T, L>(group: Group, key: string, schema: v.GenericSchema<unknown, T>, lastGood: L, whenAbsent: T): T | L {
      if (group === 'invalid') return lastGood;
      const found = group[key.slice(key.lastIndexOf('.') + 1)];
      if (found === undefined) return whenAbsent;
      const parsed = v.safeParse(schema, found);
      if (parsed.success) return parsed.output;
      problems.push(problem(key, parsed.issues[0].message, describeValue(found), kept(lastGood)));
      return lastGood;
    },
    /** The key itself when it is there and well formed. */
    unused(group: Group, key: string, schema: v.GenericSchema): string[] {
      const found = group === 'invalid' ? undefined : group[key.slice(key.lastIndexOf('.') + 1)];
      if (found === undefined) return [];
      const [issue] = v.safeParse(schema, found).issues ?? [];
      if (issue === undefined) return [key];
      const at = issue.path === undefined ? key : `${key}.${describeKey(String(issue.path[0].key))}`;
      problems.push(problem(at, issue.message, describeKind(issue.input), 'this version does not use it'));
      return [];
    },
  };
}

function readDestinations(entries: readonly unknown[], ownPorts: readonly number[], lastGood: Config | undefined) {
  const destinations: DestinationConfig[] = [];
  const held: HeldDestination[] = [];
  const problems: ConfigProblem[] = [];
  const taken = new Set<string>();
  const lastGoodOf = (name: string | undefined) => lastGood?.destinations.find((one) => one.name === name);
  const unnamed = unnamedBy(entries, lastGood);
  const leftOut = ['this destination is left out', ...unnamed.map(keptWords)].join('; ');
  const consequence = (name: string | undefined) => {
    if (name === undefined) return leftOut;
    if (lastGoodOf(name) !== undefined) return `"${name}" keeps its last good settings`;
    return `nothing is sent to "${name}" until this is corrected, its data is kept`;
  };
  let anyLeftOut = false;
  for (const [index, entry] of entries.entries()) {
    const key = `destinations[${index}]`;
    const reading = readDestination(entry, key, ownPorts, consequence);
    const { name } = reading;
    const isTaken = name !== undefined && taken.has(name.toLowerCase());
    if (isTaken) problems.push(problem(`${key}.name`, 'a name of its own', `"${name}" again`, leftOut));
    else problems.push(...reading.problems);
    if (name === undefined || isTaken) {
      anyLeftOut = true;
      continue;
    }
    taken.add(name.toLowerCase());
    const inForce = reading.destination ?? lastGoodOf(name);
    if (inForce === undefined) held.push({ name, signals: reading.signals, mistake: reading.mistake });
    else destinations.push(inForce);
  }
  // An entry without a usable name may be any of them, and what is not configured is owed nothing.
  if (anyLeftOut) destinations.push(...unnamed);
  return { destinations, held, problems };
}

/** The last good destinations that no entry names. */
function unnamedBy(entries: readonly unknown[], lastGood: Config | undefined): readonly DestinationConfig[] {
  const named = new Set(entries.map((entry) => destinationNameOf(entry)?.toLowerCase()));
  return lastGood?.destinations.filter(({ name }) => !named.has(name.toLowerCase())) ?? [];
}

function keptWords({ name }: DestinationConfig): string {
  return `"${name}", which no entry names, stays as it was, because this may be it`;
}
