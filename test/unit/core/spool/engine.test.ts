import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { type Change, SpoolEngine } from '../../../../src/main/core/spool/engine.ts';
import type { Batch, Settlement, SpoolDestination, SpoolEvent } from '../../../../src/main/core/spool/spool.ts';
import { type Signal, signals } from '../../../../src/shared/signal.ts';
import { payload } from '../../../support/payload.ts';
import { stateFolder } from '../../../support/spool-folder.ts';

const dayMs = 86_400_000;
const generous = { maxBytes: 1_000_000_000, maxAgeMs: 30 * dayMs };

/** An engine with short words for what the tests do to it. */
function openEngine({ folder = stateFolder(), limits = generous, names = ['span'] } = {}) {
  let now = Date.UTC(2026, 0, 15, 10);
  const events: SpoolEvent[] = [];
  const destinations = names.map((name) => ({ name, signals }));
  const open = () =>
    new SpoolEngine({ folder, limits, destinations, emit: (event) => void events.push(event), now: () => now });
  let engine = open();
  onTestFinished(() => engine.close());
  const change = (...changes: readonly Change[]) =>
    engine.change(changes).map((outcome) => {
      if (!outcome.ok) throw new Error(outcome.message);
      return outcome.value;
    });
  const toAll = (list: readonly SpoolDestination[]) => change({ op: 'destinations', destinations: list });
  toAll(destinations);
  const book = (destination = 'span', signal: Signal = 'logs') => {
    const row = engine.books().ledger.find((one) => one.destination === destination && one.signal === signal);
    if (!row) throw new Error(`${destination} has no books`);
    return row;
  };
  return {
    events,
    folder,
    book,
    toAll,
    change,
    get engine() {
      return engine;
    },
    turnClock: (ms: number) => {
      now += ms;
    },
    reopen: () => {
      engine.close();
      engine = open();
    },
    accept: (count: number, bytes = 3000, signal: Signal = 'logs') => {
      const one = (at: number) => ({ signal: signals.indexOf(signal), points: 2, body: payload(at, bytes) });
      return change({ op: 'accept', requests: Array.from({ length: count }, (_, at) => one(at)) })[0] as number[];
    },
    pick: (destination = 'span', maxRequests = 1000, signal: Signal = 'logs') =>
      (
        change({ op: 'pick', destination, signal, limits: { maxBytes: 1e9, maxRequests } })[0] as Batch | undefined
      )?.requests.map(({ id }) => id) ?? [],
    settle: (upTo: number, destination = 'span', settlement: Partial<Settlement> = {}) =>
      change({
        op: 'settle',
        destination,
        signal: 'logs',
        settlement: { outcome: 'delivered', rejectedPoints: 0, ...settlement, upTo } as Settlement,
      }),
    quarantine: (id: number, destination = 'span') =>
      change({
        op: 'settle',
        destination,
        signal: 'logs',
        settlement: { outcome: 'quarantined', upTo: id, status: 400, message: 'malformed' },
      }),
    maintain: () => {
      while (engine.maintainStep());
    },
    stored: () =>
      engine.store.db
        .prepare('SELECT id FROM request ORDER BY id')
        .all()
        .map((row) => Number(row.id)),
  };
}

test('the quota removes the oldest first, over all signals, and never what is in flight or has just come', () => {
  const spool = openEngine({ limits: { ...generous, maxBytes: 400_000 } });
  const logs = spool.accept(20);
  const traces = spool.accept(20, 3000, 'traces');
  expect(spool.pick('span', 3)).toEqual(logs.slice(0, 3));
  const fresh = spool.accept(80);
  const stored = spool.stored();
  expect(stored.slice(0, 3)).toEqual(logs.slice(0, 3));
  expect(stored).toEqual(expect.arrayContaining(fresh));
  expect(stored).not.toContain(traces[0]);
  const old = [...logs.slice(3), ...traces];
  const kept = old.filter((id) => stored.includes(id));
  expect(kept).toEqual(old.slice(old.length - kept.length));
  expect(spool.engine.verify()).toEqual([]);
  expect(spool.book('span', 'logs').dropped.quota + spool.book('span', 'traces').dropped.quota).toBe(
    (120 - stored.length) * 2,
  );
});

