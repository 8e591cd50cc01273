import { closeSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { pageBytes } from './database.ts';
import type { PageReader, ScannedTable } from './leaf-page.ts';
import { isLogHead, logHeadBytes, logStartBytes, rebuildLogHead } from './log-head.ts';
import { type ByteReader, scanDatabase, scanLog } from './page-scan.ts';
import type { Row } from './salvage.ts';

/** What the files of a damaged database still hold, whatever became of the trees that lead to it. Unordered. */
export interface RawPages {
  /** Rows on pages that are known to be in use: what is stored now. */
  used(table: ScannedTable): Iterable<Row>;
  /** Rows on all other pages, and in the write-ahead log: some may have been deleted long ago. */
  doubtful(table: ScannedTable): Iterable<Row>;
}

/** `logs` are the places where the write-ahead log may be; the first one that has something counts. */
export function rawPages(database: string, logs: readonly string[]): RawPages {
  return {
    *used(table) {
      yield* reading(database, (read, bytes) => scanDatabase(pagesOf(bytes), toPages(read, bytes), table, 'used'));
    },
    *doubtful(table) {
      const log = logs.find((path) => bytesOf(path) > 0);
      yield* reading(database, function* (read, bytes) {
        const pages = toPages(read, bytes);
        yield* scanDatabase(pagesOf(bytes), pages, table, 'unknown');
        yield* reading(log, (readLog, logBytes) => scanLog(logBytes, readLog, pages, table));
      });
    },
  };
}

/** Gives a log the head back that it must have had, where it can be told from the rest. */
export function mendLogHead(path: string): void {
  if (bytesOf(path) < logStartBytes) return;
  const file = openSync(path, 'r+');
  try {
    const start = Buffer.alloc(logStartBytes);
    if (!byteReader(file)(0, start) || isLogHead(start.subarray(0, logHeadBytes))) return;
    const head = rebuildLogHead(start);
    if (head) writeSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
}

const pagesOf = (bytes: number): number => Math.floor(bytes / pageBytes);

function toPages(read: ByteReader, bytes: number): PageReader {
  return (page, into) => page >= 1 && page <= pagesOf(bytes) && read((page - 1) * pageBytes, into);
}

/** 0 when it is no file. */
function bytesOf(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats?.isFile() ? stats.size : 0;
}

/** Goes on without the file where there is none. */
function* reading(path: string | undefined, scan: (read: ByteReader, bytes: number) => Iterable<Row>): Generator<Row> {
  const bytes = path ? bytesOf(path) : 0;
  if (!path || bytes === 0) return yield* scan(() => false, 0);
  const file = openSync(path, 'r');
  try {
    yield* scan(byteReader(file), bytes);
  } finally {
    closeSync(file);
  }
}

/** A place that the disk cannot read is as good as garbage. */
function byteReader(file: number): ByteReader {
  return (offset, into) => {
    try {
      return readSync(file, into, 0, into.length, offset) === into.length;
    } catch {
      return false;
    }
  };
}
