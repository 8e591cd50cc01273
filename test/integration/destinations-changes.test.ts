import { describe, expect, onTestFinished, test } from 'vitest';
import type { HealthSnapshot } from '../../src/shared/health.ts';
import type { Books } from '../../src/shared/ledger.ts';
import { type Senders, startSenders } from '../fault/senders.ts';
import { numberedRequest, numbersTakenBy, post } from '../support/numbered-requests.ts';
import { freePort, makeHome, type RelayHome, startRelay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { ok, type Vendor } from '../support/vendor.ts';
import { ownVendor, startTestAgent } from './agent-harness.ts';
import { booksOf, expectBalance, range } from './destinations-harness.ts';

/** The load's clients have so many requests under way at once; their numbers need not be committed in order. */
const inFlightAtOnce = 3;

/** When a change came into force, in numbers of requests: those before `from` went the old way, those after `to` the new. */
interface Change {
  readonly from: number;
  readonly to: number;
}

interface Entry {
  readonly name: string;
  readonly endpoint: string;
  readonly formerly?: string;
}

/** A real relay under load whose config changes; after every change its books are recounted. */
async function startLoad(destinations: readonly Entry[], killed: boolean) {
  const port = await freePort();
  const home: RelayHome = await makeHome({ listen: { http: port }, destinations });
  onTestFinished(() => home[Symbol.asyncDispose]());
  let relay = startRelay(home);
  onTestFinished(() => relay.kill());
  await relay.ready;
  const senders: Senders = startSenders({ port, count: inFlightAtOnce, pauseMs: 1 });
  onTestFinished(() => senders.stop());

  const books = async (name: string): Promise<Books> => booksOf((await relay.call('ledger', {})).ledger, name);

  async function examine(): Promise<void> {
    expect((await relay.call('verify', {})).problems).toEqual([]);
    expectBalance((await relay.call('ledger', {})).ledger);
  }

  /** Goes on until so many more requests are acknowledged. */
  async function goOn(count = 60): Promise<void> {
    const enough = senders.acknowledged.size + count;
    await until('requests are acknowledged', () => senders.acknowledged.size >= enough);
  }

  await goOn();
  return {
    senders,
    home,
    books,
    examine,
    goOn,
    async change(changed: readonly Entry[], inForce: (status: HealthSnapshot) => boolean): Promise<Change> {
      const from = senders.sent;
      await home.writeConfig({ listen: { http: port }, destinations: changed });
      if (killed) {
        await relay.kill();
        relay = startRelay(home);
        await relay.ready;
      }
      await relay.untilStatus(`${changed.map(({ name }) => name)} in force`, inForce);
      const to = senders.sent;
      await goOn();
      await examine();
      return { from, to };
    },
    untilDelivered: (name: string) =>
      until(`${name} has everything`, async () => (await books(name)).pending === 0, 20_000),
  };
}

/** One that was removed with a backlog is told of too, without an endpoint. */
const names = ({ destinations }: HealthSnapshot): string[] =>
  destinations.flatMap(({ name, endpoint }) => (endpoint === null ? [] : [name])).sort();
const hasBacklog = ({ findings }: HealthSnapshot): boolean =>
  findings.some(({ id }) => id === 'destination.removed-with-backlog');

/** What a vendor took is all of what it had to get, and nothing that it may not have; what came twice is in the books. */
function expectTaken(
  vendor: Vendor,
  { acknowledged }: Senders,
  { resent }: Books,
  wanted: { readonly must: (number: number) => boolean; readonly never?: (number: number) => boolean },
): void {
  const taken = numbersTakenBy(vendor);
  const distinct = new Set(taken);
  expect([...acknowledged].filter((number) => wanted.must(number) && !distinct.has(number))).toEqual([]);
  expect([...distinct].filter((number) => wanted.never?.(number) ?? false)).toEqual([]);
  expect(taken.length - distinct.size).toBeLessThanOrEqual(resent);
}

describe.each([
  { how: 'under load', killed: false },
  { how: 'under load, killed at each change', killed: true },
])('the config changes $how', ({ killed }) => {
  test('added, removed, put into another order, back again: each gets what it was configured for', {
    timeout: 90_000,
  }, async () => {
    const [alpha, gamma] = [await ownVendor(), await ownVendor()];
    const downPort = await freePort();
    const a = { name: 'alpha', endpoint: alpha.url };
    const b = { name: 'beta', endpoint: `http://127.0.0.1:${downPort}` };
    const c = { name: 'gamma', endpoint: gamma.url };
    const load = await startLoad([a, b], killed);

    const added = await load.change([a, b, c], (status) => names(status).length === 3);
    const removed = await load.change([a, c], hasBacklog);
    const left = await load.books('beta');
    expect(left.pending).toBeGreaterThan(0);
    // Another destination tells when the new order is in force.
    const d = { name: 'delta', endpoint: `http://127.0.0.1:${await freePort()}` };
    await load.change([c, d, a], (status) => names(status).includes('delta'));
    expect(await load.books('beta')).toEqual(left);
    const beta = await ownVendor({ port: downPort });
    const back = await load.change([b, c, a], (status) => names(status).includes('beta'));
    await load.senders.stop();

    for (const name of ['alpha', 'beta', 'gamma']) await load.untilDelivered(name);
    await load.examine();
    expectTaken(alpha, load.senders, await load.books('alpha'), { must: () => true });
    expectTaken(gamma, load.senders, await load.books('gamma'), {
      must: (number) => number >= added.to,
      never: (number) => number < added.from - inFlightAtOnce,
    });
    expectTaken(beta, load.senders, await load.books('beta'), {
      must: (number) => number < removed.from - inFlightAtOnce || number >= back.to,
      never: (number) => number >= removed.to && number < back.from - inFlightAtOnce,
    });
    if (!killed) {
      expect(await load.books('alpha')).toMatchObject({ accepted: load.senders.acknowledged.size, resent: 0 });
    }
  });

  test('renamed: the backlog goes on under the new name, and the old name is gone from the books', {
    timeout: 90_000,
  }, async () => {
    const healthy = await ownVendor();
    const downPort = await freePort();
    const down = `http://127.0.0.1:${downPort}`;
    const load = await startLoad(
      [
        { name: 'healthy', endpoint: healthy.url },
        { name: 'down', endpoint: down },
      ],
      killed,
    );
    const before = await load.books('down');

    await load.change(
      [
        { name: 'sound', formerly: 'healthy', endpoint: healthy.url },
        { name: 'late', formerly: 'down', endpoint: down },
      ],
      (status) => names(status).join() === 'late,sound',
    );
    const ledgerNames = new Set((await load.home.verifiedLedger()).ledger.map(({ destination }) => destination));
    expect(ledgerNames).toEqual(new Set(['sound', 'late']));
    expect((await load.books('late')).accepted).toBeGreaterThanOrEqual(before.accepted);

    // A second rename, and the vendor comes up.
    const up = await ownVendor({ port: downPort });
    await load.change(
      [
        { name: 'latest', formerly: 'late', endpoint: down },
        { name: 'Sound', endpoint: healthy.url },
      ],
      (status) => names(status).join() === 'Sound,latest',
    );
    await load.senders.stop();

    await load.untilDelivered('Sound');
    await load.untilDelivered('latest');
    await load.examine();
    expectTaken(healthy, load.senders, await load.books('Sound'), { must: () => true });
    expectTaken(up, load.senders, await load.books('latest'), { must: () => true });
    expect((await load.books('latest')).accepted).toBeGreaterThanOrEqual(load.senders.acknowledged.size);
  });
});

test('the quota takes from the backlog of a removed destination too, the books say so, and the rest is there when it returns', async () => {
  const kept = await ownVendor();
  const removed = await ownVendor({ answer: () => ({ kind: 'hang' }) });
  const one = { name: 'kept', endpoint: kept.url };
  const two = { name: 'removed', endpoint: removed.url };
  const relay = await startTestAgent({ destinations: [one, two] });
  for (const number of range(0, 48)) {
    expect(await post(relay.port, 'logs', numberedRequest('logs', number, 65_536))).toBe(200);
  }
  await relay.home.writeConfig({ destinations: [one] });
  await relay.untilFinding('destination.removed-with-backlog');
  const books = () => booksOf(relay.agent.status().ledger, 'removed');
  expect(books()).toMatchObject({ accepted: 48, pending: 48 });

  await relay.home.writeConfig({ destinations: [one], spool: { maxBytes: 2 ** 20 } });
  await until('the oldest are gone', () => books().dropped.quota > 0);
  const { pending, dropped } = books();
  expect(pending + dropped.quota).toBe(48);
  expect(pending).toBeGreaterThan(0);

  removed.setAnswer(() => ok());
  await relay.home.writeConfig({ destinations: [one, two], spool: { maxBytes: 2 ** 20 } });
  await until('the rest has come', () => books().pending === 0);
  expect(numbersTakenBy(removed)).toEqual(range(48 - pending, 48));
  expect(books()).toMatchObject({ accepted: 48, delivered: pending, dropped });
});
