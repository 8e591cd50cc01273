import { closeSync, existsSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { classifyFault, closeQuietly, openDatabase, pageBytes } from './database.ts';
import { companions } from './files.ts';
import { migrate } from './schema.ts';

export type Row = Record<string, SQLOutputValue>;

/** Reads what can be read of a damaged database. Every method gives what is there and skips what is not. */
export interface DamagedDatabase {
  /** All rows of a small table; undefined when the table itself cannot be read. */
  table(name: 'state' | 'destination' | 'queue' | 'subscription' | 'hour' | 'repair'): readonly Row[] | undefined;
  /** The readable rows of a table with ids from `first` to `last`, ascending within each readable stretch. */
  rows(name: 'request' | 'quarantine', first: number, last: number): Iterable<Row>;
  maxId(name: 'request' | 'quarantine'): number | undefined;
  /** False as soon as something was skipped. */
  isWhole(): boolean;
  close(): void;
}

/** Opens a damaged database for reading; undefined when nothing in it can be read. The file at `path` may be changed. */
export function openDamaged(path: string): DamagedDatabase | undefined {
  return tryOpen(path) ?? (transplantHead(path) ? tryOpen(path) : undefined);
}

function tryOpen(path: string): DamagedDatabase | undefined {
  if (!existsSync(path)) return undefined;
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    db.exec('PRAGMA cell_size_check = ON');
    const known = db.prepare("SELECT count(*) AS n FROM sqlite_master WHERE type = 'table' AND name = 'request'").get();
    if (Number(known?.n) === 1) {
      checkpoint(db);
      return reader(db);
    }
  } catch (error) {
    if (classifyFault(error) === 'full') throw error;
  }
  if (db) closeQuietly(db);
  return undefined;
}

/** Brings what is in the write-ahead log into the file, so that its pages are the newest ones. */
function checkpoint(db: DatabaseSync): void {
  try {
    // It leaves the log as it is, for whoever looks behind the place where SQLite stops to read.
    db.exec('PRAGMA wal_checkpoint(PASSIVE)');
  } catch {
    // There is no room for it, or the log is damaged further on: what is in it is still found there.
  }
}

/** Enough to go around some hundreds of damaged pages; a table whose root is gone is given up after a second or so. */
const maxRanges = 50_000;

/** An index that has the ids of the whole table. */
const indexOf = { request: 'request_by_signal', quarantine: 'quarantine_by_destination' } as const;

function reader(db: DatabaseSync): DamagedDatabase {
  let whole = true;
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (classifyFault(error) !== 'damaged') throw error;
      whole = false;
      return undefined;
    }
  };
  return {
    table: (name) => attempt(() => db.prepare(`SELECT * FROM ${name}`).all()),
    maxId: (name) =>
      attempt(() => Number(db.prepare(`SELECT max(id) AS id FROM ${name}`).get()?.id ?? 0)) ??
      attempt(() => Number(db.prepare(`SELECT max(id) AS id FROM ${name} INDEXED BY ${indexOf[name]}`).get()?.id ?? 0)),
    *rows(name, first, last) {
      const prepare = () => attempt(() => db.prepare(`SELECT * FROM ${name} WHERE id BETWEEN ? AND ? ORDER BY id`));
      let statement = prepare();
      const ranges = [{ first, last }];
      // Breadth first, so that what the limit leaves out is spread thinly.
      for (let at = 0; at < Math.min(ranges.length, maxRanges); at++) {
        const range = ranges[at];
        if (!statement) return;
        if (!range || range.first > range.last) continue;
        let next = range.first;
        const rows = statement.iterate(range.first, range.last);
        for (;;) {
          const step = attempt(() => rows.next());
          if (!step) {
            // One that has failed reports its failure once more when it is used again.
            statement = prepare();
            break;
          }
          if (step.done) {
            next = range.last + 1;
            break;
          }
          next = Number(step.value.id) + 1;
          yield step.value;
        }
        if (next > range.last || (next === range.first && range.first === range.last)) continue;
        // Halving what is behind a damaged page finds the next readable one, wherever it is.
        const middle = next + Math.floor((range.last - next) / 2);
        ranges.push({ first: next, last: middle }, { first: middle + 1, last: range.last });
      }
    },
    isWhole: () => whole,
    close: () => closeQuietly(db),
  };
}

/**
 * Gives a file whose first page is unreadable the first page of an empty spool: that page holds the schema, and the
 * tables of every spool of one schema version begin at the same pages. Returns false where that cannot be done.
 */
function transplantHead(path: string): boolean {
  if (!existsSync(path)) return false;
  const template = `${path}.template`;
  const removeTemplate = () => {
    for (const companion of companions) rmSync(template + companion, { force: true });
  };
  removeTemplate();
  const empty = openDatabase(template);
  migrate(empty);
  closeQuietly(empty);
  const head = Buffer.alloc(pageBytes);
  const from = openSync(template, 'r');
  readSync(from, head, 0, head.length, 0);
  closeSync(from);
  removeTemplate();
  const pages = Math.floor(statSync(path).size / head.length);
  if (pages < 2) return false;
  // https://www.sqlite.org/fileformat.html#the_database_header: size in pages, first free page, number of free pages.
  head.writeUInt32BE(pages, 28);
  head.writeUInt32BE(0, 32);
  head.writeUInt32BE(0, 36);
  const to = openSync(path, 'r+');
  writeSync(to, head, 0, head.length, 0);
  closeSync(to);
  return true;
}