test('usedBytes stays within the quota after every commit', () => {
  const maxBytes = 500_000;
  const spool = openEngine({ limits: { ...generous, maxBytes } });
  for (let at = 0; at < 60; at++) {
    spool.accept(1 + (at % 9), 100 + (at % 7) * 1500);
    expect(spool.engine.books().usedBytes).toBeLessThanOrEqual(maxBytes);
  }
  expect(spool.book().dropped.quota).toBeGreaterThan(0);
});

test('the quota removes no more of large requests than it has to', () => {
  const spool = openEngine({ limits: { ...generous, maxBytes: 10_000_000 } });
  spool.accept(12, 1_000_000);
  spool.accept(1, 1_000_000);
  expect(spool.stored().length).toBeGreaterThanOrEqual(8);
});

test('empty requests count too', () => {
  const spool = openEngine({ limits: { ...generous, maxBytes: 300_000 } });
  for (let at = 0; at < 40; at++) spool.accept(500, 0);
  expect(spool.engine.books().usedBytes).toBeLessThanOrEqual(300_000);
  expect(spool.engine.verify()).toEqual([]);
});

test('one eviction is told once, with its points', () => {
  const spool = openEngine({ limits: { ...generous, maxBytes: 400_000 } });
  spool.accept(90);
  spool.accept(40);
  const dropped = spool.events.filter(({ kind }) => kind === 'dropped');
  expect(dropped).toEqual([{ kind: 'dropped', cause: 'quota', points: spool.book().dropped.quota }]);
});

test('what is older than retention allows goes as age, except what is in flight', () => {
  const spool = openEngine();
  const old = spool.accept(10);
  spool.turnClock(29 * dayMs);
  const young = spool.accept(5);
  spool.pick('span', 2);
  spool.turnClock(2 * dayMs);
  spool.maintain();
  expect(spool.stored()).toEqual([...old.slice(0, 2), ...young]);
  expect(spool.book().dropped.age).toBe(16);
  expect(spool.engine.verify()).toEqual([]);
});

test('a clock that was set back expires nothing', () => {
  const spool = openEngine();
  spool.accept(10);
  spool.turnClock(-400 * dayMs);
  spool.maintain();
  expect(spool.book().pending).toBe(20);
});

test('hours older than 35 days are forgotten, the totals are not', () => {
  const spool = openEngine();
  spool.accept(10);
  spool.turnClock(36 * dayMs);
  spool.accept(1);
  spool.maintain();
  expect(spool.engine.hours(10_000).map(({ accepted }) => accepted)).toEqual([2]);
  expect(spool.book().accepted).toBe(22);
});

test('the disk gets its space back after a drain', () => {
  const spool = openEngine();
  const ids = spool.accept(1000);
  spool.maintain();
  const full = statSync(join(spool.folder, 'spool.db')).size;
  spool.pick('span', 1000);
  spool.settle(ids.at(-1) ?? 0);
  spool.maintain();
  expect(statSync(join(spool.folder, 'spool.db')).size).toBeLessThan(full / 2);
  expect(statSync(join(spool.folder, 'spool.db-wal')).size).toBe(0);
});

test('two destinations share one stored payload, and it goes when both have it', () => {
  const spool = openEngine({ names: ['span', 'collector'] });
  const ids = spool.accept(4);
  expect(spool.stored()).toEqual(ids);
  spool.pick('span');
  spool.settle(ids[3] ?? 0, 'span');
  expect(spool.stored()).toEqual(ids);
  spool.pick('collector');
  spool.settle(ids[1] ?? 0, 'collector');
  expect(spool.stored()).toEqual(ids.slice(2));
});

test('a destination that is down keeps nothing on the disk that is for another one alone', () => {
  const spool = openEngine({ names: ['span', 'down'] });
  const shared = spool.accept(2);
  spool.toAll([{ name: 'span', signals }]);
  const alone = spool.accept(3);
  spool.pick('span');
  spool.settle(alone[2] ?? 0, 'span');
  expect(spool.stored()).toEqual(shared);
  expect(spool.engine.verify()).toEqual([]);
});

