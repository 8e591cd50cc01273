import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(new URL('../../src/main/cli/index.ts', import.meta.url));

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly pid: number | undefined;
  /** Resolves with the first line of standard output; rejects when the process ends without one. */
  readonly firstLine: Promise<string>;
  readonly finished: Promise<Finished>;
  kill(signal?: NodeJS.Signals): void;
}

/** Starts the command line as a real process, with an environment that holds nothing of the caller's settings. */
export function startCommand(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCommand {
  const child = spawn(process.execPath, [entry, ...args], {
    env: { PATH: process.env.PATH, NO_COLOR: '1', TZ: 'UTC', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
  const firstLine = new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      const end = stdout.indexOf('\n');
      if (end !== -1) resolve(stdout.slice(0, end));
    });
    finished.then(() => reject(new Error(`It ended without a line. ${stderr}`)), reject);
  });
  // Only those who wait for a line want to hear that there was none.
  firstLine.catch(() => undefined);
  return { pid: child.pid, firstLine, finished, kill: (signal = 'SIGTERM') => void child.kill(signal) };
}

/** Runs the command line to its end. */
export function runCommand(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Finished> {
  return startCommand(args, env).finished;
}
