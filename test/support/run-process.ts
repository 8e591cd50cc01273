import { startChild } from './child.ts';

export interface ProcessResult {
  /** Null when it was killed: it did not end within its time. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface ProcessOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What it reads from standard input, which is closed where this is absent. */
  readonly input?: string;
  readonly timeoutMs: number;
}

/**
 * Runs a program to its end. Kills it, and on POSIX what it started, when it takes longer than
 * `timeoutMs`. Rejects when it cannot be started.
 */
export async function runProcess(
  file: string,
  args: readonly string[],
  { timeoutMs, ...options }: ProcessOptions,
): Promise<ProcessResult> {
  const child = startChild(file, args, { ...options, ownGroup: true });
  const timer = setTimeout(() => child.kill(), timeoutMs);
  try {
    const { code } = await child.exited;
    return {
      exitCode: code,
      stdout: child.stdout(),
      stderr: child.stderr(),
      durationMs: child.durationMs(),
    };
  } finally {
    clearTimeout(timer);
  }
}
