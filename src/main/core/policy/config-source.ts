import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../clock.ts';
import type { Log } from '../log.ts';
import { watchFile } from '../watch-file.ts';
import { type Config, type HeldDestination, resolveConfig } from './config.ts';
import { type ConfigProblem, problem } from './config-problem.ts';
import { type FileContent, type PolicyFile, readConfigFile, readPolicyFile } from './policy-file.ts';
import { writePrivateFile } from './private-file.ts';
import {
  type FileKind,
  type ReadingContext,
  readingOfSettings,
  readSettings,
  type Settings,
  type SettingsReading,
  saysAnything,
  settingsOf,
  unusable,
} from './settings.ts';

export interface LoadedConfig {
  readonly file: string;
  /**
   * False when there is no config file. If there has been none since the start, the defaults are in force, and that is no
   * problem; else what was in force stays, and that is one.
   */
  readonly exists: boolean;
  /** Policy and config together. */
  readonly config: Config;
  /** Named in a file but not usable yet: data is to be kept for them. */
  readonly held: readonly HeldDestination[];
  /** What is wrong with the config file. */
  readonly problems: readonly ConfigProblem[];
  readonly policy: LoadedPolicy;
}

export interface LoadedPolicy {
  /** Null where none is looked for. */
  readonly file: string | null;
  /** It sets something, now or as it was last good. */
  readonly inForce: boolean;
  readonly problems: readonly ConfigProblem[];
}

export interface ConfigSource {
  readonly current: LoadedConfig;
  /** Calls `listener` after every load that changed something. Returns a canceller. */
  onChange(listener: (loaded: LoadedConfig) => void): () => void;
  /** Reads the files now. Needed only where waiting for the watch will not do. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

export interface ConfigSourceOptions {
  readonly file: string;
  readonly policy?: PolicyFile | undefined;
  /** Where the last good config is kept, so that a file that is broken at start does not stop anything either. */
  readonly stateDir: string;
  readonly log: Log;
  readonly clock?: Clock;
}

/** An editor's save is several events; they are read as one. */
const settleMs = 100;

/** A watch can go deaf: its folder replaced, the system's watches used up, a home on a network. */
const recheckMs = 60_000;

/** Loads the config file and the policy, and follows their changes. Never rejects: whatever is wrong is a problem in the result. */
export async function openConfigSource(options: ConfigSourceOptions): Promise<ConfigSource> {
  const { file, policy, log, clock = systemClock } = options;
  const listeners = new Set<(loaded: LoadedConfig) => void>();
  const kept = { config: keeper(options, 'config'), policy: keeper(options, 'policy') };
  const lastGood = { config: await kept.config.load(), policy: await kept.policy.load() };
  let state = await load(
    { file, policy },
    { config: { lastGood: lastGood.config }, policy: { lastGood: lastGood.policy } },
  );
  let work: Promise<void> = keep();
  let closed = false;
  let cancelSettle: (() => void) | undefined;
  let cancelRecheck = clock.after(recheckMs, recheck);

  async function keep(): Promise<void> {
    await kept.config.save(state.config.lastGood);
    await kept.policy.save(state.policy.reading && state.policy.lastGood);
  }

  async function readAgain(): Promise<void> {
    const next = await load({ file, policy }, state);
    if (closed || JSON.stringify(next.loaded) === JSON.stringify(state.loaded)) return;
    state = next;
    for (const listener of listeners) listener(next.loaded);
    await keep();
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

  const watches = [file, ...(policy ? [policy.file] : [])].map((watched) =>
    watchFile(watched, settle, (error) => {
      log.warn('the file cannot be watched; it is read once a minute', { file: watched, error: messageOf(error) });
    }),
  );

  return {
    get current() {
      return state.loaded;
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
      const stops = await Promise.all(watches);
      await Promise.all(stops.map((stop) => stop?.()));
      await work;
    },
  };
}

/** What is remembered of one file between two loads. */
interface Side {
  readonly lastGood: Settings | undefined;
  /** Undefined when there has been no such file since the start. */
  readonly reading?: SettingsReading | undefined;
}

interface State {
  readonly loaded: LoadedConfig;
  readonly config: Side;
  readonly policy: Side;
}

async function load(
  { file, policy }: Pick<ConfigSourceOptions, 'file' | 'policy'>,
  before: Pick<State, 'config' | 'policy'>,
): Promise<State> {
  const policyContent = policy === undefined ? ({ kind: 'absent' } as const) : await readPolicyFile(policy);
  const configContent = await readConfigFile(file);
  const policyReading = readSide('policy', policyContent, before.policy);
  const configReading = readSide('config', configContent, before.config, policyReading?.settings);
  const resolved = resolveConfig(
    { policy: policyReading, config: configReading ?? readingOfSettings('config') },
    { policy: before.policy.lastGood, config: before.config.lastGood },
  );
  return {
    loaded: {
      file,
      exists: configContent.kind !== 'absent',
      config: resolved.config,
      held: resolved.held,
      problems: goneProblems('config', configContent, configReading) ?? resolved.problems.config,
      policy: {
        file: policy?.file ?? null,
        inForce: saysAnything(resolved.inForce.policy),
        problems: goneProblems('policy', policyContent, policyReading) ?? resolved.problems.policy,
      },
    },
    config: { reading: configReading, lastGood: resolved.inForce.config },
    policy: { reading: policyReading, lastGood: policyReading && resolved.inForce.policy },
  };
}

function readSide(
  kind: FileKind,
  content: FileContent,
  before: Side,
  policy?: ReadingContext['policy'],
): SettingsReading | undefined {
  const context = { kind, lastGood: before.lastGood, policy };
  switch (content.kind) {
    case 'text':
      return readSettings(content.text, context);
    case 'unusable':
      return unusable(`the ${kind} file`, content.expected, content.found, context);
    case 'absent':
      return before.reading;
  }
}

/** A file that vanishes is an accident more often than a wish: what was in force stays, until it is back or the relay restarts. */
function goneProblems(
  kind: FileKind,
  content: FileContent,
  reading: SettingsReading | undefined,
): readonly ConfigProblem[] | undefined {
  if (content.kind !== 'absent' || reading === undefined) return undefined;
  const consequence = 'what was in force stays in force until it is back or the relay restarts';
  return [{ ...problem(`the ${kind} file`, 'a file', 'none: it is gone', consequence), ofFile: true }];
}

/** Keeps what was last good of a file in the state folder. */
function keeper({ stateDir, log }: ConfigSourceOptions, kind: FileKind) {
  const file = join(stateDir, `last-good-${kind}.json`);
  let kept: string | undefined;
  return {
    async load(): Promise<Settings | undefined> {
      kept = await readFile(file, 'utf8').catch(() => undefined);
      if (kept === undefined) return undefined;
      return settingsOf(readSettings(kept, { kind, lastGood: undefined }));
    },
    async save(settings: Settings | undefined): Promise<void> {
      const text = settings && `${JSON.stringify(settings, null, 2)}\n`;
      if (text === kept) return;
      try {
        if (text === undefined) await rm(file, { force: true });
        else await writePrivateFile(file, text);
        kept = text;
      } catch (error) {
        log.warn(`the last good ${kind} cannot be kept`, { file, error: messageOf(error) });
      }
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
