import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram, startProgram } from '../support/children.ts';
import type { Context } from '../support/context.ts';
import { temporaryFolder } from '../support/folder.ts';
import { generator, type Load, load, medianLoad, payloadFile } from '../support/load.ts';
import { startReadyRelay } from '../support/relay.ts';
import { median } from '../support/stats.ts';
import { startVendor } from '../support/vendor.ts';

export interface ThroughputRow {
  readonly connections: number;
  readonly relay: Load;
  /** The same receiver, which throws the body away. */
  readonly discarding: Load;
  /** Writes and syncs of a plain file, with as many requests per sync as there are connections. */
  readonly rawPerSecond: number;
  /** The relay with the Node client in the place of wrk. */
  readonly byNodeClient: Load;
  readonly ofDiscarding: number;
  readonly ofRaw: number;
}

export interface Throughput {
  readonly generator: string;
  readonly repetitions: number;
  readonly rows: readonly ThroughputRow[];
  /** At 64 connections, with a destination that is up and takes everything meanwhile. */
  readonly delivering: Load & { readonly deliveredPerSecond: number };
}

const connectionCounts = [1, 16, 64, 256];
const deliveringConnections = 64;
/** The spool reads its whole file 10 s after the start, once; that shall not fall on one row only. */
const settledAfterMs = 11_000;

/** Acknowledged requests per second, each measure beside its yardsticks, in turn. */
export async function measureThroughput({ quick, say }: Context): Promise<Throughput> {
  const repetitions = quick ? 1 : 3;
  const seconds = quick ? 1 : 3;
  const relays: Load[][] = connectionCounts.map(() => []);
  const discards: Load[][] = connectionCounts.map(() => []);
  const raws: number[][] = connectionCounts.map(() => []);
  const clients: Load[][] = connectionCounts.map(() => []);
  const deliveries: (Load & { deliveredPerSecond: number })[] = [];

  for (let repetition = 1; repetition <= repetitions; repetition++) {
    say(`throughput, repetition ${repetition} of ${repetitions}`);
    await using folder = await temporaryFolder();
    await using relay = await startReadyRelay(folder.path);
    const settled = sleep(quick ? 0 : settledAfterMs);
    await using discarding = startProgram('discard-server');
    const discardPort = Number((await discarding.line(/^\d+$/))[0]);
    for (const [at, connections] of connectionCounts.entries()) {
      const args = [folder.path, connections, seconds / 2, payloadFile];
      raws[at]?.push((await runProgram<{ perSecond: number }>('raw-disk', args, 30_000)).perSecond);
    }
    await load(discardPort, 64, seconds / 2 < 1 ? 1 : 2);
    await settled;
    await load(relay.port, 64, quick ? 1 : 2);
    for (const [at, connections] of connectionCounts.entries()) {
      relays[at]?.push(await load(relay.port, connections, seconds));
      discards[at]?.push(await load(discardPort, connections, seconds));
      clients[at]?.push(await load(relay.port, connections, seconds, 'node'));
    }
    deliveries.push(await measureDelivering(quick));
  }

  const rows = connectionCounts.map((connections, at) => {
    const relay = medianLoad(relays[at] ?? []);
    const discarding = medianLoad(discards[at] ?? []);
    const rawPerSecond = median(raws[at] ?? []);
    return {
      connections,
      relay,
      discarding,
      rawPerSecond,
      byNodeClient: medianLoad(clients[at] ?? []),
      ofDiscarding: relay.perSecond / discarding.perSecond,
      ofRaw: relay.perSecond / rawPerSecond,
    };
  });
  const delivering = {
    ...medianLoad(deliveries),
    deliveredPerSecond: median(deliveries.map(({ deliveredPerSecond }) => deliveredPerSecond)),
  };
  return { generator, repetitions, rows, delivering };
}

async function measureDelivering(quick: boolean): Promise<Load & { deliveredPerSecond: number }> {
  await using folder = await temporaryFolder();
  await using vendor = await startVendor();
  await using relay = await startReadyRelay(folder.path, { endpoint: vendor.url });
  await load(relay.port, deliveringConnections, quick ? 1 : 2);
  const delivered = async () => {
    const { ledger } = await relay.status();
    return ledger.reduce((sum, row) => sum + row.delivered, 0);
  };
  const { ledger } = await relay.status();
  const accepted = ledger.reduce((sum, row) => sum + row.accepted, 0);
  const before = await delivered();
  const startedAt = performance.now();
  const seen = await load(relay.port, deliveringConnections, quick ? 2 : 4);
  const elapsedSeconds = (performance.now() - startedAt) / 1_000;
  const after = await relay.status();
  // The books are in data points; every request of the load has equally many.
  const acceptedNow = after.ledger.reduce((sum, row) => sum + row.accepted, 0) - accepted;
  const deliveredNow = after.ledger.reduce((sum, row) => sum + row.delivered, 0) - before;
  const requests = seen.perSecond * elapsedSeconds;
  return { ...seen, deliveredPerSecond: ((deliveredNow / acceptedNow) * requests) / elapsedSeconds };
}
