import type { Signal } from '../../src/shared/signal.ts';
import { runClaude, telemetryTo } from '../../test/support/claude-code.ts';
import { freePort, makeHome, startRelay } from '../../test/support/relay.ts';
import { itemsOf } from '../../test/support/telemetry.ts';
import { until } from '../../test/support/until.ts';
import type { VendorRequest } from '../../test/support/vendor.ts';
import type { Fault, FaultyVendor } from './faults.ts';

export interface Setup {
  readonly binary: string;
  /** The stand-in for the Messages API. */
  readonly apiUrl: string;
  readonly runs: number;
}

export interface Outcome {
  /** Data points and log records that the vendor took, each counted once. */
  readonly arrived: number;
  /** Those that it took a second time. */
  readonly arrivedAgain: number;
  /** Those that it read, whatever it answered. */
  readonly seen: number;
  /** By the relay's books: sent again after an unknown outcome. */
  readonly resent?: number;
  /** By the relay's books: acknowledged to Claude Code. */
  readonly acknowledged?: number;
  readonly timings: readonly Timing[];
}

/** How long a run took, and how long one without telemetry took right before it: the machine may have other work. */
export interface Timing {
  readonly exportingMs: number;
  readonly withoutTelemetryMs: number;
}

const benchmarked = ['metrics', 'logs'] as const satisfies readonly Signal[];
const drainWithinMs = 120_000;

/** Claude Code exports to the vendor. Its settings are the vendor's; nothing can be mended for a run that is over. */
export async function direct(fault: Fault, setup: Setup): Promise<Outcome> {
  const vendor = await fault.start();
  try {
    const timings = await repeat(setup, settingsFor(vendor.url, vendor.token));
    await vendor.mend();
    return { ...(await count(vendor)), timings };
  } finally {
    await vendor.stop();
  }
}

/** The same, with a relay of its own in between. Counted after the fault is mended and the relay has drained. */
export async function throughRelay(fault: Fault, setup: Setup, expected: number): Promise<Outcome> {
  const port = await freePort();
  const vendor = await fault.start();
  const config = (token: string) => ({
    listen: { http: port },
    destinations: [{ name: 'span', preset: 'span', endpoint: vendor.url, token }],
  });
  try {
    await using home = await makeHome(config(vendor.token));
    await using relays = new AsyncDisposableStack();
    let relay = relays.use(startRelay(home));
    await relay.ready;
    const timings = await repeat(setup, settingsFor(`http://127.0.0.1:${port}`, vendor.token), async () => {
      if (!fault.killRelay) return;
      await relay.kill();
      relay = relays.use(startRelay(home));
      await relay.ready;
    });
    await vendor.mend();
    if (vendor.token !== vendor.mendedToken) await home.writeConfig(config(vendor.mendedToken));

    const drained = async () => {
      if ((await count(vendor)).arrived < expected) return false;
      const { ledger } = await home.verifiedLedger();
      return ledger.every(({ pending }) => pending === 0);
    };
    // What has not arrived by then is lost, as far as this benchmark is concerned, and the table says so.
    await until('the relay has drained', drained, drainWithinMs).catch((error) => console.error(String(error)));
    const { ledger } = await home.verifiedLedger();
    const total = (of: 'accepted' | 'resent') => ledger.reduce((sum, row) => sum + row[of], 0);
    return { ...(await count(vendor)), resent: total('resent'), acknowledged: total('accepted'), timings };
  } finally {
    await vendor.stop();
  }
}

function settingsFor(endpoint: string, token: string): Record<string, string> {
  return telemetryTo(endpoint, 'http/protobuf', { OTEL_EXPORTER_OTLP_HEADERS: `X-Span-Token=${token}` });
}

async function repeat(
  setup: Setup,
  telemetry: Readonly<Record<string, string>>,
  afterEach?: () => Promise<void>,
): Promise<Timing[]> {
  const timings: Timing[] = [];
  for (let run = 0; run < setup.runs; run++) {
    const withoutTelemetryMs = await timeOne(setup, {});
    timings.push({ withoutTelemetryMs, exportingMs: await timeOne(setup, telemetry) });
    await afterEach?.();
  }
  return timings;
}

async function timeOne({ binary, apiUrl }: Setup, env: Readonly<Record<string, string>>): Promise<number> {
  const { exitCode, stderr, durationMs } = await runClaude({ binary, apiUrl, env });
  if (exitCode !== 0 || stderr !== '') throw new Error(`claude -p ended with ${exitCode}: ${stderr}`);
  return durationMs;
}

async function count(vendor: FaultyVendor): Promise<Pick<Outcome, 'arrived' | 'arrivedAgain' | 'seen'>> {
  const arrived = await identities(vendor.arrived());
  const distinct = new Set(arrived).size;
  const seen = new Set(await identities(vendor.seen())).size;
  return { arrived: distinct, arrivedAgain: arrived.length - distinct, seen };
}

/** Every item carries its session's id, its time and all its attributes: two that are equal are the same one, sent twice. */
async function identities(requests: readonly VendorRequest[]): Promise<string[]> {
  const items = await Promise.all(benchmarked.map((signal) => itemsOf(signal, requests)));
  return items.flat().map((item) => JSON.stringify(item));
}
