import { type ConfigProblem, problem } from './config-problem.ts';
import type { DestinationReading, DestinationSettings } from './destination-settings.ts';
import type { Layers } from './merge-destination.ts';
import type { DestinationReadings } from './resolve-destination.ts';
import type { Settings } from './settings.ts';

/** What both files say, by destination: the policy's first, then what only the config has. */
export function joinedByName(
  policy: readonly DestinationReading[],
  config: readonly DestinationReading[],
): readonly DestinationReadings[] {
  const named = (list: readonly DestinationReading[], name: string) => list.find((one) => isSameName(one.name, name));
  return [
    ...policy.map((one) => ({ policy: one, config: named(config, one.name) })),
    ...config.filter(({ name }) => !named(policy, name)).map((one) => ({ policy: undefined, config: one })),
  ];
}

/** What was last good in each file for the same destination. `free`: whether it can have been renamed from a name, as things are now. */
export function lastGoodOf(
  { policy, config }: DestinationReadings,
  lastGood: Layers<Settings | undefined>,
  free: (formerly: string, name: string) => boolean,
): Layers<DestinationSettings | undefined> {
  const name = (policy ?? config)?.name ?? '';
  const find = (settings: Settings | undefined) => {
    const found = settings?.destinations.find((one) => isSameName(one.name, name));
    if (found?.formerly === undefined || free(found.formerly, name)) return found;
    const { formerly, ...kept } = found;
    return kept;
  };
  return { policy: find(lastGood.policy), config: find(lastGood.config) };
}

/** Drops each `formerly` that names what cannot have been renamed: a destination of now, or one that another has become. */
export function withoutFalseRenames(joined: readonly DestinationReadings[]): {
  readonly readings: readonly DestinationReadings[];
  readonly problems: Layers<readonly ConfigProblem[]>;
  /** Whether a destination can have been renamed from a name, beside the renames that there are. */
  readonly free: (formerly: string, name: string) => boolean;
} {
  const names = new Set(joined.map(({ policy, config }) => (policy ?? config)?.name.toLowerCase()));
  /** By former name, who has it now. */
  const heirs = new Map<string, string>();
  const free = (formerly: string, name: string) => {
    const heir = heirs.get(formerly.toLowerCase());
    return !names.has(formerly.toLowerCase()) && (heir === undefined || isSameName(heir, name));
  };
  const problems = { policy: [] as ConfigProblem[], config: [] as ConfigProblem[] };
  const checked = (file: 'policy' | 'config', reading: DestinationReading | undefined) => {
    const { formerly, settings } = reading ?? {};
    if (reading === undefined || formerly === undefined) return reading;
    if (free(formerly, reading.name)) return reading;
    const expected = 'the former name of this destination alone';
    const found = `"${formerly}", which another one has or had`;
    problems[file].push(problem(`${reading.at}.formerly`, expected, found, 'there is no rename'));
    const { formerly: dropped, ...kept } = settings ?? { name: reading.name };
    return { ...reading, formerly: undefined, settings: settings && kept };
  };
  const readings = joined.map(({ policy, config }) => {
    const both = { policy: checked('policy', policy), config: checked('config', config) };
    const heir = [both.policy, both.config].find((one) => one?.formerly !== undefined);
    if (heir?.formerly !== undefined) heirs.set(heir.formerly.toLowerCase(), heir.name);
    return both;
  });
  return { readings, problems, free };
}

function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
