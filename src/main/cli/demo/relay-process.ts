import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import type { Clock } from '../../core/clock.ts';
import { type ControlClient, controlClient } from '../../core/control/client.ts';
import { siblingModule } from '../../core/sibling-module.ts';
import { CliError } from '../cli-error.ts';
import type { AtExit } from './at-exit.ts';
import { pause } from './pause.ts';

export interface RelayProcess {
  readonly port: number;
  readonly control: ControlClient;
  /** Why it does not answer, in words, with the last lines of its log where it has ended. */
  explainSilence(): Promise<string>;
}

export interface RelayOptions {
  /** The command line program. */
  readonly entry: URL;
  readonly stateDir: string;
  readonly configFile: string;
  readonly clock: Clock;
  readonly interrupted: AbortSignal;
  readonly atExit: AtExit;
}

/** Far more than it takes, for the busiest of machines. */
const readyWithinMs = 60_000;
const stopWithinMs = 3_000;
const endKnownWithinMs = 5_000;
const keptLogLines = 5;

const readyLine = v.pipe(v.string(), v.parseJson(), v.object({ ready: v.literal(true), http: v.number() }));

/** Runs `span-relay run` as a process of its own. Resolves when it is ready, or undefined when interrupted before that. */
export async function startRelayProcess(options: RelayOptions): Promise<(RelayProcess & AsyncDisposable) | undefined> {
  const { entry, stateDir, configFile, clock, interrupted, atExit } = options;
  const leash = ['--import', siblingModule(import.meta.url, './leash').href];
  const run = ['run', '--json', '--state-dir', stateDir, '--config', configFile];
  const child = spawn(process.execPath, [...leash, fileURLToPath(entry), ...run], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    // Could not even be started.
    child.once('error', () => resolve());
  });
  const letGo = atExit(() => void child.kill('SIGKILL'));
  const control = controlClient(stateDir, clock);
  const log = lastLines(child);

  async function stop(): Promise<void> {
    control.close();
    child.kill('SIGTERM');
    const cancel = clock.after(stopWithinMs, () => void child.kill('SIGKILL'));
    await ended;
    cancel();
    letGo();
  }

  const port = await Promise.race([
    readyPort(child),
    ended.then(() => undefined),
    pause(clock, readyWithinMs, interrupted).then(() => undefined),
  ]);
  if (port === undefined) {
    await stop();
    if (interrupted.aborted) return undefined;
    throw new CliError(`The relay did not start. ${log()}`);
  }
  return {
    port,
    control,
    async explainSilence() {
      // Its sockets close a moment before its end is known here.
      await Promise.race([ended, pause(clock, endKnownWithinMs, interrupted)]);
      if (child.exitCode === null && child.signalCode === null) return 'The relay does not answer any more.';
      return `The relay ended (${child.signalCode ?? child.exitCode}). ${log()}`;
    },
    [Symbol.asyncDispose]: stop,
  };
}

function readyPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const parsed = v.safeParse(readyLine, line);
      if (parsed.success) resolve(parsed.output.http);
    });
  });
}

/** Keeps reading the log, so that the relay never waits for us; tells its last lines. */
function lastLines(child: ChildProcess): () => string {
  const kept: string[] = [];
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      kept.push(line);
      if (kept.length > keptLogLines) kept.shift();
    });
  }
  return () => (kept.length === 0 ? 'It said nothing.' : `Its last words:\n${kept.join('\n')}`);
}
