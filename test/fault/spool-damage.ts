import { closeSync, openSync, readFileSync, statSync, truncateSync, writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { payload } from '../support/payload.ts';

export const pageBytes = 4096;

/** The pages of a table, by what they are in its tree. Reads the file as it is, log included. */
export function pagesOf(database: string, table: string, kind: 'leaf' | 'internal' | 'overflow'): number[] {
  const db = new DatabaseSync(database, { readOnly: true });
  try {
    return db
      .prepare('SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY pageno')
      .all(table, kind)
      .map((row) => Number(row.pageno));
  } finally {
    db.close();
  }
}

/** The pages on which each row of a table is stored, by its id: its leaf and its overflow pages. */
export function pagesByRow(database: string, table: string): Map<number, Set<number>> {
  const db = new DatabaseSync(database, { readOnly: true });
  try {
    const ids = db.prepare(`SELECT id FROM ${table} ORDER BY id`).all();
    const pages = db
      .prepare('SELECT path, pageno, pagetype, ncell FROM dbstat WHERE name = ? ORDER BY path')
      .all(table);
    const byRow = new Map<number, Set<number>>();
    let onLeaf: number[] = [];
    for (const { path, pageno, pagetype, ncell } of pages) {
      if (pagetype === 'leaf') {
        onLeaf = ids.splice(0, Number(ncell)).map(({ id }) => Number(id));
        for (const id of onLeaf) byRow.set(id, new Set([Number(pageno)]));
      } else if (pagetype === 'overflow') {
        // …/<number of the cell on its leaf>+<number of the page in the chain>, both hexadecimal.
        const cell = /([0-9a-f]+)\+[0-9a-f]+$/.exec(String(path))?.[1] ?? '';
        byRow.get(onLeaf[Number.parseInt(cell, 16)] ?? 0)?.add(Number(pageno));
      }
    }
    return byRow;
  } finally {
    db.close();
  }
}

/** The pages that tell what each of the pages behind them is: https://www.sqlite.org/fileformat.html#pointer_map_or_ptrmap_pages */
export function mapPagesOf(database: string): number[] {
  const pages = statSync(database).size / pageBytes;
  const apart = Math.floor(pageBytes / 5) + 1;
  return Array.from({ length: Math.ceil((pages - 1) / apart) }, (_, n) => 2 + n * apart);
}

/** Overwrites a stretch of a file with noise. */
export function scribble(path: string, from: number, length: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, payload(from + 99, length), 0, length, from);
  closeSync(file);
}

export function scribblePages(database: string, pages: readonly number[]): void {
  for (const page of pages) scribble(database, (page - 1) * pageBytes, pageBytes);
}

export function cutTo(path: string, share: number): void {
  truncateSync(path, Math.floor(statSync(path).size * share));
}

/** Flips one byte in the stored payload: no page of SQLite's is out of order then. */
export function flipByteOf(database: string, body: Uint8Array): void {
  const at = readFileSync(database).indexOf(body.subarray(100, 600));
  if (at < 0) throw new Error('the payload is not in the file');
  const file = openSync(database, 'r+');
  writeSync(file, Uint8Array.of((body[200] ?? 0) ^ 0xff), 0, 1, at + 100);
  closeSync(file);
}
