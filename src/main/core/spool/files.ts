import {
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** Where the spool keeps what in the state folder. */
export function spoolFiles(folder: string) {
  return {
    database: join(folder, 'spool.db'),
    /** A repaired spool that has not taken its place yet. */
    rebuilt: join(folder, 'spool.rebuilt.db'),
    watermark: join(folder, 'spool.watermark'),
    /** Blocks that are given up when the disk is full, so that old data can be deleted: deleting needs room too. */
    reserve: join(folder, 'spool.reserve'),
    damaged: join(folder, 'damaged'),
  } as const;
}

/** SQLite's companions of a database file. */
export const companions = ['', '-wal', '-shm'] as const;

const reserveBytes = 1024 * 1024;
const damagedKept = 2;

/** Returns false where there is no room for it now. */
export function ensureReserve(path: string): boolean {
  if (existsSync(path)) return true;
  try {
    writeFileSync(path, Buffer.alloc(reserveBytes), { mode: 0o600 });
    return true;
  } catch {
    rmSync(path, { force: true });
    return false;
  }
}

export function releaseReserve(path: string): void {
  rmSync(path, { force: true });
}

/**
 * Copies the files of a damaged spool into a folder of their own, for support, and returns the folder. Only the newest
 * ones are kept. Must happen before the database is closed: closing can delete its write-ahead log.
 */
export function keepDamaged(folder: string, now: number): string {
  const { database, watermark, damaged } = spoolFiles(folder);
  const keptIn = join(damaged, new Date(now).toISOString().replaceAll(':', '-'));
  mkdirSync(keptIn, { recursive: true, mode: 0o700 });
  for (const path of [...companions.map((companion) => database + companion), watermark]) {
    if (existsSync(path)) keepOne(path, join(keptIn, path.slice(folder.length + 1)));
  }
  for (const old of readdirSync(damaged).sort().slice(0, -damagedKept)) {
    rmSync(join(damaged, old), { recursive: true, force: true });
  }
  return keptIn;
}

function keepOne(path: string, target: string): void {
  try {
    copyFileSync(path, target, constants.COPYFILE_FICLONE);
  } catch {
    // No permission to read it, no room for a copy, or no file at all: then the original itself goes there.
    rmSync(target, { recursive: true, force: true });
    renameSync(path, target);
  }
}

/** Puts a repaired database in the place of the damaged one. Safe to be cut off at any point and done again. */
export function installRebuilt(folder: string): void {
  const { database, rebuilt } = spoolFiles(folder);
  for (const companion of companions) rmSync(database + companion, { recursive: true, force: true });
  renameSync(rebuilt, database);
}
