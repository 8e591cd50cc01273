import type { Log } from '../log.ts';
import type { LoadedConfig } from './config-source.ts';

/** Logs what a config changes, against the one before: mistakes that are new or gone, and what is in force now. */
export function logConfig(log: Log, loaded: LoadedConfig, before?: LoadedConfig): void {
  const { file, policy } = loaded;
  logProblems(log, 'config', { file, problems: loaded.problems, known: before?.problems });
  if (policy.file !== null) {
    logProblems(log, 'policy', { file: policy.file, problems: policy.problems, known: before?.policy.problems });
    if (policy.inForce !== (before?.policy.inForce ?? false)) {
      log.info(policy.inForce ? 'a policy is in force' : 'no policy is in force any more', { file: policy.file });
    }
  }
  const names = namesOf(loaded);
  const namesBefore = namesOf(before);
  log.info('config applied', {
    file,
    destinations: listed(names),
    added: before && listed(names.filter((name) => !namesBefore.includes(name))),
    removed: before && listed(namesBefore.filter((name) => !names.includes(name))),
  });
}

function logProblems(
  log: Log,
  what: 'config' | 'policy',
  told: {
    readonly file: string;
    readonly problems: LoadedConfig['problems'];
    readonly known: LoadedConfig['problems'] | undefined;
  },
): void {
  const { file } = told;
  const problems = told.problems.map(({ message }) => message);
  const known = told.known?.map(({ message }) => message) ?? [];
  for (const problem of problems.filter((one) => !known.includes(one))) log.warn(what, { file, problem });
  const corrected = known.filter((one) => !problems.includes(one)).length;
  if (corrected > 0) log.info(`${what} mistake corrected`, { file, corrected, remaining: problems.length });
}

/** Also of destinations that wait for a mistake to be corrected. */
function namesOf(loaded: LoadedConfig | undefined): readonly string[] {
  return loaded === undefined ? [] : [...loaded.config.destinations, ...loaded.held].map(({ name }) => name);
}

function listed(names: readonly string[]): string {
  return names.join(', ') || 'none';
}
