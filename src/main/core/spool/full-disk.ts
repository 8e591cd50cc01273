import { classifyFault, pageBytes, pragmaNumber } from './database.ts';
import { evictBytes } from './eviction.ts';
import { fileBytes, freeDiskBytes } from './files.ts';
import type { SpoolStore } from './store.ts';

/** What a commit writes beside the payloads: pages of the indexes and the books, whole pages for parts of them. */
const overheadBytes = 128 * 1024;
/** Pages that one step gives back to the disk: each one that moves is written to the log first, and that needs room. */
const shrinkPages = 16;

/**
 * Sees to it that a commit whose payloads take `incomingBytes` fits on a disk without room, by the quota's rule: the
 * oldest data goes. Nothing is removed when that would not be enough. Returns whether the commit can be tried.
 */
export function makeRoom(store: SpoolStore, incomingBytes: number): boolean {
  const path = String(store.db.location());
  // Not TRUNCATE: the room that the log has on the disk is not given away while there is no other.
  const settled = checkpoint(store, 'RESTART');
  // What only changes the books takes some pages of the log, and is tried in any case.
  if (incomingBytes === 0) return true;
  if (!settled && !shrinkToFile(store, path)) return false;
  const needed = Math.ceil(incomingBytes * 1.1) + overheadBytes;
  const lack = () => {
    const logGrowth = Math.max(0, needed - fileBytes(`${path}-wal`));
    const fileGrowth = Math.max(0, needed - unusedBytes(store));
    return { log: logGrowth, all: logGrowth + fileGrowth - freeDiskBytes(path) };
  };
  const before = lack();
  if (before.all <= 0) return true;
  if (evictableBytes(store) + unusedBytes(store) < needed + before.log) return false;
  store.transaction(() => evictBytes(store, needed + before.log - unusedBytes(store)));
  for (let now = lack(); now.all > 0 && now.log > 0; ) {
    store.db.exec(`PRAGMA incremental_vacuum(${shrinkPages})`);
    if (!checkpoint(store, 'RESTART')) return false;
    const next = lack();
    if (next.all >= now.all) return false;
    now = next;
  }
  return lack().all <= 0;
}

/**
 * For a log that holds more pages than the file has room for: as many pages of the oldest data are removed from the
 * end, so that the file need not grow. Everything stays as it is when that cannot be done.
 */
function shrinkToFile(store: SpoolStore, path: string): boolean {
  const overhang = pragmaNumber(store.db, 'page_count') * pageBytes - fileBytes(path);
  if (overhang > 0) {
    if (evictableBytes(store) + unusedBytes(store) < overhang) return false;
    store.transaction(() => {
      evictBytes(store, overhang + overheadBytes - unusedBytes(store));
      store.db.exec(`PRAGMA incremental_vacuum(${Math.ceil(overhang / pageBytes)})`);
    });
  }
  return checkpoint(store, 'RESTART');
}

/** Moves the write-ahead log into the database; false when there is no room for that. */
export function checkpoint(store: SpoolStore, mode: 'PASSIVE' | 'RESTART' | 'TRUNCATE'): boolean {
  try {
    store.db.exec(`PRAGMA wal_checkpoint(${mode})`);
    return true;
  } catch (error) {
    if (classifyFault(error) !== 'full') throw error;
    return false;
  }
}

/** Bytes inside the database's file that new data can use. */
function unusedBytes(store: SpoolStore): number {
  return pragmaNumber(store.db, 'freelist_count') * pageBytes;
}

function evictableBytes(store: SpoolStore): number {
  const inFlight = store.books.queues
    .flatMap((queue) => queue.inFlight)
    .reduce((total, { length }) => total + length, 0);
  return Math.max(0, store.usedBytes() - overheadBytes - inFlight);
}
