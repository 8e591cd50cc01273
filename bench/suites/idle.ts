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
  /** `peak` is what counts. */
  readonly underLoad: Memory;
  /** Half a minute after the load, with everything delivered or still on its way. */
  readonly afterLoad: Memory;
}

/** One relay with a destination that is up: at rest, under load, at rest again. */
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
  await load(relay.port, 64, quick ? 2 : 10);
  const underLoad = await memoryOf(relay.pid);
  await sleep(restMs);
  const afterLoad = await memoryOf(relay.pid);
  return { memory, cpu: { overSeconds, share: used / elapsedSeconds }, underLoad, afterLoad };
}
