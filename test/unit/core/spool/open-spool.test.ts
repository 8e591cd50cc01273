import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../../../../src/main/core/log.ts';
import { type Port, SpoolClient } from '../../../../src/main/core/spool/client.ts';
import { findDamage, workerPort } from '../../../../src/main/core/spool/open-spool.ts';
import { type Spool, SpoolError, type SpoolEvent } from '../../../../src/main/core/spool/spool.ts';
import { signals } from '../../../../src/shared/signal.ts';
import { contradictions, drain, fill, logsOf, openTestSpool, toSpan } from '../../../support/open-test-spool.ts';
import { payload } from '../../../support/payload.ts';
import { stateFolder } from '../../../support/spool-folder.ts';
import { until } from '../../../support/until.ts';

const batch = { maxBytes: 1024 * 1024, maxRequests: 100 };
const log = (at: number) => ({ signal: 'logs', points: 2, body: payload(at, 500) }) as const;

/** The books as they are on the disk, read by somebody else. */
function onDisk(folder: string) {
  const db = new DatabaseSync(join(folder, 'spool.db'), { readOnly: true });
  try {
    return db
      .prepare(
        'SELECT q.*, d.name FROM queue q JOIN destination d ON d.id = q.destination ORDER BY q.destination, signal',
      )
      .all()
      .map((row) => ({
        destination: row.name,
        signal: signals[Number(row.signal)],
        accepted: row.accepted,
        delivered: row.delivered,
        pending: row.pending_points,
        rejected: row.rejected,
        dropped: { quota: row.quota, age: row.age, corruption: row.corruption, discarded: row.discarded },
        refused: row.refused,
        resent: row.resent,
      }));
  } finally {
    db.close();
  }
}

test('the books in this thread are those on the disk after every call that was waited for', async () => {
  const folder = stateFolder();
  const { spool } = await openTestSpool(folder, {
    destinations: [...toSpan, { name: 'collector', signals: ['logs'] }],
  });
  const same = () => {
    const rows = onDisk(folder).filter((row) => row.destination === 'span' || row.signal === 'logs');
    expect(spool.books().ledger).toEqual(rows);
  };
  same();
  const ids = await Promise.all([1, 2, 3, 4].map((at) => spool.accept(log(at))));
  same();
  await spool.pick('span', 'logs', batch);
  same();
  await spool.settle('span', 'logs', { outcome: 'quarantined', upTo: ids[0] ?? 0, status: 400, message: 'malformed' });
  same();
  await spool.settle('span', 'logs', { outcome: 'delivered', upTo: ids[1] ?? 0, rejectedPoints: 1 });
  same();
  await spool.release('span', 'logs', true);
  same();
  const [quarantined] = await spool.quarantine.list();
  await spool.quarantine.retry(quarantined?.id ?? 0);
  same();
  await spool.setLimits({ maxBytes: 1, maxAgeMs: 1e12 });
  same();
  expect(spool.books().pending.every(({ requests }) => requests === 0)).toBe(true);
});

test('destinations that ask together get the same memory, read, copied and posted once', async () => {
  const { spool } = await openTestSpool(stateFolder(), {
    destinations: [...toSpan, { name: 'collector', signals: ['logs'] }],
  });
  await Promise.all([1, 2, 3].map((at) => spool.accept(log(at))));
  const [one, other] = await Promise.all([spool.pick('span', 'logs', batch), spool.pick('collector', 'logs', batch)]);
  expect(one?.requests).toHaveLength(3);
  expect(other?.body.buffer).toBe(one?.body.buffer);
});

