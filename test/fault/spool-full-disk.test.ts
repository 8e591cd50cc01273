import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../../src/main/core/log.ts';
import { openSpool } from '../../src/main/core/spool/open-spool.ts';
import type { Spool } from '../../src/main/core/spool/spool.ts';
import { SpoolError } from '../../src/main/core/spool/spool.ts';
import { contradictions, drain, fill, logsOf, openTestSpool, toSpan } from '../support/open-test-spool.ts';
import { payload } from '../support/payload.ts';
import { smallDisk, whyNoDisk } from '../support/small-disk.ts';
import { until } from '../support/until.ts';
import { pagesOf, scribblePages } from './spool-damage.ts';

const megabyte = 1024 * 1024;

/** Accepts as a receiver does: what is refused is booked as such. Returns how many requests were acknowledged. */
async function send(spool: Spool, count: number, bytes: number): Promise<number> {
  let acknowledged = 0;
  for (let at = 0; at < count; at++) {
    try {
      await spool.accept({ signal: 'logs', points: 2, body: payload(at, bytes) });
      acknowledged++;
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error;
      spool.refuse('logs', 2);
    }
  }
  return acknowledged;
}

for (const kind of ['tmpfs', 'ext4'] as const) {
  const whyNot = whyNoDisk(kind);
  describe.skipIf(whyNot !== undefined)(`a full disk (${whyNot ?? kind})`, () => {
    test('filling it by accepting removes the oldest and goes on acknowledging', async () => {
      const disk = smallDisk(kind, 24);
      const { spool, events } = await openTestSpool(disk.folder);
      const acknowledged = await fill(spool, 12_000);
      expect(acknowledged.size).toBe(12_000);
      const { accepted, level, dropped, refused } = logsOf(spool);
      expect({ accepted, refused }).toEqual({ accepted: 24_000, refused: 0 });
      expect(dropped.quota).toBeGreaterThan(0);
      expect(level.bytes).toBeGreaterThan(8 * megabyte);
      expect(events.filter(({ kind }) => kind === 'disk-full' || kind === 'unavailable')).toEqual([]);
      expect(await contradictions(spool)).toEqual([]);
      const out = await drain(spool);
      expect([...out.keys()]).toEqual([...acknowledged.keys()].slice(-out.size));
      for (const [id, body] of out) expect(body).toEqual(acknowledged.get(id));
    });

    test('what is too large for it is refused, booked, and accepted when there is room again', async () => {
      const disk = smallDisk(kind, 32);
      const { spool, events } = await openTestSpool(disk.folder);
      await send(spool, 100, 3000);
      disk.fillUpTo(0);
      expect(await send(spool, 2, 12 * megabyte)).toBe(0);
      expect(events.map(({ kind }) => kind)).toContain('disk-full');
      await until('the refusal is booked', () => logsOf(spool).refused === 4);
      expect(logsOf(spool)).toMatchObject({ accepted: 200, pending: 200, dropped: { quota: 0 } });
      expect(await contradictions(spool)).toEqual([]);

      disk.clear();
      expect(await send(spool, 1, 8 * megabyte)).toBe(1);
      expect(events.map(({ kind }) => kind)).toContain('disk-ok');
      expect((await drain(spool)).size).toBe(101);
      expect(await contradictions(spool)).toEqual([]);
    });

    test('with no room at all it refuses, still delivers what it has, and resumes by itself', async () => {
      const disk = smallDisk(kind, 24);
      const { spool, events } = await openTestSpool(disk.folder);
      await send(spool, 300, 3000);
      // Whatever the spool gives back to the disk, another program takes at once.
      let acknowledged = 300;
      for (let round = 0; round < 10; round++) {
        disk.fillUpTo(0);
        acknowledged += (await send(spool, 5, 3000)) + (await send(spool, 1, 600_000));
      }
      // One that is larger than all there is.
      expect(await send(spool, 1, 12 * megabyte)).toBe(0);
      await until('the refusals are booked', () => logsOf(spool).refused === (361 - acknowledged) * 2);
      expect(logsOf(spool).accepted).toBe(acknowledged * 2);
      expect(acknowledged).toBeGreaterThan(320);
      expect(await contradictions(spool)).toEqual([]);

      const waiting = logsOf(spool).level.requests;
      expect((await drain(spool)).size).toBe(waiting);
      expect(logsOf(spool).pending).toBe(0);

      disk.clear();
      expect((await fill(spool, 200)).size).toBe(200);
      await spool.maintain();
      expect(statSync(join(disk.folder, 'spool.reserve')).size).toBeGreaterThan(megabyte);
      expect(events.filter(({ kind }) => kind === 'unavailable')).toEqual([]);
      expect(await contradictions(spool)).toEqual([]);
    });

    test('maintenance on it neither fails nor stops the spool', async () => {
      const disk = smallDisk(kind, 24);
      const { spool, events } = await openTestSpool(disk.folder);
      await send(spool, 300, 3000);
      disk.fillUpTo(0);
      await spool.maintain();
      disk.fillUpTo(0);
      await spool.maintain();
      await spool.setLimits({ maxBytes: 500_000, maxAgeMs: 1e12 });
      expect(spool.books().usedBytes).toBeLessThan(500_000);
      expect(events.filter(({ kind }) => kind === 'unavailable')).toEqual([]);
      expect(await contradictions(spool)).toEqual([]);
    });

    test('a process that is killed on it leaves a spool that opens, with everything it acknowledged in the books', async () => {
      const disk = smallDisk(kind, 20);
      const acknowledged = await writeUntilKilled(disk.folder, () => {
        disk.fillUpTo(2 * megabyte);
        return readdirSync(disk.folder).includes('spool.reserve') === false;
      });
      disk.fillUpTo(0);
      const { spool, events } = await openTestSpool(disk.folder);
      expect(events.filter(({ kind }) => kind === 'repaired' || kind === 'unavailable')).toEqual([]);
      const { accepted } = logsOf(spool);
      expect(await contradictions(spool)).toEqual([]);
      expect(accepted).toBeGreaterThanOrEqual(acknowledged.size * 2);
      expect(accepted).toBeLessThanOrEqual(acknowledged.size * 2 + 8 * 2);
      expect(await send(spool, 10, 3000)).toBe(10);
      const out = await drain(spool);
      expect(out.size).toBeGreaterThan(0);
      const oldest = [...out.keys()][0] ?? 0;
      for (const [id, seed] of acknowledged) if (id >= oldest) expect(out.get(id)).toEqual(payload(seed, 3000));
      expect(await contradictions(spool)).toEqual([]);
    });

    test('a repair without room for a copy of the damaged file moves that file instead', async () => {
      const disk = smallDisk(kind, 40);
      const database = await damagedSpool(disk.folder, 3000);
      disk.fillUpTo(statSync(database).size + 3 * megabyte);
      const { spool } = await openTestSpool(disk.folder);
      expect(await contradictions(spool)).toEqual([]);
      expect(logsOf(spool)).toMatchObject({ accepted: 6000, pending: 5998, dropped: { corruption: 2, quota: 0 } });
      const [report] = await spool.repairs();
      expect(report).toMatchObject({ lostPoints: 2, estimated: false });
      expect(existsSync(join(report?.keptIn ?? '', 'spool.db'))).toBe(true);
      expect((await drain(spool)).size).toBe(2999);
    });

    test('a repair without room for what it salvages keeps the newest, and the relay runs', async () => {
      const disk = smallDisk(kind, 40);
      await damagedSpool(disk.folder, 3000);
      disk.fillUpTo(3 * megabyte);
      const { spool } = await openTestSpool(disk.folder);
      expect(await contradictions(spool)).toEqual([]);
      const { accepted, level, dropped } = logsOf(spool);
      expect(accepted).toBe(6000);
      expect(dropped).toMatchObject({ corruption: 2 });
      expect(level.requests).toBeGreaterThan(200);
      const more = await fill(spool, 50);
      const out = await drain(spool);
      for (const id of more.keys()) expect(out.has(id)).toBe(true);
      // Nothing but the oldest was given up.
      expect(dropped.quota).toBeGreaterThan(0);
      expect(Math.min(...out.keys())).toBe(dropped.quota / 2 + 1);
      expect((await spool.repairs())[0]?.keptIn).toBe('');
    });

    test('a start on a disk that is already full waits for room and then runs', async () => {
      const disk = smallDisk(kind, 16);
      disk.fillUpTo(0);
      const limits = { maxBytes: 256 * megabyte, maxAgeMs: 1e12 };
      const spool = openSpool({ folder: disk.folder, limits, log: silentLog, destinations: toSpan });
      onTestFinished(() => spool.close());
      await expect(spool.setDestinations(toSpan)).rejects.toMatchObject({
        kind: expect.stringMatching('unavailable|disk-full'),
      });
      await expect(spool.accept({ signal: 'logs', points: 2, body: payload(1, 3000) })).rejects.toBeInstanceOf(
        SpoolError,
      );
      spool.refuse('logs', 2);
      disk.clear();
      // Nobody has to set the destinations again.
      await until('a request is accepted', async () => (await send(spool, 1, 3000)) === 1);
      expect(await contradictions(spool)).toEqual([]);
      expect((await drain(spool)).size).toBe(1);
      await until('the refusals are booked', () => logsOf(spool).refused >= 2);
    });
  });
}

