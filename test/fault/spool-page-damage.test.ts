import { cpSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../src/main/core/log.ts';
import { spoolFiles } from '../../src/main/core/spool/files.ts';
import { openSpool } from '../../src/main/core/spool/open-spool.ts';
import { repair } from '../../src/main/core/spool/repair.ts';
import {
  contradictions,
  drain,
  fill,
  logsOf,
  openTestSpool,
  type TestSpool,
  toSpan,
} from '../support/open-test-spool.ts';
import { payload } from '../support/payload.ts';
import { quickFolder, stateFolder } from '../support/spool-folder.ts';
import { mapPagesOf, pageBytes, pagesByRow, pagesOf, scribblePages } from './spool-damage.ts';

const pointsOf = (n: number): number => (n % 4) + 1;

describe('a spool with requests of all sizes', () => {
  let root = '';
  let closed = '';
  const bodies = new Map<number, Uint8Array>();

  beforeAll(async () => {
    root = mkdtempSync(join(quickFolder, 'span-relay-pages-'));
    closed = join(root, 'state');
    const limits = { maxBytes: 256 * 1024 * 1024, maxAgeMs: 30 * 86_400_000 };
    const spool = openSpool({ folder: closed, limits, log: silentLog, integrityCheckAfterMs: 0, destinations: toSpan });
    await spool.setDestinations(toSpan);
    for (let n = 0; n < 240; n++) {
      const body = payload(n, n % 5 === 0 ? n * 50 : n * 3);
      bodies.set(await spool.accept({ signal: 'logs', points: pointsOf(n), body }), body);
    }
    const batch = await spool.pick('span', 'logs', { maxBytes: 1e9, maxRequests: 20 });
    const upTo = batch?.requests.at(-1)?.id ?? 0;
    await spool.settle('span', 'logs', { outcome: 'delivered', upTo, rejectedPoints: 0 });
    for (const { id } of batch?.requests ?? []) bodies.delete(id);
    await spool.close();
  });

  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test('loses with any one page at most the requests that are stored on it', { timeout: 120_000 }, () => {
    const { database } = spoolFiles(closed);
    const pagesOfRequest = pagesByRow(database, 'request');
    expect([...pagesOfRequest.keys()]).toEqual([...bodies.keys()]);
    const pages = statSync(database).size / pageBytes;
    expect(pagesOf(database, 'request', 'internal').length).toBeGreaterThan(0);
    const folder = stateFolder();
    for (let page = 1; page <= pages; page++) {
      rmSync(folder, { recursive: true, force: true });
      cpSync(closed, folder, { recursive: true });
      scribblePages(spoolFiles(folder).database, [page]);
      const report = repair(folder, { reason: 'a test', keptIn: '', now: 0, destinations: toSpan });
      const left = storedIn(folder);
      const gone = [...bodies.keys()].filter((id) => !left.has(id));
      for (const id of gone) expect(pagesOfRequest.get(id), `request ${id} without page ${page}`).toContain(page);
      for (const [id, body] of left) expect(body).toEqual(bodies.get(id));
      const lostPoints = gone.reduce((sum, id) => sum + pointsOf(id - 1), 0);
      expect(report).toMatchObject({ salvagedRequests: left.size, lostPoints, estimated: false });
    }
  });

  test.each([3, 5, 8, 13])('keeps books that balance when every %dth page is gone', async (step) => {
    const folder = stateFolder();
    cpSync(closed, folder, { recursive: true });
    const { database } = spoolFiles(folder);
    const pages = Array.from(
      { length: Math.floor(statSync(database).size / pageBytes / step) },
      (_, n) => n * step + 1,
    );
    const stored = pagesByRow(database, 'request');
    const untouched = [...stored].filter(([, on]) => !pages.some((page) => on.has(page))).map(([id]) => id);
    scribblePages(database, pages);
    const { spool } = await openTestSpool(folder);
    expect(await contradictions(spool)).toEqual([]);
    const out = await drain(spool);
    expect([...out.keys()]).toEqual(untouched);
    expect(await contradictions(spool)).toEqual([]);
  });
});

function storedIn(folder: string): Map<number, Uint8Array> {
  const db = new DatabaseSync(spoolFiles(folder).database, { readOnly: true });
  try {
    const rows = db.prepare('SELECT id, body FROM request ORDER BY id').all();
    return new Map(rows.map(({ id, body }) => [Number(id), body instanceof Uint8Array ? body : new Uint8Array()]));
  } finally {
    db.close();
  }
}

describe('a spool that had to drop its oldest requests', () => {
  /** Closed, with dropped requests on its free pages; the ids that are still stored. */
  async function afterEviction(): Promise<{ folder: string; database: string; kept: readonly number[] }> {
    const folder = stateFolder();
    const { spool } = await openTestSpool(folder);
    await fill(spool, 900);
    await spool.setLimits({ maxBytes: 2 * 1024 * 1024, maxAgeMs: 30 * 86_400_000 });
    await spool.close();
    const { database } = spoolFiles(folder);
    const kept = [...pagesByRow(database, 'request').keys()];
    expect(kept.length).toBeLessThan(600);
    expect(statSync(database).size, 'there are free pages').toBeGreaterThan(900 * 3000);
    return { folder, database, kept };
  }

  const outOf = async ({ spool }: TestSpool) => [...(await drain(spool)).keys()];

  test('does not get them back from free pages, whatever else is lost', async () => {
    const { folder, database, kept } = await afterEviction();
    const leaf = pagesOf(database, 'request', 'leaf').slice(100, 101);
    const lost = [...pagesByRow(database, 'request')].filter(([, on]) => leaf.some((page) => on.has(page)));
    scribblePages(database, [...pagesOf(database, 'request', 'internal'), ...leaf]);
    const opened = await openTestSpool(folder);
    expect(await contradictions(opened.spool)).toEqual([]);
    expect(logsOf(opened.spool).dropped.corruption).toBe(lost.length * 2);
    expect(await outOf(opened)).toEqual(kept.filter((id) => !lost.some(([one]) => one === id)));
  });

  test('does not get them back either where it cannot be told which pages are free', async () => {
    const { folder, database, kept } = await afterEviction();
    scribblePages(database, [...pagesOf(database, 'request', 'internal'), ...mapPagesOf(database)]);
    const opened = await openTestSpool(folder);
    expect(await contradictions(opened.spool)).toEqual([]);
    expect(await outOf(opened)).toEqual(kept);
  });

  test('gets no more of them back than are missing where nothing can be told', async () => {
    const { folder, database, kept } = await afterEviction();
    const leaf = pagesOf(database, 'request', 'leaf').slice(100, 101);
    scribblePages(database, [...pagesOf(database, 'request', 'internal'), ...mapPagesOf(database), ...leaf]);
    const opened = await openTestSpool(folder);
    expect(await contradictions(opened.spool)).toEqual([]);
    expect((await outOf(opened)).length).toBeLessThanOrEqual(kept.length);
    expect(await contradictions(opened.spool)).toEqual([]);
  });
});

test('what is in quarantine survives the loss of the root above it', async () => {
  const folder = stateFolder();
  const { spool } = await openTestSpool(folder);
  await fill(spool, 12);
  for (let n = 0; n < 12; n++) {
    const batch = await spool.pick('span', 'logs', { maxBytes: 1, maxRequests: 1 });
    const upTo = batch?.requests[0]?.id ?? 0;
    await spool.settle('span', 'logs', { outcome: 'quarantined', upTo, status: 400, message: `malformed ${n}` });
  }
  const before = await spool.quarantine.list();
  expect(before).toHaveLength(12);
  await spool.close();
  const { database } = spoolFiles(folder);
  const root = pagesOf(database, 'quarantine', 'internal');
  expect(root).toHaveLength(1);
  scribblePages(database, root);
  const again = await openTestSpool(folder);
  await again.spool.verify();
  expect(await again.spool.quarantine.list()).toEqual(before);
  expect(await contradictions(again.spool)).toEqual([]);
});

test('each destination gets what it is owed, and nothing that it has', async () => {
  const folder = stateFolder();
  const destinations = [...toSpan, { name: 'collector', signals: ['logs'] as const }];
  const { spool } = await openTestSpool(folder, { destinations });
  const stored = await fill(spool, 300);
  const batch = await spool.pick('span', 'logs', { maxBytes: 1e9, maxRequests: 100 });
  const upTo = batch?.requests.at(-1)?.id ?? 0;
  await spool.settle('span', 'logs', { outcome: 'delivered', upTo, rejectedPoints: 0 });
  await spool.close();
  const { database } = spoolFiles(folder);
  scribblePages(database, [...pagesOf(database, 'request', 'internal'), ...mapPagesOf(database)]);
  const again = await openTestSpool(folder, { destinations });
  expect(await contradictions(again.spool)).toEqual([]);
  expect([...(await drain(again.spool, 'span')).keys()]).toEqual([...stored.keys()].slice(100));
  expect(await drain(again.spool, 'collector')).toEqual(stored);
  expect(await contradictions(again.spool)).toEqual([]);
});
