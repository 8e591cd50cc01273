import { describe, expect, it } from 'vitest';
import { type Destination, type Protocol, protocols } from '../../src/main/core/delivery/destination.ts';
import { decodeRequest } from '../../src/main/core/otlp/decode.ts';
import { inspectRequest } from '../../src/main/core/otlp/inspect.ts';
import { signals } from '../../src/shared/signal.ts';
import { type AnyVendor, type SayingScript, startAnyVendor } from '../support/any-vendor.ts';
import { recorded } from '../support/recordings.ts';
import { itemsOf } from '../support/telemetry.ts';
import { until } from '../support/until.ts';
import {
  cleanup,
  destinationAt,
  namesIn,
  numbered,
  pointsPerRequest,
  startRelay,
  stopMs,
  takenBy,
} from './delivery-harness.ts';

async function vendorOf(protocol: Protocol, saying?: SayingScript): Promise<AnyVendor> {
  const vendor = await startAnyVendor(protocol, saying);
  cleanup(() => vendor.stop());
  return vendor;
}

const spanToken: NonNullable<Destination['credential']> = { header: 'X-Span-Token', tokens: [] };

describe.each(protocols)('%s', (protocol) => {
  const at = (vendor: Pick<AnyVendor, 'url'>, more: Partial<Destination> = {}) =>
    destinationAt(vendor.url, { protocol, ...more });

  /** A relay that owes these requests to a destination that it does not know yet. */
  async function relayWith(names: readonly string[]) {
    const relay = await startRelay();
    await relay.spool.setDestinations([{ name: 'span', signals: ['metrics'] }]);
    await relay.accept(names);
    return relay;
  }

  it.each(['gzip', 'none'] as const)(
    'brings what Claude Code sent, every point and attribute, with compression %s',
    async (compression) => {
      const vendor = await vendorOf(protocol);
      const relay = await startRelay();
      await relay.configure(at(vendor, { signals, compression }));
      for (const signal of signals) {
        const body = recorded(signal, 'pb');
        const inspection = inspectRequest(signal, body);
        if (!inspection.ok) throw new Error(inspection.problem);
        for (let n = 0; n < 3; n++) await relay.spool.accept({ signal, body, points: inspection.points });
      }
      await relay.drained();
      for (const signal of signals) {
        const sent = { signal, body: recorded(signal, 'pb'), headers: {} };
        const items = await itemsOf(signal, vendor.accepted);
        expect(items).toHaveLength(relay.books('span', signal).delivered);
        expect(items).toEqual(await itemsOf(signal, [sent, sent, sent]));
        expect(relay.books('span', signal)).toMatchObject({ rejected: 0, resent: 0 });
      }
    },
  );

  it('merges a backlog into few requests, in order, on one connection', async () => {
    const vendor = await vendorOf(protocol);
    const relay = await relayWith(numbered(2_500));
    await relay.configure(at(vendor));
    await relay.drained();
    expect(vendor.accepted.map((request) => namesIn(request).length)).toEqual([1_000, 1_000, 500]);
    expect(takenBy(vendor)).toEqual(numbered(2_500));
    expect(vendor.connections()).toBe(1);
  });

  it('books a partial success as rejected, with its message', async () => {
    const vendor = await vendorOf(protocol, () => ({ rejected: 3, message: 'too old' }));
    const relay = await relayWith(numbered(5));
    await relay.configure(at(vendor));
    await relay.drained();
    expect(relay.books()).toMatchObject({ delivered: 7, rejected: 3, resent: 0 });
    expect(relay.facts()).toMatchObject({ lastPartialSuccess: { points: 3, message: 'too old' } });
  });

  it('holds what a busy vendor does not take, then drains step by step', async () => {
    const vendor = await vendorOf(protocol, (_request, n) => (n < 2 ? 'busy' : 'taken'));
    const relay = await relayWith(numbered(5));
    await relay.configure(at(vendor));
    expect(await relay.waiting()).toBe(500);
    expect(relay.facts()).toMatchObject({
      state: 'retrying',
      lastError: { kind: 'http', status: 503, message: expect.stringContaining('busy') },
    });
    relay.clock.advance(500);
    await until('it has tried again', () => vendor.seen.length === 2);
    expect(await relay.waiting()).toBe(1_000);
    relay.clock.advance(1_000);
    await relay.drained();
    expect(vendor.accepted.map(namesIn)).toEqual([['r0'], ['r1', 'r2', 'r3', 'r4']]);
    expect(relay.books()).toMatchObject({ delivered: 10, resent: 0 });
  });

  it('holds what a vendor that is down cannot take, and brings it when the vendor is back', async () => {
    const vendor = await vendorOf(protocol);
    const relay = await startRelay();
    await relay.configure(at(vendor));
    await relay.accept(['before']);
    await relay.drained();
    await vendor.stop();
    await relay.accept(['during']);
    await relay.waiting();
    expect(relay.facts()).toMatchObject({ state: 'retrying', lastError: { kind: 'connect' } });
    expect(relay.books()).toMatchObject({ pending: pointsPerRequest, resent: 0 });
    const back = await vendorOf(protocol);
    await relay.configure(at(back));
    await relay.drained();
    expect(takenBy(back)).toEqual(['during']);
  });

  it('takes a connection that the vendor broke between two requests in its stride', async () => {
    const vendor = await vendorOf(protocol);
    const relay = await startRelay();
    await relay.configure(at(vendor));
    await relay.accept(['first']);
    await relay.drained();
    vendor.breakConnections();
    await relay.accept(['second']);
    await relay.drained();
    expect(takenBy(vendor)).toEqual(['first', 'second']);
    expect(relay.facts().lastError).toBeNull();
  });

  it.each(['reset', 'nothing'] as const)(
    '%s after the request: held, counted as possibly sent twice',
    async (first) => {
      const vendor = await vendorOf(protocol, (_request, n) => (n === 0 ? first : 'taken'));
      const relay = await relayWith(numbered(5));
      await relay.configure(at(vendor, { timeoutMs: 20_000 }));
      await until('the vendor has it', () => vendor.seen.length === 1);
      if (first === 'nothing') {
        await until('the request was written', () => relay.clock.due().length === 1);
        relay.clock.advance(20_000);
      }
      await relay.waiting();
      expect(relay.books()).toMatchObject({ pending: 10, resent: 10 });
      await relay.balanced();
      relay.delivery.wake('manual');
      await relay.drained();
      expect(takenBy(vendor)).toEqual(numbered(5));
    },
  );

  it('gives a vendor that is too slow more time', async () => {
    const gate = Promise.withResolvers<void>();
    const vendor = await vendorOf(protocol, () => gate.promise.then(() => 'taken'));
    const relay = await relayWith(['x']);
    await relay.configure(at(vendor, { timeoutMs: 20_000 }));
    await until('the vendor has it', () => vendor.seen.length === 1 && relay.clock.due().length === 1);
    relay.clock.advance(20_000);
    await relay.waiting();
    expect(relay.facts().lastError).toMatchObject({ kind: 'timeout' });
    relay.clock.advance(500);
    await until('the vendor has it again', () => vendor.seen.length === 2);
    relay.clock.advance(39_000);
    gate.resolve();
    await relay.drained();
    expect(vendor.seen).toHaveLength(2);
  });

  it('is blocked by an unknown token, and freed by the one that Claude Code presents', async () => {
    const tokens: unknown[] = [];
    const vendor = await vendorOf(protocol, ({ headers }) => {
      tokens.push(headers['x-span-token']);
      return headers['x-span-token'] === 'new-token' ? 'taken' : 'unknown token';
    });
    const relay = await relayWith(numbered(20));
    relay.credentials.present('x-span-token', 'old-token');
    await relay.configure(at(vendor, { credential: spanToken }));
    await until('it is blocked', () => relay.facts().state === 'blocked');
    expect(relay.facts().lastError).toMatchObject({ kind: 'credentials', status: 401 });
    relay.credentials.present('x-span-token', 'new-token');
    await relay.drained();
    expect(tokens.slice(0, 2)).toEqual(['old-token', 'new-token']);
    expect(takenBy(vendor)).toEqual(numbered(20));
    expect(relay.books()).toMatchObject({ delivered: 40, resent: 0, rejected: 0 });
  });

  it('is blocked by a wrong address, and freed by the right one', async () => {
    const wrong = await vendorOf(protocol, () => 'wrong address');
    const relay = await relayWith(numbered(5));
    await relay.configure(at(wrong));
    await until('it is blocked', () => relay.facts().state === 'blocked');
    expect(relay.facts().lastError).toMatchObject({ kind: 'endpoint' });
    const right = await vendorOf(protocol);
    await relay.configure(
      at(wrong, { signalEndpoints: { metrics: protocol === 'grpc' ? right.url : `${right.url}/own` } }),
    );
    await relay.drained();
    expect(right.accepted.map(namesIn)).toEqual([numbered(5)]);
    if (protocol !== 'grpc') expect(right.accepted[0]?.path).toBe('/own');
  });

  it.each([
    ['malformed', ['r0', 'r7', 'r8', 'r39']],
    ['too large', ['r12']],
  ] as const)('%s: sets exactly the guilty aside and delivers the rest in order', async (saying, guilty) => {
    const isGuilty = (name: string) => guilty.some((one) => one === name);
    const vendor = await vendorOf(protocol, (request) => (namesIn(request).some(isGuilty) ? saying : 'taken'));
    const relay = await relayWith(numbered(40));
    await relay.configure(at(vendor));
    await relay.drained();
    expect(takenBy(vendor)).toEqual(numbered(40).filter((name) => !isGuilty(name)));
    const listed = await relay.spool.quarantine.list('span');
    const aside = await Promise.all(listed.map(({ id }) => relay.spool.quarantine.payload(id)));
    expect(aside.flatMap((one) => (one ? namesIn({ body: Buffer.from(one.body) }) : []))).toEqual(guilty);
    expect(relay.books()).toMatchObject({ delivered: 80 - 2 * guilty.length, rejected: 2 * guilty.length, resent: 0 });
  });

  it('when it stops, hears the answer to what is in flight', async () => {
    const gate = Promise.withResolvers<void>();
    const vendor = await vendorOf(protocol, () => gate.promise.then(() => 'taken'));
    const relay = await relayWith(['a']);
    await relay.configure(at(vendor));
    await until('it is in flight', () => vendor.seen.length === 1);
    const stopped = relay.delivery.stop();
    gate.resolve();
    await stopped;
    expect(relay.books()).toMatchObject({ delivered: 2, pending: 0, resent: 0 });
    await relay.balanced();
  });

  it('when it stops, gives back what is not answered', async () => {
    const vendor = await vendorOf(protocol, () => 'nothing');
    const relay = await relayWith(['a']);
    await relay.configure(at(vendor));
    await until('it is in flight', () => vendor.seen.length === 1 && relay.clock.due().length === 1);
    const stopped = relay.delivery.stop();
    relay.clock.advance(stopMs);
    await stopped;
    expect(relay.books()).toMatchObject({ pending: 2, resent: 2 });
    expect(relay.clock.due()).toEqual([]);
    await relay.balanced();
  });

  it.each(protocols.filter((other) => other !== protocol))('gives way to %s at once', async (other) => {
    const silent = await vendorOf(protocol, () => 'nothing');
    const relay = await relayWith(numbered(5));
    await relay.configure(at(silent));
    await until('it is in flight', () => silent.seen.length === 1);
    const vendor = await vendorOf(other);
    await relay.configure(destinationAt(vendor.url, { protocol: other }));
    await relay.drained();
    expect(takenBy(vendor)).toEqual(numbered(5));
    expect(relay.books()).toMatchObject({ delivered: 10, resent: 10 });
  });
});

