import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { classifyFault, closeQuietly } from './database.ts';

export type StateLock =
  | { readonly kind: 'held'; release(): void }
  /** Another agent has it; its process id where it is known. */
  | { readonly kind: 'taken'; readonly pid: number | undefined };

/** A database that nobody refers to is closed when memory is tidied, and its lock goes with it. */
const held = new Set<DatabaseSync>();

/**
 * Makes this process the only writer of a state folder. The lock is SQLite's own lock on an empty file: the operating
 * system gives it up when the process ends, however it ends, so there is nothing to clean up after a crash.
 */
export function lockState(folder: string, pid: number): StateLock {
  const pidFile = join(folder, 'agent.pid');
  const lockFile = join(folder, 'agent.lock');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const db = lockOn(lockFile) ?? lockOn(lockFile, { anew: true });
  if (db === 'taken') return { kind: 'taken', pid: readPid(pidFile) };
  if (!db) throw new Error(`${lockFile} cannot be locked`);
  writePid(pidFile, pid);
  held.add(db);
  const release = () => {
    if (held.delete(db)) closeQuietly(db);
  };
  return { kind: 'held', release };
}

/** Undefined when what is there is no lock file of ours: nobody can hold a lock on such a thing, so it may be replaced. */
function lockOn(lockFile: string, { anew } = { anew: false }): DatabaseSync | 'taken' | undefined {
  if (anew) for (const path of [lockFile, `${lockFile}-journal`]) rmSync(path, { recursive: true, force: true });
  // Only when it is missing: closing any handle of a file gives up the POSIX locks that this process has on it.
  if (!existsSync(lockFile)) closeSync(openSync(lockFile, 'a', 0o600));
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(lockFile, { timeout: 0 });
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    if (db) closeQuietly(db);
    if (error instanceof Error && /locked|busy/i.test(error.message)) return 'taken';
    if (anew || !(classifyFault(error) === 'damaged' || isFolder(lockFile))) throw error;
    return undefined;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** For texts only: without it the lock is as good. */
function writePid(path: string, pid: number): void {
  try {
    writeFileSync(path, `${pid}\n`, { mode: 0o600 });
  } catch {
    rmSync(path, { recursive: true, force: true });
  }
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isInteger(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}
