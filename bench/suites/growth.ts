import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../support/children.ts';
import type { Context } from '../support/context.ts';
import { filledFolder } from '../support/filled-folder.ts';
import type { Folder } from '../support/folder.ts';
import { type Load, load, payloadFile } from '../support/load.ts';
import { type Memory, memoryOf } from '../support/process-facts.ts';
import { type Relay, startReadyRelay } from '../support/relay.ts';
import { measureStarts, type StartTimes } from '../support/start-times.ts';
import { median } from '../support/stats.ts';
import { startVendor } from '../support/vendor.ts';

export interface GrowthRow {
  /** Requests in the spool. */
  readonly stored: number;
  readonly diskBytes: number;
  /** Of the oldest MiB, in the spool's own thread. */
  readonly batch: { readonly pickMs: number; readonly settleMs: number };
  readonly start: StartTimes;
  /** Half a minute after the start. */
  readonly memory: Memory;
  readonly statusMs: number;
  /** At 64 connections. */
  readonly accept: Load;
  /** Requests delivered per second, out of so many. */
  readonly drainPerSecond: number;
}

const acceptConnections = 64;
const batches = 15;
const statusCalls = 100;
const drainForMs = 3_000;

/** The same measures with more and more requests stored. */
export async function measureGrowth({ quick, say }: Context): Promise<readonly GrowthRow[]> {
  const sizes = quick ? [1_000, 20_000] : [1_000, 10_000, 100_000, 1_000_000];
  const rows: GrowthRow[] = [];
  for (const stored of sizes) {
    say(`growth: ${stored.toLocaleString('en')} stored requests`);
    rows.push(await measureWith(stored, stored === sizes.at(-1), quick));
  }
  return rows;
}

async function measureWith(stored: number, largest: boolean, quick: boolean): Promise<GrowthRow> {
  await using folder = await filledFolder(stored);
  const batch = await measureBatches(folder);
  const start = await measureStarts(folder, quick ? 3 : largest ? 10 : 5);
  const held = await measureHeld(folder, quick);
  return { stored, diskBytes: folder.diskBytes, batch, start, ...held, drainPerSecond: await measureDrainRate(folder) };
}

function measureBatches(folder: Folder): Promise<GrowthRow['batch']> {
  return runProgram('spool', [join(folder.path, 'state'), payloadFile, 'batches', batches], 60_000);
}

async function measureHeld(folder: Folder, quick: boolean): Promise<Pick<GrowthRow, 'memory' | 'statusMs' | 'accept'>> {
  await using relay = await startReadyRelay(folder.path);
  await sleep(quick ? 3_000 : 30_000);
  const memory = await memoryOf(relay.pid);
  const statusMs = await measureStatus(relay);
  await load(relay.port, acceptConnections, 1);
  return { memory, statusMs, accept: await load(relay.port, acceptConnections, quick ? 1 : 4) };
}

async function measureStatus(relay: Relay): Promise<number> {
  const times: number[] = [];
  for (let call = 0; call < statusCalls; call++) {
    const startedAt = performance.now();
    await relay.status();
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

/** From the first look at what is pending on, so that the start does not count. */
async function measureDrainRate(folder: Folder): Promise<number> {
  await using vendor = await startVendor();
  await using relay = await startReadyRelay(folder.path, { endpoint: vendor.url });
  const first = { pending: await relay.pendingRequests(), at: performance.now() };
  let last = first;
  while (last.pending > 0 && last.at - first.at < drainForMs) {
    await sleep(20);
    last = { pending: await relay.pendingRequests(), at: performance.now() };
  }
  return (first.pending - last.pending) / ((last.at - first.at) / 1_000);
}
