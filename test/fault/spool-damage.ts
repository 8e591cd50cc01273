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
