import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../support/context.ts';
import { filledFolder } from '../support/filled-folder.ts';
import { type Folder, temporaryFolder } from '../support/folder.ts';
import { type Relay, startReadyRelay, startRelay, writeConfig } from '../support/relay.ts';
import { median } from '../support/stats.ts';
import { startVendor } from '../support/vendor.ts';

export interface Drain {
  readonly requests: number;
  readonly repetitions: number;
  /** From the start of the process to nothing pending. */
  readonly cleanMs: number;
  /** After the vendor has refused with 503 for a while: from the first request that it took to nothing pending. */
  readonly afterOutageMs: number;
  /** From the vendor's return to the first request that it took: the backoff. */
  readonly backoffMs: number;
  /** `cleanMs` over the other protocols, each once. */
  readonly otherProtocols: readonly { readonly protocol: string; readonly cleanMs: number }[];
}

const pollEveryMs = 10;
const drainWithinMs = 60_000;

/** How fast a backlog leaves: a relay that starts with a vendor that is up, and one that sees its vendor come back. */
export async function measureDrain({ quick, say }: Context): Promise<Drain> {
  const requests = quick ? 10_000 : 100_000;
  const repetitions = quick ? 1 : 3;
  say(`drain: storing ${requests} requests`);
  await using full = await filledFolder(requests);
  const clean: number[] = [];
  const outages: Awaited<ReturnType<typeof afterOutage>>[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    say(`drain: repetition ${repetition} of ${repetitions}`);
    clean.push(await withCopy(full, (folder) => cleanDrain(folder)));
    outages.push(await withCopy(full, afterOutage));
  }
  const otherProtocols: Drain['otherProtocols'][number][] = [];
  for (const protocol of ['http/json', 'grpc']) {
    say(`drain: over ${protocol}`);
    otherProtocols.push({ protocol, cleanMs: await withCopy(full, (folder) => cleanDrain(folder, protocol)) });
  }
  return {
    otherProtocols,
    requests,
    repetitions,
    cleanMs: median(clean),
    afterOutageMs: median(outages.map(({ drainMs }) => drainMs)),
    backoffMs: median(outages.map(({ backoffMs }) => backoffMs)),
  };
}

async function withCopy<T>(full: Folder, measure: (folder: Folder) => Promise<T>): Promise<T> {
  await using folder = await temporaryFolder();
  await cp(join(full.path, 'state'), join(folder.path, 'state'), { recursive: true });
  return await measure(folder);
}

async function cleanDrain(folder: Folder, protocol = 'http/protobuf'): Promise<number> {
  await using vendor = await startVendor(protocol === 'grpc' ? 'grpc-vendor' : 'vendor');
  await writeConfig(folder.path, { destinations: [{ name: 'span', endpoint: vendor.url, protocol }] });
  const startedAt = performance.now();
  await using relay = startRelay(folder.path);
  await relay.ready;
  await drained(relay);
  return performance.now() - startedAt;
}

async function afterOutage(folder: Folder): Promise<{ drainMs: number; backoffMs: number }> {
  await using vendor = await startVendor();
  await vendor.answer(503);
  await using relay = await startReadyRelay(folder.path, { endpoint: vendor.url });
  while ((await relay.status()).destinations[0]?.state !== 'retrying') await sleep(pollEveryMs);
  await vendor.answer(200);
  const backAt = performance.timeOrigin + performance.now();
  await drained(relay);
  const drainedAt = performance.timeOrigin + performance.now();
  const { firstAt } = await vendor.count();
  return { drainMs: drainedAt - (firstAt ?? Number.NaN), backoffMs: (firstAt ?? Number.NaN) - backAt };
}

async function drained(relay: Relay): Promise<void> {
  const deadline = performance.now() + drainWithinMs;
  while ((await relay.pendingRequests()) > 0) {
    if (performance.now() > deadline) throw new Error(`Not drained within ${drainWithinMs} ms.`);
    await sleep(pollEveryMs);
  }
}
