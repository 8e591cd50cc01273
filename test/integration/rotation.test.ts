import { describe, expect, onTestFinished, test } from 'vitest';
import type { Protocol } from '../../src/main/core/delivery/destination.ts';
import type { LedgerRow } from '../../src/shared/ledger.ts';
import { signals } from '../../src/shared/signal.ts';
import { type Senders, startSenders } from '../fault/senders.ts';
import { freePort, type Relay, type RelayHome, startRelay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { makeTokenSources, type RotatingVendor, rotations, startRotatingVendor } from './rotation-harness.ts';

/** Less than until the first probe: only a rotation that is noticed is in time. */
const patienceMs = 30_000;
const sessions = 8;

async function setUp(protocol: Protocol) {
  const vendor = await startRotatingVendor(protocol);
  const listen = { http: await freePort(), grpc: await freePort() };
  const sources = await makeTokenSources({ endpoint: vendor.url, protocol, listen });
  const relays: Relay[] = [];
  const start = (): Relay => {
    const relay = startRelay(sources.home, { args: sources.args });
    relays.push(relay);
    return relay;
  };
  const send = (): Senders =>
    startSenders({
      port: listen.http,
      grpcPort: listen.grpc,
      count: sessions,
      pauseMs: 5,
      headers: sources.presented,
    });
  onTestFinished(async () => {
    for (const relay of relays) await relay.kill();
  });
  return { vendor, sources, start, send };
}

/** A wake-up takes a second at most, so whoever was to try has tried. */
const quietMs = 1_200;

async function quiet(count: () => number): Promise<void> {
  let [last, since] = [count(), performance.now()];
  await until('nothing is tried any more', () => {
    if (count() !== last) [last, since] = [count(), performance.now()];
    return performance.now() - since > quietMs;
  });
}

async function delivered(relay: Relay): Promise<void> {
  const pending = async () => (await relay.call('ledger', {})).ledger.reduce((sum, row) => sum + row.pending, 0);
  await until('everything is delivered', async () => (await pending()) === 0, patienceMs);
}

async function booksOf(
  relay: Relay,
  home: RelayHome,
): Promise<Pick<LedgerRow, 'accepted' | 'delivered' | 'rejected' | 'resent'>> {
  await relay.stop();
  const { ledger } = await home.verifiedLedger();
  const sum = (flow: 'accepted' | 'delivered' | 'rejected' | 'resent') =>
    ledger.reduce((total, row) => total + row[flow], 0);
  return { accepted: sum('accepted'), delivered: sum('delivered'), rejected: sum('rejected'), resent: sum('resent') };
}

function lostOf({ acknowledged }: Senders, { arrivals }: RotatingVendor): number[] {
  return [...acknowledged].filter((number) => !arrivals.has(number));
}

describe.each<Protocol>(['http/protobuf', 'http/json', 'grpc'])('over %s', (protocol) => {
  test('tokens that are rotated under load, by each source in turn, lose nothing and repeat nothing', {
    timeout: 180_000,
  }, async () => {
    const { vendor, sources, start, send } = await setUp(protocol);
    const relay = start();
    await relay.ready;
    const senders = send();
    onTestFinished(() => senders.stop());
    for (const { round, source, token } of rotations(3)) {
      // The old one is refused before anybody on this machine has the new one.
      const before = vendor.refusals;
      vendor.rotateTo(token);
      if (before > 0) await until(`the token before ${token} is refused`, () => vendor.refusals > before);
      // In one round nothing is under way any more that might try the new one by chance.
      if (round === 2) await quiet(() => vendor.refusals);
      await sources.put(source, token);
      await until(`${token} is used`, () => vendor.hasTakenWith(token), patienceMs);
      await relay.untilStatus(`${token} is told as what works`, ({ destinations: [one] }) => {
        if (one?.state !== 'ok' || one.credential?.source !== source) return false;
        return one.credential.lastWorkedAt !== null && one.credential.refusedAt === null;
      });
    }
    await senders.stop();
    await delivered(relay);

    expect(senders.refused).toEqual({});
    expect(senders.broken).toEqual({});
    expect(lostOf(senders, vendor)).toEqual([]);
    expect([...vendor.arrivals].filter(([number, times]) => times !== 1 || !senders.acknowledged.has(number))).toEqual(
      [],
    );
    const { size: points } = senders.acknowledged;
    expect(await booksOf(relay, sources.home)).toEqual({ accepted: points, delivered: points, rejected: 0, resent: 0 });
    expect(relay.stdout() + relay.stderr()).not.toMatch(/token-\d/);
  });
});

test('a relay that is killed between and amid rotations loses nothing, and repeats only what it says', {
  timeout: 180_000,
}, async () => {
  const { vendor, sources, start, send } = await setUp('http/protobuf');
  let relay = start();
  await relay.ready;
  const senders = send();
  onTestFinished(() => senders.stop());
  for (const [index, { source, token }] of rotations(3).entries()) {
    vendor.rotateTo(token);
    // Before it can know, while it finds out, and after.
    if (index % 3 === 0) await relay.kill();
    await sources.put(source, token);
    if (index % 3 === 1) await relay.kill();
    if (index % 3 === 2) {
      await until(`${token} is used`, () => vendor.hasTakenWith(token), patienceMs);
      await relay.kill();
    }
    relay = start();
    await relay.ready;
    await until(`${token} is used`, () => vendor.hasTakenWith(token), patienceMs);
  }
  await senders.stop();
  await delivered(relay);

  expect(senders.refused).toEqual({});
  expect(lostOf(senders, vendor)).toEqual([]);
  const repeated = [...vendor.arrivals.values()].reduce((sum, times) => sum + times - 1, 0);
  const books = await booksOf(relay, sources.home);
  expect(books).toMatchObject({ delivered: books.accepted, rejected: 0 });
  expect(books.resent).toBeGreaterThanOrEqual(repeated);
});

test('a vendor that refuses a good token for a while is tried now and then, and has everything afterwards', {
  timeout: 180_000,
}, async () => {
  const { vendor, sources, start, send } = await setUp('http/protobuf');
  await sources.put('config', 'the-token');
  vendor.rotateTo('the-token');
  const relay = start();
  await relay.ready;
  const senders = send();
  onTestFinished(() => senders.stop());
  await until('it is used', () => vendor.hasTakenWith('the-token'), patienceMs);
  vendor.rotateTo(undefined);
  const { findings, destinations } = await relay.untilStatus(
    'every signal is refused',
    ({ destinations: [one] }) => one?.state === 'blocked' && vendor.refusals === signals.length,
  );
  expect(findings).toContainEqual(
    expect.objectContaining({
      id: 'destination.credentials-refused',
      detail: expect.stringMatching(
        /It was given the token from \S+config\.json, which worked until (just now|\d+ s ago)\./,
      ),
    }),
  );
  expect(destinations[0]?.credential).toMatchObject({ source: 'config', refusedAt: expect.any(String) });
  await senders.stop();
  vendor.rotateTo('the-token');
  // The first probe is due after a minute, give or take a fifth; the other signals need not wait for theirs.
  await until('a probe gets through', () => vendor.arrivals.size === senders.acknowledged.size, 80_000);
  expect(vendor.refusals).toBe(signals.length);
  await delivered(relay);
  expect([...vendor.arrivals.values()].every((times) => times === 1)).toBe(true);
  expect(await booksOf(relay, sources.home)).toMatchObject({ delivered: senders.acknowledged.size, resent: 0 });
});
