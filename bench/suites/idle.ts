import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../support/context.ts';
import { temporaryFolder } from '../support/folder.ts';
import { load } from '../support/load.ts';
import { cpuSecondsOf, type Memory, memoryOf } from '../support/process-facts.ts';
import { startReadyRelay } from '../support/relay.ts';
import { startVendor } from '../support/vendor.ts';

export interface Idle {
  readonly memory: Memory;
  readonly cpu: { readonly overSeconds: number; readonly share: number };
  /** Accepting only: `peak` is what counts here, and for `delivering`. */
  readonly accepting: Memory;
  /** Accepting and delivering at once. */
  readonly delivering: Memory;
  /** Half a minute after that, with everything delivered. */
  readonly afterLoad: Memory;
}

const loadConnections = 64;

/** One relay with a destination that is up: at rest, under load, at rest again; and one that only accepts. */
export async function measureIdle({ quick, say }: Context): Promise<Idle> {
  const restMs = quick ? 3_000 : 30_000;
  const overSeconds = quick ? 5 : 60;
  await using folder = await temporaryFolder();
  await using vendor = await startVendor();
  await using relay = await startReadyRelay(folder.path, { endpoint: vendor.url });

  say('idle: memory');
  await sleep(restMs);
  const memory = await memoryOf(relay.pid);

  say(`idle: processor, over ${overSeconds} s`);
  const before = await cpuSecondsOf(relay.pid);
  const startedAt = performance.now();
  await sleep(overSeconds * 1_000);
  const used = (await cpuSecondsOf(relay.pid)) - before;
  const elapsedSeconds = (performance.now() - startedAt) / 1_000;

  say('idle: memory under load');
  const loadSeconds = quick ? 2 : 10;
  await load(relay.port, loadConnections, loadSeconds);
  const delivering = await memoryOf(relay.pid);
  await sleep(restMs);
  const afterLoad = await memoryOf(relay.pid);
  const accepting = await measureAccepting(loadSeconds);
  return { memory, cpu: { overSeconds, share: used / elapsedSeconds }, accepting, delivering, afterLoad };
}

async function measureAccepting(seconds: number): Promise<Memory> {
  await using folder = await temporaryFolder();
  await using relay = await startReadyRelay(folder.path);
  await load(relay.port, loadConnections, seconds);
  return await memoryOf(relay.pid);
}
