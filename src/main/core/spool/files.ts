import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Where the spool keeps what in the state folder. */
export function spoolFiles(folder: string) {
  return {
    database: join(folder, 'spool.db'),
    /** A repaired spool that has not taken its place yet. */
    rebuilt: join(folder, 'spool.rebuilt.db'),
    watermark: join(folder, 'spool.watermark'),
    /** Room that is given up when the disk is full, so that old data can be deleted: deleting needs room too. */
    reserve: join(folder, 'spool.reserve'),
    damaged: join(folder, 'damaged'),
  } as const;
}

/** SQLite's companions of a database file. */
export const companions = ['', '-wal', '-shm'] as const;

/**
 * Must hold what a full write-ahead log can add to the database when it is moved there (`wal_autocheckpoint`), or
 * nothing could be deleted any more.
 */
const reserveBytes = 8 * 1024 * 1024;
const damagedKept = 2;

/** Returns false where there is no room for it now. */
export function ensureReserve(path: string): boolean {
  if (fileBytes(path) === reserveBytes) return true;
  try {
    writeFileSync(path, Buffer.alloc(reserveBytes), { mode: 0o600 });
    return true;
  } catch {
    releaseReserve(path);
    return false;
  }
}

export function releaseReserve(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

/** 0 when there is no such file. */
export function fileBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** What an ordinary user can still write to the disk of this folder. */
export function freeDiskBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/**
 * Copies the files of a damaged spool into a folder of their own, for support, and returns the folder. Only the newest
 * ones are kept. A file for which there is no room stays where it is until `installRebuilt`.
 * Must happen before the database is closed: closing can delete its write-ahead log.
 */
export function keepDamaged(folder: string, now: number): string {
  const { database, watermark, damaged } = spoolFiles(folder);
  const name = new Date(now).toISOString().replaceAll(':', '-');
  mkdirSync(damaged, { recursive: true, mode: 0o700 });
  const others = readdirSync(damaged).filter((other) => other !== name);
  for (const old of others.sort().slice(0, 1 - damagedKept)) {
    rmSync(join(damaged, old), { recursive: true, force: true });
  }
  const keptIn = join(damaged, name);
  mkdirSync(keptIn, { recursive: true, mode: 0o700 });
  for (const path of [...companions.map((companion) => database + companion), watermark]) {
    if (existsSync(path)) keepOne(path, join(keptIn, basename(path)));
  }
  return keptIn;
}

function keepOne(path: string, target: string): void {
  try {
    if (statSync(path).isFile()) {
      accessSync(path, constants.R_OK | constants.W_OK);
      copyFileSync(path, target, constants.COPYFILE_FICLONE);
      return;
    }
  } catch (error) {
    rmSync(target, { recursive: true, force: true });
    if (!(error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM'))) return;
  }
  // It cannot be read at all, so there is nothing to salvage from it, and it must not be in the way.
  renameSync(path, target);
}

/** Gives up the copies of damaged files: the room is needed for what was salvaged from them. */
export function forgetDamaged(folder: string): void {
  rmSync(spoolFiles(folder).damaged, { recursive: true, force: true });
}

/**
 * Puts a repaired database in the place of the damaged one, which goes to `keptIn` where no copy of it is there yet,
 * or nowhere when `keptIn` is undefined. Safe to be cut off at any point and done again: the database goes first, and
 * as soon as it is gone the rebuilt one is what a start looks for.
 */
export function installRebuilt(folder: string, keptIn?: string): void {
  const { database, rebuilt } = spoolFiles(folder);
  for (const companion of companions) {
    const path = database + companion;
    const target = keptIn && join(keptIn, basename(path));
    if (target && existsSync(path) && !existsSync(target)) {
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      renameSync(path, target);
    } else rmSync(path, { recursive: true, force: true });
  }
  renameSync(rebuilt, database);
}
