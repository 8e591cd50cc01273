import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync } from 'node:fs';
import { inspectRequest } from '../../src/main/core/otlp/inspect.ts';
import { SpoolEngine } from '../../src/main/core/spool/engine.ts';
import { spoolFiles } from '../../src/main/core/spool/files.ts';
import { signals } from '../../src/shared/signal.ts';
import { median } from '../support/stats.ts';

/**
 * FOLDER FILE COUNT: puts COUNT requests into the spool of a state folder, past HTTP. FOLDER FILE batches TIMES: measures
 * picking and settling the oldest MiB. Prints what it found as JSON.
 */
const [folder = '.', file = '', what = '0', times = '0'] = process.argv.slice(2);
const limits = { maxBytes: 64 * 2 ** 30, maxAgeMs: 30 * 86_400_000 };
const destinations = [{ name: 'span', signals }];
const batchLimits = { maxBytes: 2 ** 20, maxRequests: 1_000 };
const groupRequests = 1_024;
const pattern = readFileSync(file);
const inspection = inspectRequest('metrics', pattern);
if (!inspection.ok) throw new Error(inspection.problem);
const { points } = inspection;
const places = [...pattern.toString('latin1').matchAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g)].map(
  ({ index }) => index,
);

const engine = new SpoolEngine({ folder, limits, destinations, now: Date.now, emit: () => undefined });
engine.change([{ op: 'destinations', destinations }]);
process.stdout.write(`${JSON.stringify(what === 'batches' ? measureBatches(Number(times)) : fill(Number(what)))}\n`);
engine.close();
syncNow();

function fill(count: number) {
  // Nothing here need survive a power cut; the relay's own commits are what is measured.
  engine.store.db.exec('PRAGMA synchronous = OFF');
  for (let left = count; left > 0; left -= groupRequests) accept(Math.min(left, groupRequests));
  return { stored: count, diskBytes: engine.books().usedBytes };
}

function measureBatches(times: number) {
  const pickMs: number[] = [];
  const settleMs: number[] = [];
  for (let time = 0; time < times; time++) {
    const startedAt = performance.now();
    const [outcome] = engine.change([{ op: 'pick', destination: 'span', signal: 'metrics', limits: batchLimits }]);
    const pickedAt = performance.now();
    const batch =
      outcome?.ok && typeof outcome.value === 'object' && 'body' in outcome.value ? outcome.value : undefined;
    const upTo = batch?.requests.at(-1)?.id;
    if (batch === undefined || upTo === undefined) throw new Error('There was nothing to pick.');
    const settlement = { outcome: 'delivered', upTo, rejectedPoints: 0 } as const;
    engine.change([{ op: 'settle', destination: 'span', signal: 'metrics', settlement }]);
    pickMs.push(pickedAt - startedAt);
    settleMs.push(performance.now() - pickedAt);
    // As many as before, for the next time.
    accept(batch.requests.length);
  }
  return { pickMs: median(pickMs), settleMs: median(settleMs) };
}

/** Requests of different sessions, so that they compress no better than real ones. */
function accept(count: number): void {
  const requests = Array.from({ length: count }, () => {
    const body = new Uint8Array(pattern);
    const id = Buffer.from(randomUUID());
    for (const place of places) body.set(id, place);
    return { signal: 0, points, body };
  });
  engine.change([{ op: 'accept', requests }]);
  engine.keepWatermark();
}

/** What the system still holds back would be written while the next thing is measured. */
function syncNow(): void {
  const database = openSync(spoolFiles(folder).database, 'r+');
  fsyncSync(database);
  closeSync(database);
}
