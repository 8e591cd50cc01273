import type { Signal } from '../../../shared/signal.ts';
import type { ConfigProblem } from './config-problem.ts';
import { joinedByName, lastGoodOf, withoutFalseRenames } from './join-destinations.ts';
import type { Layers } from './merge-destination.ts';
import { resolveDestination } from './resolve-destination.ts';
import { defaults, noSettings, type Settings, type SettingsReading } from './settings.ts';
import type { ConfiguredDestination } from './to-destination.ts';

/** What is in force, of policy and config together. */
export interface Config {
  readonly listen: {
    /** Ports on loopback; 0 lets the system choose. */
    readonly http: number;
    readonly grpc: number;
  };
  /** The policy's first. */
  readonly destinations: readonly ConfiguredDestination[];
  readonly spool: { readonly maxBytes: number; readonly maxAgeDays: number };
}

export const defaultConfig: Config = { listen: defaults.listen, destinations: [], spool: defaults.spool };

export interface ResolvedConfig {
  readonly config: Config;
  /**
   * Destinations that the files name but that cannot be used yet, because of a mistake. Data is to be kept for them,
   * or what arrives before the mistake is mended would be lost to it.
   */
  readonly held: readonly HeldDestination[];
  readonly problems: Layers<readonly ConfigProblem[]>;
  /** What each file contributes; kept as the last good. */
  readonly inForce: Layers<Settings>;
}

export interface HeldDestination {
  readonly name: string;
  readonly formerly?: string;
  readonly signals: readonly Signal[];
  /** What has to be corrected first, and in which file. */
  readonly mistake: string;
  readonly by: 'policy' | 'config';
}

/**
 * Puts policy and config together: the policy wins key by key, and destinations are joined by name. A destination with a
 * mistake keeps its last good settings, else it is left out (see `held`). Pure.
 */
export function resolveConfig(
  read: { readonly policy: SettingsReading | undefined; readonly config: SettingsReading },
  lastGood: Layers<Settings | undefined>,
): ResolvedConfig {
  const shared = { policy: read.policy?.settings ?? noSettings, config: read.config.settings };
  const { policy, config } = shared;
  const listen = {
    http: policy.listen.http ?? config.listen.http ?? defaults.listen.http,
    grpc: policy.listen.grpc ?? config.listen.grpc ?? defaults.listen.grpc,
  };
  const spool = {
    maxBytes: policy.spool.maxBytes ?? config.spool.maxBytes ?? defaults.spool.maxBytes,
    maxAgeDays: policy.spool.maxAgeDays ?? config.spool.maxAgeDays ?? defaults.spool.maxAgeDays,
  };
  const renames = withoutFalseRenames(joinedByName(read.policy?.destinations ?? [], read.config.destinations));
  const resolved = renames.readings.map((readings) =>
    resolveDestination(readings, {
      shared,
      ownPorts: Object.values(listen),
      lastGood: lastGoodOf(readings, lastGood, renames.free),
    }),
  );
  const problems = (file: 'policy' | 'config') => [
    ...(read[file]?.problems ?? []),
    ...resolved.flatMap((one) => one.problems[file]),
    ...renames.problems[file],
  ];
  const used = (file: 'policy' | 'config') =>
    resolved.flatMap(({ used }) => (used?.[file] === undefined ? [] : [used[file]]));
  return {
    config: { listen, destinations: resolved.flatMap(({ destination }) => destination ?? []), spool },
    held: resolved.flatMap(({ held }) => held ?? []),
    problems: { policy: problems('policy'), config: problems('config') },
    inForce: {
      policy: { ...policy, destinations: used('policy') },
      config: { ...config, destinations: used('config') },
    },
  };
}