test('a retried copy goes with its own delivery, also while another destination is behind it', () => {
  const spool = openEngine({ names: ['span', 'down'] });
  const [first = 0] = spool.accept(1);
  spool.pick('span');
  spool.quarantine(first, 'span');
  const [copy] = spool.engine.quarantineList();
  spool.change({ op: 'retry', id: copy?.id ?? 0 });
  spool.accept(1);
  const [retried = 0] = spool.pick('span', 1);
  expect(retried).toBeGreaterThan(first);
  spool.settle(retried, 'span');
  expect(spool.stored()).not.toContain(retried);
  expect(spool.engine.verify()).toEqual([]);
});

test('what one destination has read and the quota has taken since is not given to another', () => {
  const spool = openEngine({ names: ['span', 'collector'], limits: { ...generous, maxBytes: 400_000 } });
  const ids = spool.accept(10);
  expect(spool.pick('span', 2)).toEqual(ids.slice(0, 2));
  spool.change({ op: 'release', destination: 'span', signal: 'logs', possiblySent: false });
  spool.accept(110);
  const [oldest = 0] = spool.stored();
  expect(oldest).toBeGreaterThan(ids[1] ?? 0);
  expect(spool.pick('collector', 2)).toEqual([oldest, oldest + 1]);
  expect(spool.engine.verify()).toEqual([]);
});

test('what is for one destination alone is not given to another that stands at the same place', () => {
  const spool = openEngine({ names: ['span', 'collector'] });
  const [first = 0] = spool.accept(1);
  spool.pick('span');
  spool.quarantine(first, 'span');
  spool.pick('collector');
  spool.settle(first, 'collector');
  spool.change({ op: 'retry', id: spool.engine.quarantineList()[0]?.id ?? 0 });
  const [next = 0] = spool.accept(1);
  expect(spool.pick('span')).toEqual([next - 1, next]);
  expect(spool.pick('collector')).toEqual([next]);
  expect(spool.engine.verify()).toEqual([]);
});

test('destinations that stand at the same place are given the same memory', () => {
  const spool = openEngine({ names: ['span', 'collector'] });
  spool.accept(3);
  const limits = { maxBytes: 1e9, maxRequests: 1000 };
  const pick = (destination: string): Change => ({ op: 'pick', destination, signal: 'logs', limits });
  const [one, other] = spool.change(pick('span'), pick('collector')) as Batch[];
  expect(other?.body.buffer).toBe(one?.body.buffer);
});

test('a destination that was removed keeps its backlog, gets nothing new, and goes on when it returns', () => {
  const spool = openEngine({ names: ['span', 'collector'] });
  const before = spool.accept(2);
  spool.toAll([{ name: 'span', signals }]);
  spool.accept(3);
  spool.reopen();
  expect(spool.book('collector')).toMatchObject({ accepted: 4, pending: 4 });
  spool.toAll([
    { name: 'span', signals },
    { name: 'collector', signals: ['logs'] },
  ]);
  const after = spool.accept(1);
  expect(spool.pick('collector')).toEqual([...before, ...after]);
  expect(spool.engine.verify()).toEqual([]);
});

test('the backlog of a removed destination ends by age, and its books say so', () => {
  const spool = openEngine({ names: ['span', 'collector'] });
  spool.accept(2);
  spool.toAll([{ name: 'span', signals }]);
  spool.turnClock(20 * dayMs);
  const young = spool.accept(1);
  spool.turnClock(11 * dayMs);
  spool.maintain();
  expect(spool.book('collector')).toMatchObject({ accepted: 4, pending: 0, dropped: { age: 4 } });
  expect(spool.stored()).toEqual(young);
  spool.toAll([{ name: 'collector', signals }]);
  const after = spool.accept(1);
  expect(spool.pick('collector')).toEqual(after);
  expect(spool.engine.verify()).toEqual([]);
});

