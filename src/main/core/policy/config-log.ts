import type { Log } from '../log.ts';
import type { LoadedConfig } from './config-source.ts';

/** Logs what a config changes, against the one before: mistakes that are new or gone, and what is in force now. */
export function logConfig(log: Log, loaded: LoadedConfig, before?: LoadedConfig): void {
  const { file } = loaded;
  const problems = messagesOf(loaded);
  const known = messagesOf(before);
  for (const problem of problems.filter((one) => !known.includes(one))) log.warn('config', { file, problem });
  const corrected = known.filter((one) => !problems.includes(one)).length;
  if (corrected > 0) log.info('config mistake corrected', { file, corrected, remaining: problems.length });
  for (const key of loaded.unused) {
    if (before?.unused.includes(key) !== true) log.info(`${key} is not used by this version`, { file });
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

function messagesOf(loaded: LoadedConfig | undefined): readonly string[] {
  return loaded?.problems.map(({ message }) => message) ?? [];
}

/** Also of destinations that wait for a mistake to be corrected. */
function namesOf(loaded: LoadedConfig | undefined): readonly string[] {
  return loaded === undefined ? [] : [...loaded.config.destinations, ...loaded.held].map(({ name }) => name);
}

function listed(names: readonly string[]): string {
  return names.join(', ') || 'none';
}
