import { spawn } from 'node:child_process';

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
  readonly timeoutMs: number;
}

/**
 * Runs a program to its end with standard input closed. Kills it, and on POSIX what it started, when it takes longer than
 * `timeoutMs`. Rejects when it cannot be started.
 */
export function runProcess(
  file: string,
  args: readonly string[],
  { env, cwd, timeoutMs }: ProcessOptions,
): Promise<ProcessResult> {
  const ownGroup = process.platform !== 'win32';
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(file, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: ownGroup });
    let stdout = '';
    let stderr = '';
    let exitedAt = startedAt;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const timer = setTimeout(() => {
      if (ownGroup && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      else child.kill('SIGKILL');
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('exit', () => {
      exitedAt = performance.now();
    });
    child.on('close', (exitCode) => {
      clearTimeout(timer);
      resolve({ exitCode, stdout, stderr, durationMs: exitedAt - startedAt });
    });
  });
}
