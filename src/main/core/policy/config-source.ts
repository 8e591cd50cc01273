import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../clock.ts';
import type { Log } from '../log.ts';
import { type Config, defaultConfig, type HeldDestination, parseConfig } from './config.ts';
import { type ConfigProblem, problem } from './config-problem.ts';
import { writePrivateFile } from './private-file.ts';

export interface LoadedConfig {
  readonly file: string;
  /**
   * False when there is no config file. If there has been none since the start, the defaults are in force, and that is no
   * problem; else what was in force stays, and that is one.
   */
  readonly exists: boolean;
  readonly config: Config;
  /** Named in the file but not usable yet: data is to be kept for them. */
  readonly held: readonly HeldDestination[];
  /** Keys that are well formed and that this version does not use. */
  readonly unused: readonly string[];
  readonly problems: readonly ConfigProblem[];
}

export interface ConfigSource {
  readonly current: LoadedConfig;
  /** Calls `listener` after every load that changed something. Returns a canceller. */
  onChange(listener: (loaded: LoadedConfig) => void): () => void;
  /** Reads the file now. Needed only where waiting for the watch will not do. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

export interface ConfigSourceOptions {
  readonly file: string;
  /** Where the last good config is kept, so that a file that is broken at start does not stop anything either. */
  readonly stateDir: string;
  readonly log: Log;
  readonly clock?: Clock;
}

/** An editor's save is several events; they are read as one. */
const settleMs = 100;

/** A watch can go deaf: its folder replaced, the system's watches used up, a home on a network. */
const recheckMs = 60_000;

/** Loads the config file and follows its changes. Never rejects: whatever is wrong with the file is a problem in the result. */
export async function openConfigSource(options: ConfigSourceOptions): Promise<ConfigSource> {
  const { file, log, clock = systemClock } = options;
  const lastGoodFile = join(options.stateDir, 'last-good-config.json');
  const listeners = new Set<(loaded: LoadedConfig) => void>();
  let kept = await readIfThere(lastGoodFile).catch(() => undefined);
  let current = await load(file, kept === undefined ? undefined : lastGoodOf(kept));
  let work: Promise<void> = keep(current.config);
  let closed = false;
  let cancelSettle: (() => void) | undefined;
  let cancelRecheck = clock.after(recheckMs, recheck);

  async function keep(config: Config): Promise<void> {
    const text = `${JSON.stringify(config, null, 2)}\n`;
    if (text === kept) return;
    try {
      await writePrivateFile(lastGoodFile, text);
      kept = text;
    } catch (error) {
      log.warn('the last good config cannot be kept', { file: lastGoodFile, error: messageOf(error) });
    }
  }

  async function readAgain(): Promise<void> {
    const loaded = stillThere(current, await load(file, current.config));
    if (closed || JSON.stringify(loaded) === JSON.stringify(current)) return;
    current = loaded;
    for (const listener of listeners) listener(loaded);
    await keep(loaded.config);
  }

  function reload(): Promise<void> {
    work = work
      .then(readAgain)
      .catch((error) => log.error('a config change was not applied', { error: messageOf(error) }));
    return work;
  }

  function settle(): void {
    cancelSettle?.();
    cancelSettle = clock.after(settleMs, () => void reload());
  }

  function recheck(): void {
    void reload();
    cancelRecheck = clock.after(recheckMs, recheck);
  }

  const watching = watchFile(file, settle, (error) => {
    log.warn('the config file cannot be watched; it is read once a minute', { file, error: messageOf(error) });
  });

  return {
    get current() {
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reload,
    async close() {
      closed = true;
      cancelSettle?.();
      cancelRecheck();
      listeners.clear();
      const stop = await watching;
      await stop?.();
      await work;
    },
  };
}

async function load(file: string, lastGood: Config | undefined): Promise<LoadedConfig> {
  try {
    const text = await readIfThere(file);
    if (text === undefined) return { file, exists: false, config: defaultConfig, held: [], unused: [], problems: [] };
    return { file, exists: true, ...parseConfig(text, lastGood) };
  } catch (error) {
    const consequence = lastGood === undefined ? 'the defaults are in force' : 'the last good config stays in force';
    const unreadable = problem('the config file', 'a readable file', messageOf(error), consequence);
    return { file, exists: true, config: lastGood ?? defaultConfig, held: [], unused: [], problems: [unreadable] };
  }
}

/** A file that vanishes is an accident more often than a wish: what was in force stays, until it is back or the relay restarts. */
function stillThere(before: LoadedConfig, loaded: LoadedConfig): LoadedConfig {
  const wasNeverThere = !before.exists && before.problems.length === 0;
  if (loaded.exists || wasNeverThere) return loaded;
  const consequence = 'what was in force stays in force until it is back or the relay restarts';
  return {
    ...before,
    exists: false,
    problems: [problem('the config file', 'a file', 'none: it is gone', consequence)],
  };
}

function lastGoodOf(text: string): Config | undefined {
  const { config, problems } = parseConfig(text, undefined);
  return problems.length === 0 ? config : undefined;
}

/** The file's text; undefined when there is no such file. Rejects when it is there and cannot be read. */
async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return undefined;
    }
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Calls `onEvent` on everything that happens to the file, which may not exist yet, nor its folder.
 * chokidar is loaded late: the relay must accept before it watches. Resolves with the way to stop, where there is a watch.
 */
async function watchFile(
  file: string,
  onEvent: () => void,
  onError: (error: unknown) => void,
): Promise<(() => Promise<void>) | undefined> {
  try {
    const { watch } = await import('chokidar');
    // One native watch per folder on the way: a recursive one would wake on every write of a state folder beside the file.
    const watcher = watch(file, { backend: 'native', ignorePermissionErrors: true });
    watcher.on('all', onEvent);
    watcher.on('error', onError);
    // What changed between the first read and now.
    watcher.on('ready', onEvent);
    return () => watcher.close();
  } catch (error) {
    onError(error);
    return undefined;
  }
}