it('destinations of every protocol get the same', async () => {
  const relay = await startRelay();
  const vendors = await Promise.all(protocols.map((protocol) => vendorOf(protocol)));
  await relay.configure(
    ...protocols.map((protocol, index) => destinationAt(vendors[index]?.url ?? '', { name: protocol, protocol })),
  );
  for (const name of numbered(30)) await relay.accept([name]);
  for (const protocol of protocols) await relay.drained(protocol);
  for (const vendor of vendors) expect(takenBy(vendor)).toEqual(numbered(30));
});

it('a request that cannot be put into JSON is set aside, and holds nobody up', async () => {
  const vendor = await vendorOf('http/json');
  const relay = await startRelay();
  await relay.spool.setDestinations([{ name: 'span', signals: ['metrics'] }]);
  await relay.accept(['a']);
  await relay.spool.accept({ signal: 'metrics', body: Buffer.from([0x0a, 2, 0x1a, 9]), points: 1 });
  await relay.accept(['b']);
  await relay.configure(destinationAt(vendor.url, { protocol: 'http/json' }));
  await relay.drained();
  expect(takenBy(vendor)).toEqual(['a', 'b']);
  expect(await relay.spool.quarantine.list()).toMatchObject([
    { status: 0, points: 1, message: expect.stringContaining('cannot be put into JSON') },
  ]);
  expect(relay.facts()).toMatchObject({ state: 'ok' });
  await expect(decodeRequest('metrics', Buffer.from([0x0a, 2, 0x1a, 9]))).rejects.toThrow();
});
