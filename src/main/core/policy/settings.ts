import * as v from 'valibot';
import { closest } from '../../../shared/closest.ts';
import {
  type ConfigProblem,
  describeKind,
  describeName,
  describeUrl,
  describeValue,
  problem,
  unknownKeys,
} from './config-problem.ts';
import type { AttributeSettings, DestinationReading, DestinationSettings } from './destination-settings.ts';
import { parseJsonText } from './json-text.ts';
import { readDestinations } from './read-destinations.ts';
import {
  aList,
  anObject,
  aPort,
  attributeName,
  attributeValue,
  maxAgeDays,
  maxBytes,
  networkEntries,
} from './schemas.ts';

/** What one file says, policy or config: valid values only. Itself a valid file, which is how the last good one is kept. */
export interface Settings {
  /** Ports on loopback; 0 lets the system choose. */
  readonly listen: { readonly http?: number | undefined; readonly grpc?: number | undefined };
  readonly resourceAttributes: AttributeSettings;
  readonly network: { readonly proxy?: string | undefined; readonly caFile?: string | undefined };
  readonly destinations: readonly DestinationSettings[];
  readonly spool: { readonly maxBytes?: number | undefined; readonly maxAgeDays?: number | undefined };
}

export const noSettings: Settings = { listen: {}, resourceAttributes: {}, network: {}, destinations: [], spool: {} };

/** What holds where no file says anything. */
export const defaults = {
  listen: { http: 14_318, grpc: 14_317 },
  network: { proxy: 'system', caFile: undefined },
  spool: { maxBytes: 256 * 2 ** 20, maxAgeDays: 30 },
} as const satisfies Omit<Settings, 'destinations' | 'resourceAttributes'>;

export type FileKind = 'policy' | 'config';

/** One file, read key by key: where a key is invalid, its last good value stands in. */
export interface SettingsReading {
  readonly kind: FileKind;
  readonly settings: Omit<Settings, 'destinations'>;
  readonly destinations: readonly DestinationReading[];
  /** Everything that is wrong, but not what is wrong within destinations: what comes of that shows later. */
  readonly problems: readonly ConfigProblem[];
}

export interface ReadingContext {
  readonly kind: FileKind;
  readonly lastGood: Settings | undefined;
  /** What the policy says, when this is the config. For texts. */
  readonly policy?: Omit<Settings, 'destinations'> | undefined;
}

/**
 * Reads a file key by key: what is valid applies; an invalid key keeps its last good value, else it counts as absent; a key
 * that the relay does not know is ignored; of broken JSON nothing applies. Every departure is a problem. Pure.
 */
export function readSettings(text: string, context: ReadingContext): SettingsReading {
  const json = parseJsonText(text);
  if (!json.ok) {
    return unusable(`line ${json.line}, column ${json.column}`, json.expected, json.found, context);
  }
  if (!v.is(anObject, json.value)) {
    return unusable(`the ${context.kind} file`, 'a JSON object', describeKind(json.value), context);
  }
  const file = json.value;
  const { lastGood = noSettings } = context;
  const reader = settingsReader(file, context);
  const settings = {
    listen: { http: reader.value('listen', 'http', aPort), grpc: reader.value('listen', 'grpc', aPort) },
    resourceAttributes: reader.attributes(),
    network: {
      proxy: reader.value('network', 'proxy', networkEntries.proxy),
      caFile: reader.value('network', 'caFile', networkEntries.caFile),
    },
    spool: {
      maxBytes: reader.value('spool', 'maxBytes', maxBytes),
      maxAgeDays: reader.value('spool', 'maxAgeDays', maxAgeDays),
    },
  };
  const entries = reader.destinationEntries();
  const read = readDestinations(entries ?? lastGood.destinations, lastGood.destinations);
  return {
    kind: context.kind,
    settings,
    destinations: read.destinations,
    problems: [...reader.problems, ...read.problems],
  };
}

/** A file of which nothing can be read, or that is not there: what was last good, with the one problem. */
export function unusable(key: string, expected: string, found: string, context: ReadingContext): SettingsReading {
  const { kind, lastGood, policy } = context;
  const otherwise = kind === 'policy' ? 'nothing of it is in force' : 'the defaults are in force';
  const managed = policy === undefined ? otherwise : 'only the policy is in force';
  const nothingBefore = lastGood === undefined || !saysAnything(lastGood);
  const consequence = nothingBefore ? managed : `the last good ${kind} stays in force`;
  const whole = { ...problem(key, expected, found, consequence), ofFile: true } as const;
  return { ...readingOfSettings(kind, lastGood), problems: [whole] };
}

/** Settings that were in force before, as if they were read again. */
export function readingOfSettings(kind: FileKind, settings: Settings = noSettings): SettingsReading {
  const { destinations, ...others } = settings;
  const read = readDestinations(destinations, destinations);
  return { kind, settings: others, destinations: read.destinations, problems: [] };
}

/** What can be used of a file by itself. */
export function settingsOf({ settings, destinations }: SettingsReading): Settings {
  return { ...settings, destinations: destinations.flatMap((one) => one.settings ?? []) };
}

