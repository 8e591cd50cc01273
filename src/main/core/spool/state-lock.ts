import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { closeQuietly } from './database.ts';

export type StateLock =
  | { readonly kind: 'held'; release(): void }
  /** Another agent has it; its process id where it is known. */
  | { readonly kind: 'taken'; readonly pid: number | undefined };

/**
 * Makes this process the only writer of a state folder. The lock is SQLite's own lock on an empty file: the operating
 * system gives it up when the process ends, however it ends, so there is nothing to clean up after a crash.
 */
export function lockState(folder: string, pid: number): StateLock {
  const pidFile = join(folder, 'agent.pid');
  const lockFile = join(folder, 'agent.lock');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Only when it is missing: closing any handle of a file gives up the POSIX locks that this process has on it.
  if (!existsSync(lockFile)) closeSync(openSync(lockFile, 'a', 0o600));
  const db = new DatabaseSync(lockFile, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    closeQuietly(db);
    if (!(error instanceof Error && /locked|busy/i.test(error.message))) throw error;
    return { kind: 'taken', pid: readPid(pidFile) };
  }
  writeFileSync(pidFile, `${pid}\n`, { mode: 0o600 });
  return { kind: 'held', release: () => closeQuietly(db) };
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isInteger(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}
