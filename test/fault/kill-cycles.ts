import { setTimeout as sleep } from 'node:timers/promises';
import { imbalance, type LedgerRow } from '../../src/shared/ledger.ts';
import { seededRandom } from '../support/random.ts';
import { freePort, makeHome, type Relay, startRelay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { type FlakyVendor, startFlakyVendor } from './flaky-vendor.ts';
import { type Senders, startSenders } from './senders.ts';

export interface KillOptions {
  readonly cycles: number;
  readonly senders: number;
  readonly seed: number;
  /** Told after every cycle. */
  readonly onCycle?: (cycle: number, words: string) => void;
}

export interface KillReport {
  readonly kills: number;
  /** Of them, while the relay was still starting. */
  readonly killsWhileStarting: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly refused: Senders['refused'];
  readonly broken: Senders['broken'];
  /** Acknowledged and never arrived. */
  readonly lost: number;
  /** Never sent and yet arrived. */
  readonly invented: number;
  readonly arrived: number;
  /** Arrivals beyond the first of their kind. */
  readonly duplicates: number;
  /** What the ledger says of points that may have arrived twice: never fewer than did. */
  readonly resent: number;
  readonly accepted: number;
  readonly delivered: number;
  /** What was wrong with the books after a restart; empty when they always balanced. */
  readonly problems: readonly string[];
  readonly vendor: FlakyVendor['deeds'];
  readonly tookMs: number;
}

/** One kill in so many hits the relay before it is ready. */
const startKillEvery = 5;
const vendorCrashEvery = 4;

/** Kills the relay under load, again and again, and compares what it acknowledged with what arrived. */
export async function runKillCycles({ cycles, senders: count, seed, onCycle }: KillOptions): Promise<KillReport> {
  const startMs = performance.now();
  const random = seededRandom(seed);
  const vendor = await startFlakyVendor(seededRandom(seed + 1));
  const [port, grpcPort] = [await freePort(), await freePort()];
  await using home = await makeHome({
    listen: { http: port, grpc: grpcPort },
    destinations: [{ name: 'vendor', endpoint: vendor.url }],
  });
  const senders = startSenders({ port, grpcPort, count });
  const problems: string[] = [];
  let killsWhileStarting = 0;
  let relay = startRelay(home);
  try {
    for (let cycle = 1; cycle <= cycles; cycle++) {
      if (cycle % vendorCrashEvery === 0) await vendor.crash();
      const whileStarting = cycle % startKillEvery === 0;
      const moment = Math.floor(whileStarting ? 100 + random() * 600 : 10 + random() * 390);
      if (whileStarting) {
        killsWhileStarting++;
        await sleep(moment);
      } else {
        await relay.ready;
        await examine(relay, senders, `cycle ${cycle}`, problems);
        await sleep(moment);
      }
      await relay.kill();
      await vendor.comeBack();
      relay = startRelay(home);
      onCycle?.(
        cycle,
        `killed ${moment} ms after the ${whileStarting ? 'start' : 'check'}, ${senders.acknowledged.size} acknowledged`,
      );
    }
    await senders.stop();
    vendor.behave();
    await relay.ready;
    await examine(relay, senders, 'the end', problems);
    await until('everything is delivered', async () => total(await books(relay), 'pending') === 0, 60_000);
    const rows = await books(relay);
    return {
      kills: cycles,
      killsWhileStarting,
      sent: senders.sent,
      acknowledged: senders.acknowledged.size,
      refused: senders.refused,
      broken: senders.broken,
      lost: [...senders.acknowledged].filter((number) => !vendor.arrivals.has(number)).length,
      invented: [...vendor.arrivals.keys()].filter((number) => number >= senders.sent).length,
      arrived: vendor.arrivals.size,
      duplicates: [...vendor.arrivals.values()].reduce((sum, times) => sum + times - 1, 0),
      resent: total(rows, 'resent'),
      accepted: total(rows, 'accepted'),
      delivered: total(rows, 'delivered'),
      problems,
      vendor: vendor.deeds,
      tookMs: Math.round(performance.now() - startMs),
    };
  } finally {
    await senders.stop();
    await relay.kill();
    await vendor.stop();
  }
}

/** The books after a restart: every row balances, the recount agrees, and nothing acknowledged is missing from them. */
async function examine(relay: Relay, senders: Senders, when: string, problems: string[]): Promise<void> {
  const acknowledged = senders.acknowledged.size;
  const { problems: found } = await relay.call('verify', {});
  const rows = await books(relay);
  problems.push(...found.map((problem) => `${when}: ${problem}`));
  for (const row of rows) {
    if (imbalance(row) !== 0) problems.push(`${when}: ${row.signal} is off by ${imbalance(row)}`);
  }
  const accepted = total(rows, 'accepted');
  if (accepted < acknowledged) problems.push(`${when}: ${accepted} in the books, ${acknowledged} acknowledged`);
}

async function books(relay: Relay): Promise<readonly LedgerRow[]> {
  return (await relay.call('ledger', {})).ledger;
}

function total(rows: readonly LedgerRow[], flow: 'accepted' | 'delivered' | 'pending' | 'resent'): number {
  return rows.reduce((sum, row) => sum + row[flow], 0);
}
