import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

export const pageBytes = 4096;

/** What a payload can take in the file, in bytes: one that is longer than half a page shares its pages with no other. */
export function storedBytes(length: number): number {
  const withKeys = length + 64;
  return withKeys > pageBytes / 2 ? Math.ceil(withKeys / (pageBytes - 4)) * pageBytes : withKeys;
}

/** For how long another connection's lock is waited for. */
export const busyTimeoutMs = 5000;

/** Opens the spool's file so that a commit is on disk when it returns. */
export function openDatabase(path: string): DatabaseSync {
  // SQLite gives its own log and index files the permissions of this one.
  closeSync(openSync(path, 'a', 0o600));
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    db.exec(`PRAGMA page_size = ${pageBytes}`);
    // Auto-vacuum must be chosen before the first table; it is what lets free pages go back to the disk in small steps.
    db.exec('PRAGMA auto_vacuum = INCREMENTAL');
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = FULL');
    // On macOS fsync() alone leaves data in the drive's cache; elsewhere these two do nothing.
    db.exec('PRAGMA fullfsync = 1');
    db.exec('PRAGMA checkpoint_fullfsync = 1');
    db.exec('PRAGMA wal_autocheckpoint = 1000');
    db.exec(`PRAGMA journal_size_limit = ${8 * 1024 * 1024}`);
    db.exec('PRAGMA trusted_schema = OFF');
    return db;
  } catch (error) {
    closeQuietly(db);
    throw error;
  }
}

/** Closes a database whose file may be damaged; a damaged one can refuse its last checkpoint, which changes nothing. */
export function closeQuietly(db: DatabaseSync): void {
  try {
    db.close();
  } catch {
    // Nothing is lost: what was committed is in the file or its log, and the file is about to be set aside.
  }
}

/** What is stored contradicts itself, though SQLite found nothing wrong with its pages. */
export class DamagedSpoolError extends Error {
  override readonly name = 'DamagedSpoolError';
}

export type DatabaseFault = 'full' | 'damaged' | 'other';

/** SQLite result codes, https://www.sqlite.org/rescode.html: the low byte is the primary code. */
const primary = { corrupt: 11, full: 13, notadb: 26 } as const;

/** Extended codes of SQLITE_IOERR: no room for the index of the write-ahead log. */
const fullIo: readonly number[] = [4874];
/** A read that failed, that got fewer bytes than the file should have, or that found the file system damaged. */
const damagedIo: readonly number[] = [266, 522, 8458];

/** The database's file is there and cannot be used as one: a folder, or a file of somebody else's. */
const unusableFile: readonly unknown[] = ['EISDIR', 'EACCES', 'EPERM', 'ELOOP'];
const noRoom: readonly unknown[] = ['ENOSPC', 'EDQUOT'];

export function classifyFault(error: unknown): DatabaseFault {
  if (error instanceof DamagedSpoolError) return 'damaged';
  const system = error instanceof Error && 'code' in error ? error.code : undefined;
  if (noRoom.includes(system)) return 'full';
  if (unusableFile.includes(system)) return 'damaged';
  const code = sqliteCode(error);
  if (code !== undefined) {
    if ((code & 0xff) === primary.full || fullIo.includes(code)) return 'full';
    if ((code & 0xff) === primary.corrupt || code === primary.notadb || damagedIo.includes(code)) return 'damaged';
  }
  return isMissingTable(error) ? 'damaged' : 'other';
}

function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined;
}

function isMissingTable(error: unknown): boolean {
  return error instanceof Error && /no such (table|column)|malformed/.test(error.message);
}

export function pragmaNumber(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
}
