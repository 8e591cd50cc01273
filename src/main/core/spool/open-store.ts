import { closeSync, existsSync, mkdirSync, openSync, readSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { RepairReport } from '../../../shared/repair.ts';
import { classifyFault, closeQuietly, DamagedSpoolError, openDatabase } from './database.ts';
import { fileBytes, installRebuilt, keepDamaged, spoolFiles } from './files.ts';
import { isLogHead, logHeadBytes } from './log-head.ts';
import { repair } from './repair.ts';
import { migrate, NewerSchemaError } from './schema.ts';
import type { SpoolDestination, SpoolEvent } from './spool.ts';
import { SpoolStore } from './store.ts';
import { readWatermark } from './watermark.ts';

export interface OpenOptions {
  /** The state folder; made when it is not there. */
  readonly folder: string;
  readonly now: () => number;
  readonly emit: (event: SpoolEvent) => void;
  /** The destinations as configured, for a repair that finds no books at all. */
  readonly destinations: readonly SpoolDestination[];
}

/** Opens the spool, repairing it first where it is damaged. Throws where it cannot be opened for another reason. */
export function openStore(options: OpenOptions): SpoolStore {
  const { folder } = options;
  const files = spoolFiles(folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(files.database) && existsSync(files.rebuilt)) installRebuilt(folder);
  const attempt = tryOpen(options);
  if ('store' in attempt) return attempt.store;
  repairStore(options, attempt.reason, attempt.keptIn);
  const second = tryOpen(options);
  if ('store' in second) return second.store;
  throw new Error(`the spool is still unreadable after a repair: ${second.reason}`);
}

/** Rebuilds the spool, which must be closed, from what can be read of it. `keptIn` is where `keepDamaged` put the copies. */
export function repairStore(options: OpenOptions, reason: string, keptIn: string): RepairReport {
  const { folder, now, destinations } = options;
  options.emit({ kind: 'repairing', reason });
  const report = repair(folder, { reason, keptIn, now: now(), destinations });
  options.emit({ kind: 'repaired', report });
  return report;
}

type Attempt = { readonly store: SpoolStore } | { readonly reason: string; readonly keptIn: string };

function tryOpen({ folder, now, emit }: OpenOptions): Attempt {
  const { database, watermark } = spoolFiles(folder);
  const known = readWatermark(watermark);
  const log = logDamage(database);
  if (log) return { reason: log, keptIn: keepDamaged(folder, now()) };
  let db: DatabaseSync | undefined;
  try {
    db = openDatabase(database);
    migrate(db);
    const commits = Number(db.prepare('SELECT commits FROM state').get()?.commits ?? 0);
    if (known && known.commits > commits) {
      const missing = known.commits - commits;
      throw new DamagedSpoolError(`the last ${missing} commits are missing from the spool`);
    }
    return { store: new SpoolStore(db, { now, emit }) };
  } catch (error) {
    const damaged = error instanceof NewerSchemaError || classifyFault(error) === 'damaged';
    const keptIn = damaged ? keepDamaged(folder, now()) : '';
    if (db) closeQuietly(db);
    if (!damaged) throw error;
    return { reason: error instanceof Error ? error.message : String(error), keptIn };
  }
}

/** What SQLite would take for an empty log, or would delete without a look: the newest data may be in it. */
function logDamage(database: string): string | undefined {
  const path = `${database}-wal`;
  if (!existsSync(path)) return undefined;
  try {
    if (fileBytes(path) === 0) return undefined;
    const head = Buffer.alloc(logHeadBytes);
    const file = openSync(path, 'r+');
    const length = readSync(file, head);
    closeSync(file);
    if (!isLogHead(head.subarray(0, length))) return 'the write-ahead log of the spool is damaged';
    return fileBytes(database) === 0 ? 'there is a write-ahead log of the spool, and no spool' : undefined;
  } catch (error) {
    if (classifyFault(error) !== 'damaged') throw error;
    return 'the write-ahead log of the spool cannot be read';
  }
}