/** A spool of that many requests that has lost one of its pages, found at the next start. */
async function damagedSpool(folder: string, requests: number): Promise<string> {
  const database = join(folder, 'spool.db');
  const { spool } = await openTestSpool(folder);
  await fill(spool, requests);
  await spool.close();
  scribblePages(database, [
    ...pagesOf(database, 'request', 'leaf').slice(1500, 1501),
    ...pagesOf(database, 'state', 'leaf'),
  ]);
  return database;
}

/** The seeds of the acknowledged requests by id. Kills the writer some acknowledgements after `isTime` says so. */
async function writeUntilKilled(folder: string, isTime: () => boolean): Promise<Map<number, number>> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'spool-writer.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void writer.kill('SIGKILL'));
  const exited = once(writer, 'exit');
  const acknowledged = new Map<number, number>();
  let left = Number.POSITIVE_INFINITY;
  for await (const line of createInterface({ input: writer.stdout })) {
    const [id, seed] = line.split(' ').map(Number);
    if (id !== undefined && seed !== undefined) acknowledged.set(id, seed);
    if (left === Number.POSITIVE_INFINITY && acknowledged.size % 100 === 0 && isTime()) left = 1000;
    left--;
    if (left === 0) writer.kill('SIGKILL');
  }
  await exited;
  return acknowledged;
}
