import * as v from 'valibot';
import type { Signal } from '../../../shared/signal.ts';
import { type ConfigProblem, describeKind, describeValue, problem, unknownKeys } from './config-problem.ts';
import { type DestinationConfig, readDestination } from './destination-config.ts';
import { parseJsonText } from './json-text.ts';
import { aList, anObject, httpPort, maxAgeDays, maxBytes } from './schemas.ts';

/** What is in force. Itself a valid config file, which is how the last good one is kept. */
export interface Config {
  readonly listen: {
    /** Port on loopback; 0 lets the system choose. */
    readonly http: number;
  };
  readonly destinations: readonly DestinationConfig[];
  readonly spool: { readonly maxBytes: number; readonly maxAgeDays: number };
}

export const defaultConfig: Config = {
  listen: { http: 14_318 },
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
}

export interface HeldDestination {
  readonly name: string;
  readonly signals: readonly Signal[];
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
    return { config: fallback, problems: [problem(key, json.expected, json.found, wholeKept)], held: [] };
  }
  if (!v.is(anObject, json.value)) {
    const mistake = problem('the config file', 'a JSON object', describeKind(json.value), wholeKept);
    return { config: fallback, problems: [mistake], held: [] };
  }

  const reader = valueReader(lastGood !== undefined);
  const file = json.value;
  reader.unknown('', file, Object.keys(defaultConfig));
  const listen = reader.group(file, 'listen', defaultConfig.listen);
  const spool = reader.group(file, 'spool', defaultConfig.spool);
  const http = reader.value(listen, 'listen.http', httpPort, fallback.listen.http, defaultConfig.listen.http);
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
  const entries = reader.value(file, 'destinations', aList, undefined, []);
  const read = entries === undefined ? undefined : readDestinations(entries, http, lastGood);
  return {
    config: { listen: { http }, destinations: read?.destinations ?? fallback.destinations, spool: limits },
    problems: [...reader.problems, ...(read?.problems ?? [])],
    held: read?.held ?? [],
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
    group(file: Readonly<Record<string, unknown>>, key: string, known: object): Group {
      const value = file[key] ?? (Object.hasOwn(file, key) ? file[key] : {});
      if (!v.is(anObject, value)) {
        problems.push(problem(key, 'an object', describeKind(value), kept(undefined)));
        return 'invalid';
      }
      problems.push(...unknownKeys(`${key}.`, value, Object.keys(known)));
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
  };
}

function readDestinations(entries: readonly unknown[], ownHttpPort: number, lastGood: Config | undefined) {
  const destinations: DestinationConfig[] = [];
  const held: HeldDestination[] = [];
  const problems: ConfigProblem[] = [];
  const taken = new Set<string>();
  const lastGoodOf = (name: string | undefined) => lastGood?.destinations.find((one) => one.name === name);
  const consequence = (name: string | undefined) => {
    if (name === undefined) return 'this destination is left out';
    if (lastGoodOf(name) !== undefined) return `"${name}" keeps its last good settings`;
    return `nothing is sent to "${name}" until this is corrected, its data is kept`;
  };
  for (const [index, entry] of entries.entries()) {
    const key = `destinations[${index}]`;
    const reading = readDestination(entry, key, ownHttpPort, consequence);
    const { name } = reading;
    if (name !== undefined && taken.has(name.toLowerCase())) {
      problems.push(problem(`${key}.name`, 'a name of its own', `"${name}" again`, 'this destination is left out'));
      continue;
    }
    problems.push(...reading.problems);
    if (name === undefined) continue;
    taken.add(name.toLowerCase());
    const inForce = reading.destination ?? lastGoodOf(name);
    if (inForce === undefined) held.push({ name, signals: reading.signals });
    else destinations.push(inForce);
  }
  return { destinations, held, problems };
}