test('a settlement ends with what is in flight, however far it says', () => {
  const spool = openEngine();
  const ids = spool.accept(5);
  spool.pick('span', 2);
  spool.settle(1_000_000);
  expect(spool.book()).toMatchObject({ delivered: 4, pending: 6 });
  expect(spool.pick()).toEqual(ids.slice(2));
});

test('a settlement of what is not in flight changes nothing', () => {
  const spool = openEngine();
  const [first = 0] = spool.accept(2);
  spool.settle(first);
  spool.settle(first, 'nobody');
  expect(spool.book()).toMatchObject({ delivered: 0, pending: 4 });
});

test('more rejected points than were sent count as all of them', () => {
  const spool = openEngine();
  const [id = 0] = spool.accept(1);
  spool.pick();
  spool.settle(id, 'span', { rejectedPoints: 99 });
  expect(spool.book()).toMatchObject({ delivered: 0, rejected: 2, pending: 0 });
});

test('what was in flight at the end of the process counts as resent, once', () => {
  const spool = openEngine();
  spool.accept(3);
  spool.pick('span', 2);
  spool.reopen();
  expect(spool.book()).toMatchObject({ resent: 4, pending: 6 });
  spool.reopen();
  expect(spool.book().resent).toBe(4);
});

test('what the quota takes from the quarantine is gone from its count', () => {
  const spool = openEngine({ limits: { ...generous, maxBytes: 400_000 } });
  const ids = spool.accept(3);
  spool.pick();
  for (const id of ids) spool.quarantine(id);
  expect(spool.engine.books().quarantined).toEqual([{ destination: 'span', requests: 3, points: 6 }]);
  spool.accept(90);
  spool.accept(30);
  const left = spool.engine.quarantineList().length;
  expect(left).toBeLessThan(3);
  expect(spool.engine.books().quarantined.reduce((sum, { requests }) => sum + requests, 0)).toBe(left);
  expect(spool.book().rejected).toBe(6);
});

test('a request for which there is no taker is not kept', () => {
  const spool = openEngine();
  spool.toAll([{ name: 'span', signals: ['metrics'] }]);
  expect(spool.accept(2)).toEqual([0, 0]);
  expect(spool.stored()).toEqual([]);
});

test('rows that have disappeared are noticed and booked, and the rest is delivered', () => {
  const spool = openEngine();
  const ids = spool.accept(5);
  const thief = new DatabaseSync(join(spool.folder, 'spool.db'));
  thief.exec(`DELETE FROM request WHERE id IN (${ids.slice(1, 3).join()})`);
  thief.close();
  expect(spool.pick()).toEqual([ids[0], ids[3], ids[4]]);
  spool.settle(ids[4] ?? 0);
  expect(spool.pick()).toEqual([]);
  expect(spool.book()).toMatchObject({ accepted: 10, delivered: 6, pending: 0, dropped: { corruption: 4 } });
  expect(spool.engine.verify()).toEqual([]);
});

test('only its owner can read what it keeps', () => {
  const folder = stateFolder();
  const spool = openEngine({ folder });
  spool.accept(1);
  for (const name of ['spool.db', 'spool.db-wal', 'spool.db-shm', 'spool.watermark', 'spool.reserve']) {
    expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600);
  }
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  spool.engine.repair('to see what it leaves');
  expect(statSync(join(folder, 'spool.db')).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'damaged')).mode & 0o777).toBe(0o700);
});

test('a watermark that cannot be written does not keep anybody waiting', () => {
  const folder = stateFolder();
  mkdirSync(join(folder, 'spool.watermark', 'inside'), { recursive: true });
  const spool = openEngine({ folder });
  spool.accept(1);
  rmSync(join(folder, 'spool.watermark'), { recursive: true });
  spool.accept(1);
  expect(spool.book().pending).toBe(4);
});

const standIn = { name: 'span', signals, placeholder: true };

