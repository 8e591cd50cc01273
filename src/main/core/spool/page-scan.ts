import { pageBytes } from './database.ts';
import { type PageReader, rowsOnPage, type ScannedTable } from './leaf-page.ts';
import { frameHeadBytes, logHeadBytes } from './log-head.ts';
import type { Row } from './salvage.ts';

/** Fills `into` with the bytes of a file from `offset` on; false where they cannot be read. */
export type ByteReader = (offset: number, into: Buffer) => boolean;

/**
 * `used`: the file says that the page belongs to a table, so what is on it is stored now.
 * `unknown`: the file's own account of its pages is damaged there, so that the rows may have been deleted long ago.
 */
export type PageUse = 'used' | 'unknown';

/** The rows of `table` on all the leaf pages of a database file of `pages` pages that are in this use. */
export function* scanDatabase(pages: number, read: PageReader, table: ScannedTable, use: PageUse): Generator<Row> {
  const useOf = pageUses(read);
  const page = Buffer.alloc(pageBytes);
  // The first page is the schema's.
  for (let number = 2; number <= pages; number++) {
    if (useOf(number) === use && read(number, page)) yield* rowsOnPage(page, table, read);
  }
}

/**
 * https://www.sqlite.org/fileformat.html#pointer_map_or_ptrmap_pages: a file with auto-vacuum has, in front of every
 * 819 pages, a page that tells what each of them is.
 */
const entryBytes = 5;
const entriesPerMap = Math.floor(pageBytes / entryBytes);
const mapEntry = { none: 0, root: 1, free: 2, firstOverflow: 3, overflow: 4, inTree: 5 } as const;

function pageUses(read: PageReader): (page: number) => PageUse | 'other' {
  const map = Buffer.alloc(pageBytes);
  let mapPage = 0;
  let readable = false;
  return (page) => {
    const needed = page - ((page - 2) % (entriesPerMap + 1));
    if (needed !== mapPage) {
      mapPage = needed;
      readable = read(mapPage, map) && isMap(map);
    }
    if (page === mapPage && readable) return 'other';
    switch (readable ? map[(page - mapPage - 1) * entryBytes] : mapEntry.none) {
      case mapEntry.root:
      case mapEntry.inTree:
        return 'used';
      case mapEntry.free:
      case mapEntry.firstOverflow:
      case mapEntry.overflow:
        return 'other';
      default:
        return 'unknown';
    }
  };
}

function isMap(page: Buffer): boolean {
  for (let entry = 0; entry < entriesPerMap; entry++) {
    if ((page[entry * entryBytes] ?? 0) > mapEntry.inTree) return false;
  }
  return true;
}

/**
 * The rows of `table` on the leaf pages in a write-ahead log of `bytes` bytes, read without the log's head and its
 * chain of checksums, so also behind what is damaged in it. Pages of earlier use of the log's file are among them, and
 * older states of a page: a row can come often, and long after it was deleted.
 *
 * https://www.sqlite.org/fileformat.html#the_write_ahead_log
 */
export function* scanLog(bytes: number, read: ByteReader, database: PageReader, table: ScannedTable): Generator<Row> {
  const generations = new Map<bigint, Generation>();
  const head = Buffer.alloc(frameHeadBytes);
  for (let at = logHeadBytes; at + frameHeadBytes + pageBytes <= bytes; at += frameHeadBytes + pageBytes) {
    if (!read(at, head)) continue;
    const salts = head.readBigUInt64BE(8);
    const generation: Generation = generations.get(salts) ?? { latest: new Map(), unread: [] };
    generations.set(salts, generation);
    generation.latest.set(head.readUInt32BE(0), at + frameHeadBytes);
    generation.unread.push(at + frameHeadBytes);
    const isCommit = head.readUInt32BE(4) !== 0;
    if (isCommit) yield* readGeneration(generation, read, database, table);
  }
  for (const generation of generations.values()) yield* readGeneration(generation, read, database, table);
}

/** What was written between two resets of the log, as far as it has been walked. */
interface Generation {
  /** Where the newest image of each page is. */
  readonly latest: Map<number, number>;
  /** Where the images are that nobody has looked at: the pages of one commit have no order, so its end is waited for. */
  unread: number[];
}

function* readGeneration(
  generation: Generation,
  read: ByteReader,
  database: PageReader,
  table: ScannedTable,
): Generator<Row> {
  const readPage: PageReader = (number, into) => {
    const at = generation.latest.get(number);
    return at === undefined ? database(number, into) : read(at, into);
  };
  const page = Buffer.alloc(pageBytes);
  for (const at of generation.unread) {
    if (read(at, page)) yield* rowsOnPage(page, table, readPage);
  }
  generation.unread = [];
}