export function saysAnything(settings: Settings): boolean {
  return Object.values(settings).some((part) => !['{}', '[]'].includes(JSON.stringify(part)));
}

type Group = 'listen' | 'network' | 'spool';

const topKeys = ['listen', 'destinations', 'spool', 'resourceAttributes', 'network'] as const;

/** Reads single values, collecting problems. */
function settingsReader(file: Readonly<Record<string, unknown>>, { kind, lastGood, policy }: ReadingContext) {
  const problems = unknownKeys('', file, topKeys);
  const groups = { listen: group('listen'), network: group('network'), spool: group('spool') };

  /** What comes of a key that is wrong. `shown`: the value that is in force, where it may be told. */
  function consequence(whose: 'policy' | 'last good' | 'none', shown: (of: typeof whose) => unknown): string {
    const words = v.is(v.union([v.number(), v.string()]), shown(whose)) ? ` ${describeValue(shown(whose))}` : '';
    if (whose === 'policy') return `the policy's value${words} is in force`;
    if (whose === 'last good') return `the last good value${words} stays in force`;
    return kind === 'policy' ? 'the policy leaves it open' : `the default${words} is in force`;
  }

  function group(key: Group): Readonly<Record<string, unknown>> | 'invalid' {
    const value = file[key] ?? (Object.hasOwn(file, key) ? file[key] : {});
    if (!v.is(anObject, value)) {
      const whose = lastGood === undefined ? 'none' : 'last good';
      problems.push(
        problem(
          key,
          'an object',
          describeKind(value),
          consequence(whose, () => undefined),
        ),
      );
      return 'invalid';
    }
    problems.push(...unknownKeys(`${key}.`, value, Object.keys(defaults[key])));
    return value;
  }

  return {
    problems,
    /** The value when it is valid, undefined when it is absent, and the last good one when it is invalid. */
    value<G extends Group, K extends keyof Settings[G] & string>(
      name: G,
      key: K,
      schema: v.GenericSchema<unknown, NonNullable<Settings[G][K]>>,
    ): Settings[G][K] | undefined {
      const values = groups[name];
      const good = lastGood?.[name][key];
      if (values === 'invalid') return good;
      const found = values[key];
      if (found === undefined) return undefined;
      const parsed = v.safeParse(schema, found);
      if (parsed.success) return parsed.output;
      // Where a network's value is, there may be a password in it.
      const isSecret = name === 'network';
      const managed = policy?.[name][key];
      const usual: Readonly<Record<string, unknown>> = defaults[name];
      const shown = { policy: managed, 'last good': good, none: usual[key] };
      const whose = managed !== undefined ? 'policy' : good !== undefined ? 'last good' : 'none';
      const told = consequence(whose, (of) => (isSecret ? undefined : shown[of]));
      const describe = key === 'proxy' ? describeUrl : describeValue;
      problems.push(problem(`${name}.${key}`, parsed.issues[0].message, describe(found), told));
      return good;
    },
    /** Each attribute by itself. */
    attributes(): AttributeSettings {
      const found = file.resourceAttributes ?? (Object.hasOwn(file, 'resourceAttributes') ? null : {});
      const good = lastGood?.resourceAttributes ?? {};
      if (!v.is(anObject, found)) {
        const comes = lastGood === undefined ? 'no attribute is added' : 'the last good ones stay in force';
        problems.push(problem('resourceAttributes', 'an object', describeKind(found), comes));
        return good;
      }
      const read = Object.entries(found).flatMap(([name, value]) => {
        const badName = v.safeParse(attributeName, name).issues?.[0].message;
        if (badName !== undefined) {
          problems.push(problem('resourceAttributes', badName, `the name ${describeName(name)}`, 'it is not added'));
          return [];
        }
        const parsed = v.safeParse(attributeValue, value);
        if (parsed.success) return [[name, parsed.output] as const];
        const kept = Object.hasOwn(good, name) ? good[name] : undefined;
        const comes = kept === undefined ? 'it is not added' : 'the last good value stays in force';
        problems.push(problem(`resourceAttributes.${name}`, parsed.issues[0].message, describeKind(value), comes));
        return kept === undefined ? [] : [[name, kept] as const];
      });
      return Object.fromEntries(read);
    },
    /** The list as it stands in the file; undefined when the last good ones have to stand in. */
    destinationEntries(): readonly unknown[] | undefined {
      const found = file.destinations;
      const misspelt = Object.keys(file).some(
        (key) => !topKeys.some((known) => known === key) && closest(key, topKeys) === 'destinations',
      );
      if (found === undefined && misspelt && (lastGood?.destinations.length ?? 0) > 0) {
        const comes = 'the last good ones stay in force, because an unknown key may be meant for it';
        problems.push(problem('destinations', 'a list', 'nothing', comes));
        return undefined;
      }
      if (found === undefined) return [];
      if (v.is(aList, found)) return found;
      const comes = lastGood === undefined ? 'none is configured' : 'the last good ones stay in force';
      problems.push(problem('destinations', 'a list', describeKind(found), comes));
      return undefined;
    },
  };
}