test('what was kept for nobody in particular goes to the first destination that is configured, books and all', () => {
  const spool = openEngine({ names: [] });
  spool.toAll([standIn]);
  spool.accept(3);
  spool.reopen();
  spool.toAll([
    { name: 'acme', signals },
    { name: 'other', signals },
  ]);
  expect(spool.engine.books().ledger.map(({ destination }) => destination)).not.toContain('span');
  expect(spool.book('acme')).toMatchObject({ accepted: 6, pending: 6 });
  expect(spool.book('other')).toMatchObject({ accepted: 0 });
  const ids = spool.pick('acme');
  expect(ids).toHaveLength(3);
  spool.settle(ids.at(-1) ?? 0, 'acme');
  expect(spool.engine.verify()).toEqual([]);
  spool.toAll([standIn]);
  expect(spool.book('acme')).toMatchObject({ delivered: 6 });
});

test('it joins the queue of a destination that comes back, behind what that is owed', () => {
  const spool = openEngine({ names: ['d'] });
  const own = spool.accept(1);
  spool.toAll([standIn]);
  const kept = spool.accept(3);
  spool.reopen();
  spool.toAll([{ name: 'd', signals }]);
  expect(spool.engine.books().ledger.map(({ destination }) => destination)).not.toContain('span');
  expect(spool.book('d')).toMatchObject({ accepted: 8, pending: 8 });
  const later = spool.accept(1);
  spool.toAll([
    { name: 'd', signals },
    { name: 'e', signals },
  ]);
  expect(spool.pick('d')).toEqual([own, kept, later].flat());
  expect(spool.book('e')).toMatchObject({ accepted: 0 });
  expect(spool.engine.verify()).toEqual([]);
});

test.each(['other', 'known'])('what its name had of its own stays there when it goes to %s', (heir) => {
  const spool = openEngine({ names: ['span', 'known'] });
  spool.accept(2);
  spool.toAll([standIn]);
  spool.accept(3);
  spool.engine.repair('to see whether it keeps them apart');
  spool.toAll([{ name: heir, signals }]);
  expect(spool.book('span')).toMatchObject({ accepted: 4, pending: 4 });
  expect(spool.book(heir)).toMatchObject({ pending: heir === 'known' ? 10 : 6 });
  expect(spool.engine.verify()).toEqual([]);
});

test.each(['d', 'span'])("what %s retried from quarantine meanwhile stays its own, and in no other's way", (owner) => {
  const spool = openEngine({ names: ['d', 'span'] });
  const [bad = 0] = spool.accept(1);
  spool.pick(owner);
  spool.quarantine(bad, owner);
  const other = owner === 'd' ? 'span' : 'd';
  spool.settle(spool.pick(other).at(-1) ?? 0, other);
  spool.toAll([standIn]);
  const before = spool.accept(2);
  spool.change({ op: 'retry', id: spool.engine.quarantineList()[0]?.id ?? 0 });
  const after = spool.accept(1);
  const retried = spool.pick('d');
  expect(retried).toHaveLength(owner === 'd' ? 1 : 0);
  spool.settle(retried.at(-1) ?? 0, 'd');
  spool.toAll([{ name: 'd', signals }]);
  expect(spool.engine.verify()).toEqual([]);
  expect(spool.pick('d')).toEqual([...before, ...after]);
  expect(spool.book('span').pending).toBe(owner === 'span' ? 2 : 0);
});

test('a repair does not forget for whom that was', () => {
  const spool = openEngine({ names: [] });
  spool.toAll([standIn]);
  spool.accept(2);
  spool.engine.repair('for the test');
  spool.toAll([{ name: 'acme', signals }]);
  expect(spool.book('acme')).toMatchObject({ accepted: 4, pending: 4 });
});

test('what was kept for span stays with span once span is configured', () => {
  const spool = openEngine({ names: [] });
  spool.toAll([standIn]);
  spool.accept(1);
  spool.toAll([{ name: 'span', signals }]);
  spool.toAll([{ name: 'acme', signals }]);
  expect(spool.book('span')).toMatchObject({ accepted: 2, pending: 2 });
  expect(spool.book('acme')).toMatchObject({ accepted: 0 });
  expect(spool.engine.verify()).toEqual([]);
});

const renamed = [{ name: 'new', formerly: 'old', signals }];

