import { resolveConfig } from '../../src/main/core/policy/config.ts';
import { readSettings, type Settings } from '../../src/main/core/policy/settings.ts';

/** A config file as the relay reads it where there is no policy. */
export function parse(text: string, lastGood?: Settings) {
  const config = readSettings(text, { kind: 'config', lastGood });
  const resolved = resolveConfig({ policy: undefined, config }, { policy: undefined, config: lastGood });
  return { ...resolved, problems: resolved.problems.config, inForce: resolved.inForce.config };
}

interface Files<T> {
  readonly policy: T;
  readonly config: T;
}

/** A policy and a config, read together. */
export function parseBoth(
  files: Files<unknown>,
  lastGood: Files<Settings | undefined> = { policy: undefined, config: undefined },
) {
  const policy = readSettings(JSON.stringify(files.policy), { kind: 'policy', lastGood: lastGood.policy });
  const config = readSettings(JSON.stringify(files.config), {
    kind: 'config',
    lastGood: lastGood.config,
    policy: policy.settings,
  });
  return resolveConfig({ policy, config }, lastGood);
}
