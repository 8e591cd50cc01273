import { signals as allSignals } from '../../../shared/signal.ts';
import type { HeldDestination } from './config.ts';
import { type ConfigProblem, type Mistake, problem } from './config-problem.ts';
import { togetherMistakes } from './destination-checks.ts';
import type { DestinationReading, DestinationSettings } from './destination-settings.ts';
import { type Layers, mergeDestination, type Shared } from './merge-destination.ts';
import { type ConfiguredDestination, toDestination } from './to-destination.ts';

/** What the files say of one destination; at least one of them speaks of it. */
export type DestinationReadings = Layers<DestinationReading | undefined>;

type Pair = Layers<DestinationSettings | undefined>;

export interface ResolvedDestination {
  /** Undefined when it cannot be used. */
  readonly destination: ConfiguredDestination | undefined;
  readonly held: HeldDestination | undefined;
  readonly problems: Layers<readonly ConfigProblem[]>;
  /** What each file contributes to what is in force. */
  readonly used: Pair | undefined;
}

export interface ResolvingContext {
  readonly shared: Layers<Shared>;
  readonly ownPorts: readonly number[];
  readonly lastGood: Pair;
}

/** Looks for what can be used: what the files say now, else what either said last that went well. */
export function resolveDestination(readings: DestinationReadings, context: ResolvingContext): ResolvedDestination {
  const { policy, config } = readings;
  const check = (pair: Pair) => {
    const merged = mergeDestination(pair, context.shared);
    const destination = toDestination(merged);
    return { pair, destination, mistakes: togetherMistakes({ merged, destination, ownPorts: context.ownPorts }) };
  };
  const areReadable = [policy, config].every((one) => one === undefined || one.settings !== undefined);
  const together = areReadable ? check({ policy: policy?.settings, config: config?.settings }).mistakes : [];
  const usable = pairs(readings, context.lastGood)
    .map(check)
    .find(({ mistakes }) => mistakes.length === 0);

  const mistakesIn = (file: 'policy' | 'config'): readonly Mistake[] => [
    ...(readings[file]?.mistakes ?? []),
    ...together.filter((mistake) => culprit(mistake, readings) === file),
  ];
  const problemsIn = (file: 'policy' | 'config'): readonly ConfigProblem[] => {
    const reading = readings[file];
    if (reading === undefined) return [];
    const comes = consequence(reading.name, file, usable?.pair);
    return [
      ...mistakesIn(file).map(({ key, expected, found }) => problem(`${reading.at}${key}`, expected, found, comes)),
      ...reading.unknown,
    ];
  };
  const blamed = mistakesIn('policy').length > 0 ? 'policy' : 'config';
  return {
    destination: usable?.destination,
    held: usable === undefined ? heldFor(readings, blamed, mistakesIn(blamed)[0]) : undefined,
    problems: { policy: problemsIn('policy'), config: problemsIn('config') },
    used: usable?.pair,
  };
}

/** What can be put together, best first. The policy is never left out; a config that does not fit it is, in the end. */
function pairs({ policy, config }: DestinationReadings, lastGood: Pair): readonly Pair[] {
  const choices = (reading: DestinationReading | undefined, good: DestinationSettings | undefined) =>
    reading === undefined ? [undefined] : [reading.settings, good].filter((one) => one !== undefined);
  const configs = [...choices(config, lastGood.config), ...(policy === undefined ? [] : [undefined])];
  return choices(policy, lastGood.policy).flatMap((one) => configs.map((other) => ({ policy: one, config: other })));
}

/** The file that has to be corrected. */
function culprit({ key }: Mistake, { policy, config }: DestinationReadings): 'policy' | 'config' {
  const [top = ''] = /\w+/.exec(key) ?? [];
  return policy !== undefined && (config === undefined || policy.given.includes(top)) ? 'policy' : 'config';
}

function consequence(name: string, file: 'policy' | 'config', used: Pair | undefined): string {
  if (used === undefined) return `nothing is sent to "${name}" until this is corrected, its data is kept`;
  if (used[file] === undefined) return `"${name}" goes on as the policy alone says`;
  return `"${name}" keeps its last good settings`;
}

function heldFor(
  readings: DestinationReadings,
  by: 'policy' | 'config',
  first: Mistake | undefined,
): HeldDestination | undefined {
  const { policy, config } = readings;
  const given = [policy, config].find((one) => one?.given.includes('signals')) ?? config;
  const formerly = policy?.formerly ?? config?.formerly;
  return {
    name: (policy ?? config)?.name ?? '',
    ...(formerly === undefined ? {} : { formerly }),
    signals: given?.signals ?? allSignals,
    mistake: first ? `${readings[by]?.at}${first.key}: expected ${first.expected}, found ${first.found}` : '',
    by,
  };
}