test('a destination that was renamed goes on with queue, books, history and quarantine, also after a crash', () => {
  const spool = openEngine({ names: ['old'] });
  const ids = spool.accept(5);
  spool.pick('old');
  spool.settle(ids[0] ?? 0, 'old');
  spool.quarantine(ids[1] ?? 0, 'old');
  const [copy] = spool.engine.quarantineList();
  spool.change({ op: 'release', destination: 'old', signal: 'logs', possiblySent: false });
  const hours = spool.engine.hours(1);
  expect(spool.engine.books().quarantined).toEqual([{ destination: 'old', requests: 1, points: 2 }]);

  spool.toAll(renamed);
  expect(spool.engine.books().quarantined).toEqual([{ destination: 'new', requests: 1, points: 2 }]);
  spool.reopen();
  spool.toAll(renamed);

  expect(spool.engine.books().ledger.map(({ destination }) => destination)).toEqual(['new', 'new', 'new']);
  expect(spool.book('new')).toMatchObject({ accepted: 10, delivered: 2, rejected: 2, pending: 6, resent: 0 });
  expect(spool.engine.hours(1)).toEqual(hours.map((row) => ({ ...row, destination: 'new' })));
  expect(spool.engine.quarantineList('new')).toEqual([{ ...copy, destination: 'new' }]);
  expect(spool.change({ op: 'retry', id: copy?.id ?? 0 })).toEqual([true]);
  const fresh = spool.accept(1);
  expect(spool.pick('new')).toEqual([...ids.slice(2), (fresh[0] ?? 0) - 1, ...fresh]);
  expect(spool.engine.verify()).toEqual([]);
  expect(spool.events.filter(({ kind }) => kind === 'renamed')).toEqual([{ kind: 'renamed', from: 'old', to: 'new' }]);
});

test('what is in flight when its destination is renamed is sent again, and counts as resent', () => {
  const spool = openEngine({ names: ['old'] });
  const ids = spool.accept(3);
  spool.pick('old', 2);
  spool.toAll(renamed);
  spool.settle(ids[1] ?? 0, 'old');
  expect(spool.book('new')).toMatchObject({ delivered: 0, pending: 6, resent: 4 });
  expect(spool.pick('new')).toEqual(ids);
});

test('a renamed destination that was set up without its former name takes over as long as it has no books', () => {
  const spool = openEngine({ names: ['old'] });
  const ids = spool.accept(2);
  spool.toAll([{ name: 'new', signals }]);
  spool.toAll(renamed);
  expect(spool.book('new')).toMatchObject({ accepted: 4, pending: 4 });
  expect(spool.pick('new')).toEqual(ids);
  expect(spool.engine.verify()).toEqual([]);
});

test('one that has books keeps them, and the backlog of its former name stays there', () => {
  const spool = openEngine({ names: ['old'] });
  spool.accept(2);
  spool.toAll([{ name: 'new', signals }]);
  spool.accept(1);
  spool.toAll(renamed);
  expect(spool.book('old')).toMatchObject({ accepted: 4, pending: 4 });
  expect(spool.book('new')).toMatchObject({ accepted: 2, pending: 2 });
});

test('a repair that finds no books keeps the quarantine with the destination that was renamed', () => {
  const folder = stateFolder();
  const spool = openEngine({ folder, names: ['old'] });
  const ids = spool.accept(3);
  spool.pick('old');
  spool.quarantine(ids[0] ?? 0, 'old');
  spool.maintain();
  spool.engine.close();
  const thief = new DatabaseSync(join(folder, 'spool.db'));
  thief.exec('DROP TABLE queue');
  thief.close();
  rmSync(join(folder, 'spool.watermark'));

  const repaired = new SpoolEngine({
    folder,
    limits: generous,
    destinations: renamed,
    emit: () => undefined,
    now: Date.now,
  });
  onTestFinished(() => repaired.close());
  repaired.change([{ op: 'destinations', destinations: renamed }]);
  expect(repaired.quarantineList().map(({ destination }) => destination)).toEqual(['new']);
  expect(new Set(repaired.books().ledger.map(({ destination }) => destination))).toEqual(new Set(['new']));
  expect(repaired.verify()).toEqual([]);
});