test('what is in quarantine can be seen, and is told with the books', async () => {
  const { spool } = await openTestSpool(stateFolder());
  const id = await spool.accept(log(7));
  await spool.pick('span', 'logs', batch);
  await spool.settle('span', 'logs', { outcome: 'quarantined', upTo: id, status: 422, message: 'no such metric' });
  expect(spool.books().quarantined).toEqual([{ destination: 'span', requests: 1, points: 2 }]);
  const [request] = await spool.quarantine.list('span');
  expect(request).toMatchObject({ status: 422, message: 'no such metric', bytes: 500 });
  expect(await spool.quarantine.list('collector')).toEqual([]);
  expect((await spool.quarantine.payload(request?.id ?? 0))?.body).toEqual(payload(7, 500));
  expect(await spool.quarantine.payload(99)).toBeUndefined();
  expect(await spool.quarantine.discard(request?.id ?? 0)).toBe(true);
  expect(spool.books().quarantined).toEqual([]);
  expect(logsOf(spool).dropped.discarded).toBe(2);
});

test('refused points are booked soon, and before the spool is closed', async () => {
  const folder = stateFolder();
  const { spool } = await openTestSpool(folder);
  spool.refuse('logs', 3);
  spool.refuse('logs', 4);
  await until('the refusal is booked', () => logsOf(spool).refused === 7);
  spool.refuse('traces', 5);
  await spool.close();
  expect(onDisk(folder).map(({ refused }) => refused)).toEqual([0, 7, 5]);
});

test('closing waits for what was accepted before it, and refuses what comes after', async () => {
  const folder = stateFolder();
  const { spool } = await openTestSpool(folder);
  const accepted = Promise.all(Array.from({ length: 3000 }, (_, at) => spool.accept(log(at))));
  const closed = spool.close();
  await expect(spool.accept(log(1))).rejects.toMatchObject({ kind: 'closed' });
  await closed;
  expect(new Set(await accepted).size).toBe(3000);
  expect(spool.close()).toBe(closed);
  await expect(spool.pick('span', 'logs', batch)).rejects.toBeInstanceOf(SpoolError);
  await expect(spool.verify()).rejects.toMatchObject({ kind: 'closed' });
  const again = await openTestSpool(folder);
  expect((await drain(again.spool)).size).toBe(3000);
});

test('everything that is asked before it is open is answered when it is', async () => {
  const { spool, events } = await openTestSpool(stateFolder());
  expect(events.map(({ kind }) => kind)).toEqual(['ready', 'owed']);
  expect(await spool.verify()).toEqual([]);
});

test('an accept of a large body and many small ones keep their contents apart', async () => {
  const { spool } = await openTestSpool(stateFolder());
  const sizes = [9_000_000, 1, 0, 70_000, 2];
  const ids = await Promise.all(
    sizes.map((size, at) => spool.accept({ signal: 'traces', points: at, body: payload(at, size) })),
  );
  const out = await drain(spool);
  for (const [at, id] of ids.entries())
    expect(Buffer.compare(out.get(id) ?? Buffer.alloc(3), payload(at, sizes[at] ?? 0))).toBe(0);
});

/** A spool whose threads the test can end. */
async function openMortal(folder: string) {
  const ports: Port[] = [];
  const events: SpoolEvent[] = [];
  const limits = { maxBytes: 256 * 1024 * 1024, maxAgeMs: 1e12 };
  const spool = new SpoolClient({
    service: { folder, limits, destinations: [] },
    log: silentLog,
    integrityCheckAfterMs: 0,
    findDamage: () => Promise.resolve(undefined),
    connect: (service) => {
      const port = workerPort(service);
      ports.push(port);
      return port;
    },
  });
  spool.on((event) => void events.push(event));
  onTestFinished(() => spool.close());
  await spool.setDestinations(toSpan);
  return { spool, events, ports, endThread: () => ports.at(-1)?.end() };
}

async function acceptWithoutEnd(spool: Spool, isOver: () => boolean): Promise<{ kept: number[]; failed: number }> {
  const kept: number[] = [];
  let failed = 0;
  const one = async () => {
    while (!isOver()) {
      try {
        kept.push(await spool.accept(log(kept.length)));
      } catch {
        failed++;
      }
    }
  };
  await Promise.all(Array.from({ length: 16 }, one));
  return { kept, failed };
}

