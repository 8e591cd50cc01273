import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../src/main/core/log.ts';
import { openSpool } from '../../src/main/core/spool/open-spool.ts';
import type { RepairReport } from '../../src/shared/repair.ts';
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
import { copyAsKilled, quickFolder, stateFolder } from '../support/spool-folder.ts';
import { ampleLimits } from '../support/spool-limits.ts';
import { until } from '../support/until.ts';
import { cutTo, flipByteOf, mapPagesOf, pageBytes, pagesOf, scribble, scribblePages } from './spool-damage.ts';

const stored = 1500;
const delivered = 300;
const pendingPoints = (stored - delivered) * 2;

/** A spool with a backlog, made once: `closed` in order, and as it is when its process is `killed`. */
let root = '';
let bodies = new Map<number, Uint8Array>();

beforeAll(async () => {
  root = mkdtempSync(join(quickFolder, 'span-relay-damage-'));
  const folder = join(root, 'closed');
  const spool = openSpool({
    folder,
    limits: ampleLimits,
    log: silentLog,
    integrityCheckAfterMs: 0,
    destinations: toSpan,
  });
  await spool.setDestinations(toSpan);
  bodies = await fill(spool, stored);
  const batch = await spool.pick('span', 'logs', { maxBytes: 1e9, maxRequests: delivered });
  await spool.settle('span', 'logs', {
    outcome: 'delivered',
    upTo: batch?.requests.at(-1)?.id ?? 0,
    rejectedPoints: 1,
  });
  for (const { id } of batch?.requests ?? []) bodies.delete(id);
  copyAsKilled(folder, join(root, 'killed'));
  await spool.close();
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function prepared(from: 'closed' | 'killed'): { folder: string; database: string; log: string; watermark: string } {
  const folder = stateFolder();
  cpSync(join(root, from), folder, { recursive: true });
  const database = join(folder, 'spool.db');
  return { folder, database, log: `${database}-wal`, watermark: join(folder, 'spool.watermark') };
}

function reportOf({ events }: TestSpool): RepairReport | undefined {
  return events.flatMap((event) => (event.kind === 'repaired' ? [event.report] : []))[0];
}

/** What the relay does next: it runs, with what can be had, and with books that say what cannot. */
async function expectRecovery(
  folder: string,
  { exact = true, kept = 'spool.db' }: { exact?: boolean; kept?: string } = {},
): Promise<{ lost: number; report: RepairReport }> {
  const opened = await openTestSpool(folder);
  const { spool, events } = opened;
  // A page that nobody needed yet is found by looking at all of them.
  if (!reportOf(opened)) await spool.verify();
  expect(events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['repairing', 'repaired', 'ready']));
  const report = reportOf(opened);
  if (!report) throw new Error('there is no report');
  expect(await contradictions(spool)).toEqual([]);
  expect(logsOf(spool).level.requests).toBe(report.salvagedRequests);
  expect(await spool.repairs()).toContainEqual(report);
  expect(existsSync(join(report.keptIn, kept)), `${kept} is kept`).toBe(true);
  expect(statSync(report.keptIn).mode & 0o777).toBe(0o700);

  const accepted = await fill(spool, 10);
  const out = await drain(spool);
  for (const [id, body] of out) expect(body).toEqual(accepted.get(id) ?? bodies.get(id));
  for (const id of accepted.keys()) expect(out.has(id)).toBe(true);
  expect(await contradictions(spool)).toEqual([]);
  expect(events.filter(({ kind }) => kind === 'repaired')).toHaveLength(1);

  const salvaged = out.size - accepted.size;
  const lost = (stored - delivered - salvaged) * 2;
  expect(salvaged).toBe(report.salvagedRequests);
  expect(report.estimated).toBe(!exact);
  if (exact) {
    expect(report.lostPoints).toBe(lost);
    expect(logsOf(spool)).toMatchObject({
      accepted: stored * 2 + 20,
      delivered: delivered * 2 - 1 + salvaged * 2 + 20,
      rejected: 1,
      dropped: { corruption: lost, quota: 0, age: 0, discarded: 0 },
    });
  }
  await spool.close();
  return { lost, report };
}

describe('damaged pages', () => {
  test('a leaf page in the middle costs the requests on it', async () => {
    const { folder, database } = prepared('closed');
    const leaves = pagesOf(database, 'request', 'leaf');
    scribblePages(database, leaves.slice(600, 601));
    expect((await expectRecovery(folder)).lost).toBe(2);
  });

  test('several leaf pages, the first and the last among them, cost the requests on them', async () => {
    const { folder, database } = prepared('closed');
    const leaves = pagesOf(database, 'request', 'leaf');
    const broken = [0, 1, 200, 201, 202, 700, leaves.length - 1].flatMap((at) => leaves.slice(at, at + 1));
    scribblePages(database, broken);
    expect((await expectRecovery(folder)).lost).toBe(broken.length * 2);
  });

  test('an interior page costs nothing: what was under it is found without it', async () => {
    const { folder, database } = prepared('closed');
    scribblePages(database, pagesOf(database, 'request', 'internal').slice(1, 2));
    expect((await expectRecovery(folder)).lost).toBe(0);
  });

  test('all interior pages, the root among them, cost nothing', async () => {
    const { folder, database } = prepared('closed');
    scribblePages(database, pagesOf(database, 'request', 'internal'));
    expect((await expectRecovery(folder)).lost).toBe(0);
  });

  test('the schema, the root and some leaf pages cost the requests on the leaf pages', async () => {
    const { folder, database } = prepared('closed');
    const leaves = pagesOf(database, 'request', 'leaf').slice(500, 503);
    scribblePages(database, [1, ...pagesOf(database, 'request', 'internal'), ...leaves]);
    expect((await expectRecovery(folder)).lost).toBe(leaves.length * 2);
  });

  test("the root and the file's own account of its pages cost nothing", async () => {
    const { folder, database } = prepared('closed');
    scribblePages(database, [...pagesOf(database, 'request', 'internal'), ...mapPagesOf(database)]);
    expect((await expectRecovery(folder)).lost).toBe(0);
  });

  test('the index of the requests costs nothing', async () => {
    const { folder, database } = prepared('closed');
    const pages = [
      ...pagesOf(database, 'request_by_signal', 'internal'),
      ...pagesOf(database, 'request_by_signal', 'leaf'),
    ];
    scribblePages(database, pages);
    expect((await expectRecovery(folder)).lost).toBe(0);
  });

  test('the pages of the books cost nothing: their copy is beside the spool', async () => {
    const { folder, database } = prepared('closed');
    scribblePages(
      database,
      ['queue', 'state', 'destination', 'subscription'].flatMap((name) => pagesOf(database, name, 'leaf')),
    );
    expect((await expectRecovery(folder)).lost).toBe(0);
  });

  test('the first page, which holds the schema, costs nothing', async () => {
    const { folder, database } = prepared('closed');
    scribblePages(database, [1]);
    expect((await expectRecovery(folder)).lost).toBe(0);
  });

  test('the first page under a log that is in order costs nothing', async () => {
    const { folder, database } = prepared('killed');
    scribblePages(database, [1]);
    const opened = await openTestSpool(folder);
    expect((await drain(opened.spool)).size).toBe(stored - delivered);
    expect(await contradictions(opened.spool)).toEqual([]);
  });
});

describe('damaged files', () => {
  test('truncated to a half', async () => {
    const { folder, database } = prepared('closed');
    cutTo(database, 0.5);
    const { lost } = await expectRecovery(folder);
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThan(pendingPoints);
  });

  test.each([100, 0])('truncated to %d bytes', async (bytes) => {
    const { folder, database } = prepared('closed');
    truncateSync(database, bytes);
    expect((await expectRecovery(folder)).lost).toBe(pendingPoints);
  });

  test('replaced by garbage', async () => {
    const { folder, database } = prepared('closed');
    scribble(database, 0, statSync(database).size);
    expect((await expectRecovery(folder)).lost).toBe(pendingPoints);
  });

  test('replaced by a text', async () => {
    const { folder, database } = prepared('closed');
    writeFileSync(database, 'this is not a database\n'.repeat(1000));
    expect((await expectRecovery(folder)).lost).toBe(pendingPoints);
  });

  test('deleted', async () => {
    const { folder, database } = prepared('closed');
    rmSync(database);
    expect((await expectRecovery(folder)).lost).toBe(pendingPoints);
  });

  test('deleted with everything beside it: a new spool, and nothing to repair', async () => {
    const { folder } = prepared('closed');
    rmSync(folder, { recursive: true });
    const { spool, events } = await openTestSpool(folder);
    expect(events.filter(({ kind }) => kind === 'repaired')).toEqual([]);
    expect((await fill(spool, 3)).size).toBe(3);
  });

  test('a folder in the place of the database', async () => {
    const { folder, database } = prepared('closed');
    rmSync(database);
    mkdirSync(join(database, 'inside'), { recursive: true });
    expect((await expectRecovery(folder, { kept: 'spool.db/inside' })).lost).toBe(pendingPoints);
  });

  test('a folder in the place of the log', async () => {
    const { folder, log } = prepared('closed');
    rmSync(log, { force: true });
    mkdirSync(join(log, 'inside'), { recursive: true });
    expect((await expectRecovery(folder)).lost).toBe(0);
  });

  test('an older copy of the database, from a backup', async () => {
    const { folder, database } = prepared('closed');
    const early = await openTestSpool(stateFolder());
    await fill(early.spool, 5);
    await early.spool.close();
    const fresh = stateFolder();
    const old = await openTestSpool(fresh);
    await old.spool.close();
    rmSync(database);
    renameSync(join(fresh, 'spool.db'), database);
    expect((await expectRecovery(folder)).lost).toBe(pendingPoints);
  });
});

describe('the write-ahead log', () => {
  test('is used whole when it is in order', async () => {
    const { folder, log } = prepared('killed');
    expect(statSync(log).size).toBeGreaterThan(100_000);
    const { spool, events } = await openTestSpool(folder);
    expect(events.filter(({ kind }) => kind === 'repaired')).toEqual([]);
    expect((await drain(spool)).size).toBe(stored - delivered);
  });

  test('garbage at its head costs nothing: the head follows from the rest', async () => {
    const { folder, log } = prepared('killed');
    scribble(log, 0, 32);
    expect((await expectRecovery(folder)).lost).toBe(0);
  });

  test.each<[string, number]>([
    ['its first frame', 0],
    ['a frame in its middle', 40],
  ])('garbage at %s costs at most what is in it: the frames behind it are read', async (_, frame) => {
    const { folder, log } = prepared('killed');
    scribble(log, 32 + frame * (24 + pageBytes) - 32, 24 + pageBytes + 32);
    expect((await expectRecovery(folder)).lost).toBeLessThanOrEqual(4);
  });

  test('one that is left without its database gives what is in it', async () => {
    const { folder, database } = prepared('killed');
    rmSync(database);
    const { lost } = await expectRecovery(folder, { kept: 'spool.db-wal' });
    expect(lost).toBeLessThan(pendingPoints);
  });

  test.each<[string, (path: string) => void]>([
    ['garbage in its middle', (path) => scribble(path, Math.floor(statSync(path).size / 3), 8192)],
    ['cut to a half', (path) => cutTo(path, 0.5)],
    ['cut to some bytes', (path) => truncateSync(path, 20)],
    ['emptied', (path) => truncateSync(path, 0)],
    ['deleted', (path) => rmSync(path)],
    ['replaced by zeros', (path) => writeFileSync(path, Buffer.alloc(statSync(path).size))],
  ])('%s: what the commits in it held is booked as lost', async (_, damage) => {
    const { folder, log } = prepared('killed');
    damage(log);
    const { lost } = await expectRecovery(folder);
    expect(lost).toBeLessThan(pendingPoints);
  });
});

describe('the copy of the books', () => {
  test('garbage beside a good database: nothing is missing', async () => {
    const { folder, watermark } = prepared('closed');
    scribble(watermark, 0, 600_000);
    const { spool, events } = await openTestSpool(folder);
    expect(events.filter(({ kind }) => kind === 'repaired')).toEqual([]);
    expect((await drain(spool)).size).toBe(stored - delivered);
  });

  test('missing beside a database that has lost a page: the loss is an estimate, and is the right one here', async () => {
    const { folder, database, watermark } = prepared('closed');
    rmSync(watermark);
    scribblePages(database, pagesOf(database, 'request', 'leaf').slice(500, 502));
    const opened = await openTestSpool(folder);
    // Nothing looks at the page before it is needed.
    expect((await drain(opened.spool)).size).toBe(stored - delivered - 2);
    expect(await contradictions(opened.spool)).toEqual([]);
  });

  test('garbage beside a database without books: what is there is owed to the destinations of today', async () => {
    const { folder, database, watermark } = prepared('closed');
    scribble(watermark, 0, 600_000);
    scribblePages(
      database,
      ['queue', 'state'].flatMap((name) => pagesOf(database, name, 'leaf')),
    );
    const { report } = await expectRecovery(folder, { exact: false });
    expect(report.salvagedRequests).toBe(stored - delivered);
  });

  test('garbage beside garbage: a new start', async () => {
    const { folder, database, watermark } = prepared('closed');
    scribble(watermark, 0, 600_000);
    scribble(database, 0, statSync(database).size);
    expect((await expectRecovery(folder, { exact: false })).report.salvagedRequests).toBe(0);
  });

  test('older than the database, as after a power cut: the books in the file win', async () => {
    const { folder, database, watermark } = prepared('closed');
    const old = readFileSync(watermark);
    const { spool } = await openTestSpool(folder);
    await fill(spool, 20);
    await spool.close();
    writeFileSync(watermark, old);
    scribblePages(database, pagesOf(database, 'request', 'leaf').slice(700, 701));
    const again = await openTestSpool(folder);
    expect((await drain(again.spool)).size).toBe(stored - delivered + 20 - 1);
    expect(logsOf(again.spool)).toMatchObject({ accepted: stored * 2 + 40, dropped: { corruption: 2 } });
    expect(await contradictions(again.spool)).toEqual([]);
  });
});

describe('damage that shows while it runs', () => {
  test('a payload with a flipped byte is booked when it is picked, and the rest goes on', async () => {
    const { folder, database } = prepared('closed');
    const [id, body] = [...bodies][400] ?? [];
    if (id === undefined || !body) throw new Error('there is no such request');
    flipByteOf(database, body);
    const { spool, events } = await openTestSpool(folder);
    const out = await drain(spool);
    expect(out.size).toBe(stored - delivered - 1);
    expect(out.has(id)).toBe(false);
    expect(logsOf(spool).dropped.corruption).toBe(2);
    expect(events).toContainEqual({ kind: 'dropped', cause: 'corruption', points: 2 });
    expect(await contradictions(spool)).toEqual([]);
  });

  test('payloads that are all damaged do not hide those behind them', async () => {
    const { folder, database } = prepared('closed');
    for (const body of [...bodies.values()].slice(0, 3)) flipByteOf(database, body);
    const { spool } = await openTestSpool(folder);
    const batch = await spool.pick('span', 'logs', { maxBytes: 1e6, maxRequests: 2 });
    expect(batch?.requests[0]?.id).toBe([...bodies.keys()][3]);
    expect(logsOf(spool).dropped.corruption).toBe(6);
  });

  test('a damaged page is found when it is needed, and the caller who needed it is served', async () => {
    const { folder, database } = prepared('closed');
    const opened = await openTestSpool(folder);
    scribblePages(database, pagesOf(database, 'request', 'leaf').slice(300, 301));
    expect((await drain(opened.spool)).size).toBe(stored - delivered - 1);
    expect(reportOf(opened)).toMatchObject({ lostPoints: 2, estimated: false });
    expect(await contradictions(opened.spool)).toEqual([]);
  });

  test('the integrity check finds a damaged page before anybody needs it', async () => {
    const { folder, database } = prepared('closed');
    scribblePages(database, pagesOf(database, 'request', 'leaf').slice(900, 901));
    const opened = await openTestSpool(folder, { integrityCheckAfterMs: 50 });
    await until('the damage is repaired', () => reportOf(opened) !== undefined);
    expect(reportOf(opened)).toMatchObject({ lostPoints: 2 });
    expect((await drain(opened.spool)).size).toBe(stored - delivered - 1);
    expect(await contradictions(opened.spool)).toEqual([]);
  });

  test('accepting goes on when the whole file turns to garbage under it', async () => {
    const { folder, database } = prepared('closed');
    const opened = await openTestSpool(folder);
    scribble(database, 0, statSync(database).size);
    await fill(opened.spool, 50);
    expect(await contradictions(opened.spool)).toEqual([]);
    const out = await drain(opened.spool);
    expect(out.size).toBeGreaterThanOrEqual(50);
    const { accepted, delivered: sent, rejected, dropped } = logsOf(opened.spool);
    expect(sent + rejected + dropped.corruption).toBe(accepted);
  });
});

describe('repairs themselves', () => {
  test('one that was cut off while it was building is done again', async () => {
    const { folder, database } = prepared('closed');
    scribblePages(database, pagesOf(database, 'request', 'leaf').slice(600, 601));
    writeFileSync(join(folder, 'spool.rebuilt.db'), payload(1, 50_000));
    writeFileSync(join(folder, 'spool.rebuilt.db-journal'), payload(2, 5000));
    expect((await expectRecovery(folder)).lost).toBe(2);
    expect(readdirSync(folder).filter((name) => name.includes('rebuilt'))).toEqual([]);
  });

  test('one that is killed again and again, sooner and later, is finished by the start that is left alone', {
    timeout: 60_000,
  }, async () => {
    const { folder, database } = prepared('closed');
    scribblePages(database, [
      ...pagesOf(database, 'request', 'leaf').slice(600, 601),
      ...pagesOf(database, 'state', 'leaf'),
    ]);
    const seen: string[] = [];
    for (const delayMs of [0, 3, 8, 15, 25, 40, 60, 80]) seen.push(await openAndKill(folder, delayMs));
    expect(seen.join()).toContain('repairing');
    const { spool } = await openTestSpool(folder);
    expect((await drain(spool)).size).toBe(stored - delivered - 1);
    expect(logsOf(spool)).toMatchObject({ accepted: stored * 2, dropped: { corruption: 2 } });
    expect(await contradictions(spool)).toEqual([]);
    expect(readdirSync(join(folder, 'damaged')).length).toBeLessThanOrEqual(2);
  });

  test('one that was cut off while it was installing is finished', async () => {
    const whole = prepared('closed');
    const { folder, database } = prepared('killed');
    renameSync(whole.database, join(folder, 'spool.rebuilt.db'));
    rmSync(database);
    const { spool } = await openTestSpool(folder);
    expect((await drain(spool)).size).toBe(stored - delivered);
    expect(await contradictions(spool)).toEqual([]);
  });

  test('a file of a newer relay is kept aside, and what can be understood of it is used', async () => {
    const { folder, database } = prepared('closed');
    const db = new DatabaseSync(database);
    db.exec('ALTER TABLE request ADD COLUMN priority INTEGER NOT NULL DEFAULT 0; PRAGMA user_version = 99');
    db.close();
    const { report, lost } = await expectRecovery(folder);
    expect(lost).toBe(0);
    expect(report.reason).toContain('newer relay');
  });

  test('a file of a newer relay with other names in it is read by the shape of its rows', async () => {
    const { folder, database } = prepared('closed');
    const db = new DatabaseSync(database);
    db.exec('ALTER TABLE request RENAME COLUMN points TO items; PRAGMA user_version = 99');
    db.close();
    expect((await expectRecovery(folder)).lost).toBe(0);
  });

  test('a file of a newer relay with other tables does not keep this one from running', async () => {
    const { folder, database } = prepared('closed');
    const db = new DatabaseSync(database);
    db.exec('ALTER TABLE request DROP COLUMN points; PRAGMA user_version = 99');
    db.close();
    expect((await expectRecovery(folder)).lost).toBe(pendingPoints);
  });

  test('what is in quarantine survives, and can be retried', async () => {
    const { folder, database } = prepared('closed');
    const before = await openTestSpool(folder);
    const batch = await before.spool.pick('span', 'logs', { maxBytes: 1, maxRequests: 1 });
    const upTo = batch?.requests[0]?.id ?? 0;
    await before.spool.settle('span', 'logs', { outcome: 'quarantined', upTo, status: 400, message: 'malformed' });
    await before.spool.close();
    scribblePages(database, pagesOf(database, 'request', 'leaf').slice(600, 601));
    const { spool } = await openTestSpool(folder);
    await drain(spool);
    const [kept] = await spool.quarantine.list();
    expect(kept).toMatchObject({ destination: 'span', points: 2, status: 400 });
    expect(await spool.quarantine.retry(kept?.id ?? 0)).toBe(true);
    expect([...(await drain(spool)).values()]).toEqual([bodies.get(upTo)]);
    expect(await contradictions(spool)).toEqual([]);
  });
});

/** What the process said before it was killed, `delayMs` after it began to repair, or had nothing more to do. */
async function openAndKill(folder: string, delayMs: number): Promise<string> {
  const opener = spawn(process.execPath, [join(import.meta.dirname, 'spool-opener.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(opener, 'exit');
  let said = '';
  opener.stdout.on('data', (text) => {
    if (!said.includes('repairing') && String(text).includes('repairing')) {
      setTimeout(() => opener.kill('SIGKILL'), delayMs);
    }
    said += text;
  });
  await exited;
  return said;
}
