import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child.ts';
import { type ProcessResult, runProcess } from './run-process.ts';

/** The file that Node runs as `span-relay`. */
export const cliFile = fileURLToPath(new URL('../../src/main/cli/index.ts', import.meta.url));

const commandTimeoutMs = 60_000;

type Variables = Readonly<Record<string, string>>;

/** Starts the command line as a real process, with an environment that holds nothing of the caller's settings. */
export function startCommand(args: readonly string[], env: Variables = {}): Child {
  return startChild(process.execPath, [cliFile, ...args], { env: environment(env) });
}

export type Finished = Omit<ProcessResult, 'durationMs'>;

/** Runs the command line to its end, in the same environment. Kills it when it takes longer than a minute. */
export async function runCommand(args: readonly string[], env: Variables = {}, input?: string): Promise<Finished> {
  const options = { env: environment(env), timeoutMs: commandTimeoutMs, ...(input === undefined ? {} : { input }) };
  const { exitCode, stdout, stderr } = await runProcess(process.execPath, [cliFile, ...args], options);
  return { exitCode, stdout, stderr };
}

function environment(more: Variables): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, NO_COLOR: '1', TZ: 'UTC', ...more };
}
