import { readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openDatabase, pageBytes } from '../../../../src/main/core/spool/database.ts';
import { type PageReader, rowsOnPage } from '../../../../src/main/core/spool/leaf-page.ts';
import { type ByteReader, scanDatabase, scanLog } from '../../../../src/main/core/spool/page-scan.ts';
import type { Row } from '../../../../src/main/core/spool/salvage.ts';
import { migrate } from '../../../../src/main/core/spool/schema.ts';
import { payload } from '../../../support/payload.ts';
import { stateFile } from '../../../support/spool-folder.ts';

const bytesIn =
  (file: Buffer): ByteReader =>
  (offset, into) =>
    offset < file.length && file.copy(into, 0, offset, offset + into.length) === into.length;

const pagesIn =
  (file: Buffer): PageReader =>
  (page, into) =>
    page > 0 && bytesIn(file)((page - 1) * pageBytes, into);

const noPages: PageReader = () => false;

const byId = (rows: Iterable<Row>): Row[] => [...rows].map(plain).sort((a, b) => Number(a.id) - Number(b.id));

function plain(row: Row): Row {
  return { ...row, body: new Uint8Array(row.body instanceof Uint8Array ? row.body : []) };
}

const count = fc.oneof(fc.nat(), fc.constantFrom(0, 1, 127, 128, 32_768, 2 ** 23, 2 ** 32, Number.MAX_SAFE_INTEGER));
/** Around the lengths where a payload begins to leave its leaf, and to need one page more. */
const length = fc.oneof(fc.nat(300), fc.integer({ min: 4000, max: 4200 }), fc.nat(20_000), fc.constant(0));
const request = fc.record({
  signal: fc.nat(2),
  received_at: count,
  points: count,
  crc: count,
  only_for: fc.option(count),
  length,
});

function insertRequests(
  db: DatabaseSync,
  requests: readonly (typeof request extends fc.Arbitrary<infer T> ? T : never)[],
) {
  const insert = db.prepare('INSERT INTO request VALUES (?, ?, ?, ?, ?, ?, ?)');
  db.exec('BEGIN');
  for (const [n, { signal, received_at, points, crc, only_for, length: bytes }] of requests.entries()) {
    insert.run(n * 1000 + 1, signal, received_at, points, crc, only_for, payload(n, bytes));
  }
  db.exec('COMMIT');
}

test('the pages of a file give the rows that SQLite gives, without those that were deleted', () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 60 }), fc.nat(3), (requests, keepEvery) => {
      const path = stateFile('scanned.db');
      const db = openDatabase(path);
      migrate(db);
      insertRequests(db, requests);
      db.prepare('DELETE FROM request WHERE (id / 1000) % 4 > ?').run(keepEvery);
      db.exec(
        `INSERT INTO quarantine (destination, signal, received_at, quarantined_at, points, status, message, crc, body)
         SELECT 1, signal, received_at, 5, points, 400, hex(substr(body, 1, 3000)), crc, body FROM request`,
      );
      const expected = db.prepare('SELECT * FROM request ORDER BY id').all().map(plain);
      const quarantined = db.prepare('SELECT * FROM quarantine ORDER BY id').all().map(plain);
      db.close();
      const file = readFileSync(path);
      const pages = file.length / pageBytes;
      expect(byId(scanDatabase(pages, pagesIn(file), 'request', 'used'))).toEqual(expected);
      expect(byId(scanDatabase(pages, pagesIn(file), 'quarantine', 'used'))).toEqual(quarantined);
      expect([...scanDatabase(pages, pagesIn(file), 'request', 'unknown')]).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

test('the pages of a log give every row that was committed to it, overflow pages included', () => {
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 60 }), (requests) => {
      const path = stateFile('logged.db');
      const db = openDatabase(path);
      migrate(db);
      insertRequests(db, requests);
      const expected = db.prepare('SELECT * FROM request ORDER BY id').all().map(plain);
      const log = readFileSync(`${path}-wal`);
      db.close();
      log.fill(0xff, 0, 32);
      const found = new Map([...scanLog(log.length, bytesIn(log), noPages, 'request')].map((row) => [row.id, row]));
      expect(byId(found.values())).toEqual(expected);
    }),
    { numRuns: 25 },
  );
});

test('a row whose overflow pages form a circle is no row', () => {
  const path = stateFile('circle.db');
  const db = openDatabase(path);
  migrate(db);
  db.prepare('INSERT INTO request VALUES (1, 0, 0, 0, 0, NULL, ?)').run(payload(1, 50_000));
  db.close();
  const file = readFileSync(path);
  const rows = () => [...scanDatabase(file.length / pageBytes, pagesIn(file), 'request', 'used')];
  expect(rows()).toHaveLength(1);
  const overflow = file.indexOf(payload(1, 50_000).subarray(30_000, 30_064));
  const page = Math.floor(overflow / pageBytes);
  file.writeUInt32BE(page + 1, page * pageBytes);
  expect(rows()).toEqual([]);
});

test('garbage gives nothing that it should not, does not throw and does not go on for ever', () => {
  const leafHead = Uint8Array.of(0x0d);
  const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 6, 8, 12, 0x7f, 0x80, 0xff));
  const garbage = fc.array(byte, { minLength: 60, maxLength: 600 }).map((bytes) => {
    const page = Buffer.alloc(pageBytes);
    for (let at = 0; at < pageBytes; at++) page[at] = bytes[at % bytes.length] ?? 0;
    page.set(leafHead);
    return page;
  });
  fc.assert(
    fc.property(garbage, garbage, (page, other) => {
      const read: PageReader = (_, into) => other.copy(into) === pageBytes;
      for (const table of ['request', 'quarantine'] as const) {
        for (const row of rowsOnPage(page, table, read)) expect(Number.isSafeInteger(row.id)).toBe(true);
        const file = Buffer.concat([other, page, other, page]);
        expect(() => [...scanDatabase(4, pagesIn(file), table, 'unknown')]).not.toThrow();
        expect(() => [...scanLog(file.length, bytesIn(file), pagesIn(file), table)]).not.toThrow();
      }
    }),
    { numRuns: 300 },
  );
});

test('a page with some bytes changed gives rows, or fewer rows, and never throws', () => {
  const path = stateFile('changed.db');
  const db = openDatabase(path);
  migrate(db);
  insertRequests(
    db,
    Array.from({ length: 20 }, (_, n) => ({
      signal: 1,
      received_at: n,
      points: n,
      crc: n,
      only_for: null,
      length: n * 400,
    })),
  );
  db.close();
  const whole = readFileSync(path);
  const change = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 2000 }), (changes) => {
      const file = Buffer.from(whole);
      for (const [at, value] of changes) file[at] = value;
      for (const use of ['used', 'unknown'] as const) {
        expect(() => [...scanDatabase(file.length / pageBytes, pagesIn(file), 'request', use)]).not.toThrow();
      }
    }),
    { numRuns: 200 },
  );
});
