import type { Context } from '../support/context.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type Load, pacedLoad } from '../support/load.ts';
import { cpuSecondsOf, memoryOf } from '../support/process-facts.ts';
import { type RelayConfig, startReadyRelay } from '../support/relay.ts';
import { median } from '../support/stats.ts';
import { startVendor, type Vendor } from '../support/vendor.ts';

export interface DestinationsRow {
  readonly what: string;
  readonly accepted: Load;
  /** Of Claude Code's requests, by one healthy destination: the mean of all of them, and the one that got the fewest. */
  readonly deliveredPerSecond: number;
  readonly fewestPerSecond: number;
  /** Merged requests that all vendors together answered. */
  readonly answeredPerSecond: number;
  /** Of the relay, in cores. */
  readonly cpu: number;
  /** The highest so far, in MB. */
  readonly memoryPeak: number;
}

export interface Destinations {
  readonly perSecond: number;
  readonly repetitions: number;
  readonly single: DestinationsRow;
  readonly ten: DestinationsRow;
}

const offeredPerSecond = 1_000;
const connections = 16;
const healthyCount = 8;
const slowAnswerMs = 2_000;

/** What destinations in trouble, and many at once, take from the healthy ones. */
export async function measureDestinations({ quick, say }: Context): Promise<Destinations> {
  const repetitions = quick ? 1 : 3;
  const seconds = quick ? 2 : 8;
  const singles: DestinationsRow[] = [];
  const tens: DestinationsRow[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    say(`destinations, repetition ${repetition} of ${repetitions}`);
    singles.push(await measure('one destination', ['healthy-1'], () => [], seconds));
    const names = Array.from({ length: healthyCount }, (_, index) => `healthy-${index + 1}`);
    const inTrouble = ({ url }: Vendor) => [
      // Nobody listens on port 1.
      { name: 'down', endpoint: 'http://127.0.0.1:1' },
      { name: 'slow', endpoint: `${url}/after/${slowAnswerMs}` },
    ];
    tens.push(await measure('ten, one of them down and one slow', names, inTrouble, seconds));
  }
  return { perSecond: offeredPerSecond, repetitions, single: medianRow(singles), ten: medianRow(tens) };
}

async function measure(
  what: string,
  healthy: readonly string[],
  others: (vendor: Vendor) => NonNullable<RelayConfig['destinations']>,
  seconds: number,
): Promise<DestinationsRow> {
  await using folder = await temporaryFolder();
  await using vendor = await startVendor();
  const destinations = [...healthy.map((name) => ({ name, endpoint: `${vendor.url}/${name}` })), ...others(vendor)];
  await using relay = await startReadyRelay(folder.path, { destinations });
  const offer = (forSeconds: number) => pacedLoad(relay.port, offeredPerSecond, connections, forSeconds);
  const facts = async () => {
    const { ledger } = await relay.status();
    const delivered = new Map(healthy.map((name) => [name, 0]));
    let accepted = 0;
    for (const row of ledger) {
      if (!delivered.has(row.destination)) continue;
      accepted += row.accepted;
      delivered.set(row.destination, (delivered.get(row.destination) ?? 0) + row.delivered);
    }
    const { answered } = await vendor.count();
    return { atMs: performance.now(), accepted, delivered, answered, cpu: await cpuSecondsOf(relay.pid) };
  };
  await offer(seconds / 4);
  const before = await facts();
  const accepted = await offer(seconds);
  const after = await facts();

  const elapsedSeconds = (after.atMs - before.atMs) / 1_000;
  // The books are in data points; every request of the load has equally many.
  const requests = accepted.perSecond * elapsedSeconds * healthy.length;
  const perPoint = requests / (after.accepted - before.accepted) / elapsedSeconds;
  const rates = healthy.map(
    (name) => ((after.delivered.get(name) ?? 0) - (before.delivered.get(name) ?? 0)) * perPoint,
  );
  return {
    what,
    accepted,
    deliveredPerSecond: rates.reduce((sum, rate) => sum + rate, 0) / rates.length,
    fewestPerSecond: Math.min(...rates),
    answeredPerSecond: (after.answered - before.answered) / elapsedSeconds,
    cpu: (after.cpu - before.cpu) / elapsedSeconds,
    memoryPeak: (await memoryOf(relay.pid)).peak,
  };
}

function medianRow(rows: readonly DestinationsRow[]): DestinationsRow {
  const of = (value: (row: DestinationsRow) => number) => median(rows.map(value));
  return {
    what: rows[0]?.what ?? '',
    accepted: {
      perSecond: of(({ accepted }) => accepted.perSecond),
      p50Ms: of(({ accepted }) => accepted.p50Ms),
      p99Ms: of(({ accepted }) => accepted.p99Ms),
      errors: rows.reduce((sum, { accepted }) => sum + accepted.errors, 0),
    },
    deliveredPerSecond: of((row) => row.deliveredPerSecond),
    fewestPerSecond: of((row) => row.fewestPerSecond),
    answeredPerSecond: of((row) => row.answeredPerSecond),
    cpu: of((row) => row.cpu),
    memoryPeak: of((row) => row.memoryPeak),
  };
}