test('a thread that dies is started again, and what was acknowledged is still there', async () => {
  const { spool, events, ports, endThread } = await openMortal(stateFolder());
  let isOver = false;
  const sending = acceptWithoutEnd(spool, () => isOver);
  for (let deaths = 1; deaths <= 3; deaths++) {
    const before = logsOf(spool).accepted;
    await until('something is accepted', () => logsOf(spool).accepted > before + 200);
    endThread();
    await until('there is a new thread', () => ports.length > deaths);
  }
  const before = logsOf(spool).accepted;
  await until('something is accepted', () => logsOf(spool).accepted > before + 200);
  isOver = true;
  const { kept, failed } = await sending;
  expect(events.filter(({ kind }) => kind === 'unavailable')).toHaveLength(3);
  const out = await drain(spool);
  for (const id of kept) expect(out.has(id)).toBe(true);
  expect(out.size).toBeLessThanOrEqual(kept.length + failed);
  expect(await contradictions(spool)).toEqual([]);
});

test('what is asked while there is no thread is answered by the next one', async () => {
  const { spool, events, endThread } = await openMortal(stateFolder());
  await spool.accept(log(1));
  await spool.pick('span', 'logs', batch);
  endThread();
  await until('the thread has ended', () => events.some(({ kind }) => kind === 'unavailable'));
  const answers = await Promise.all([spool.accept(log(2)), spool.pick('span', 'logs', batch), spool.verify()]);
  expect(answers[0]).toBeGreaterThan(0);
  expect(answers[1]?.requests.length).toBeGreaterThan(0);
  expect(answers[2]).toEqual([]);
  expect(logsOf(spool)).toMatchObject({ accepted: 4, resent: 2 });
});

test('closing while there is no thread still commits what waits', async () => {
  const folder = stateFolder();
  const { spool, events, endThread } = await openMortal(folder);
  endThread();
  await until('the thread has ended', () => events.some(({ kind }) => kind === 'unavailable'));
  const accepted = spool.accept(log(1));
  spool.refuse('logs', 5);
  await spool.close();
  expect(await accepted).toBeGreaterThan(0);
  expect(onDisk(folder)[1]).toMatchObject({ accepted: 2, refused: 5 });
});

test('the integrity check raises no false alarm beside a busy writer', async () => {
  const folder = stateFolder();
  const { spool } = await openTestSpool(folder, { limits: { maxBytes: 4_000_000, maxAgeMs: 1e12 } });
  await fill(spool, 500);
  let isOver = false;
  const sending = acceptWithoutEnd(spool, () => isOver);
  const sideWork = (async () => {
    while (!isOver) {
      const picked = await spool.pick('span', 'logs', { ...batch, maxRequests: 20 });
      const upTo = picked?.requests.at(-1)?.id ?? 0;
      await spool.settle('span', 'logs', { outcome: 'delivered', upTo, rejectedPoints: 0 });
      await spool.maintain();
    }
  })();
  for (let checks = 0; checks < 25; checks++) expect(await findDamage(join(folder, 'spool.db'))).toBeUndefined();
  isOver = true;
  await Promise.all([sending, sideWork]);
  expect(await contradictions(spool)).toEqual([]);
  expect(statSync(join(folder, 'spool.db')).size).toBeLessThan(8_000_000);
});

test('in the thread of its caller it does the same', async () => {
  let now = 1_000_000;
  const { spool } = await openTestSpool(stateFolder(), {
    thread: { same: true, now: () => now },
    limits: { maxBytes: 1e9, maxAgeMs: 1000 },
  });
  await fill(spool, 50);
  now += 2000;
  await spool.maintain();
  expect(logsOf(spool)).toMatchObject({ accepted: 100, pending: 0, dropped: { age: 100 } });
  expect((await spool.hours(1)).map(({ dropped }) => dropped.age)).toEqual([100]);
});
