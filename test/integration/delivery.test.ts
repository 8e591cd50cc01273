import { describe, expect, it } from 'vitest';
import type { DeliverySpool } from '../../src/main/core/delivery/delivery.ts';
import { SpoolError } from '../../src/main/core/spool/spool.ts';
import { until } from '../support/until.ts';
import { ok, startVendor, status } from '../support/vendor.ts';
import { destinationAt, namesIn, numbered, startRelay, stopMs, takenBy, vendorWith } from './delivery-harness.ts';

const dayMs = 86_400_000;

describe('in normal operation', () => {
  it('brings each signal to its own path, what was accepted first first', async () => {
    const vendor = await vendorWith();
    const relay = await startRelay();
    await relay.configure(destinationAt(`${vendor.url}/base`, { signals: ['metrics', 'logs', 'traces'] }));
    for (const name of numbered(10)) {
      await relay.accept([`m${name}`], 'metrics');
      await relay.accept([`l${name}`], 'logs');
      await relay.accept([`t${name}`], 'traces');
    }
    await relay.drained();
    for (const [prefix, signal] of [
      ['m', 'metrics'],
      ['l', 'logs'],
      ['t', 'traces'],
    ] as const) {
      const requests = vendor.accepted.filter(({ path }) => path === `/base/v1/${signal}`);
      expect(requests.flatMap(namesIn)).toEqual(numbered(10).map((name) => prefix + name));
    }
    expect(vendor.accepted).toHaveLength(vendor.accepted.filter(({ path }) => path.startsWith('/base/v1/')).length);
  });

  it('merges a backlog into few requests of at most 1000', async () => {
    const vendor = await vendorWith();
    const relay = await startRelay();
    await relay.spool.setDestinations([{ name: 'span', signals: ['metrics'] }]);
    await relay.accept(numbered(2_500));
    await relay.configure(destinationAt(vendor.url));
    await relay.drained();
    expect(vendor.accepted.map((request) => namesIn(request).length)).toEqual([1_000, 1_000, 500]);
    expect(takenBy(vendor)).toEqual(numbered(2_500));
  });

  it('has one request in flight per signal', async () => {
    let now = 0;
    let most = 0;
    const vendor = await vendorWith({
      answer: async () => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setImmediate(resolve));
        now--;
        return ok();
      },
    });
    const relay = await startRelay();
    await relay.configure(destinationAt(vendor.url));
    for (const name of numbered(50)) await relay.accept([name]);
    await relay.drained();
    expect(most).toBe(1);
    expect(vendor.connections()).toBe(1);
  });

  it('takes a connection that the vendor closed in its stride', async () => {
    const vendor = await vendorWith({ answer: (_request, n) => (n === 1 ? { kind: 'reset' } : ok()) });
    const relay = await startRelay();
    await relay.configure(destinationAt(vendor.url));
    await relay.accept(['first']);
    await relay.drained();
    await relay.accept(['second']);
    await relay.drained();
    expect(takenBy(vendor)).toEqual(['first', 'second']);
    // It went out before the connection turned out to be dead.
    expect(relay.books()).toMatchObject({ delivered: 4, resent: 2 });
    expect(relay.facts().lastError).toBeNull();
  });
});

describe('waiting', () => {
  it('backs off longer each time, and a success starts over', async () => {
    const vendor = await vendorWith({ answer: () => status(503) });
    const relay = await startRelay();
    await relay.configure(destinationAt(vendor.url));
    await relay.accept(['x']);
    const waits: number[] = [];
    for (let n = 0; n < 11; n++) {
      await until('the next attempt has failed', () => vendor.seen.length === n + 1);
      waits.push(await relay.waiting());
      if (n < 10) relay.clock.advance(waits[n] ?? 0);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 150_000, 150_000]);
    vendor.setAnswer((_request, n) => (n === 11 ? ok() : status(503)));
    relay.clock.advance(150_000);
    await relay.drained();
    await relay.accept(['y']);
    expect(await relay.waiting()).toBe(500);
  });

  it('ends for every signal of a destination when one of them gets through', async () => {
    const vendor = await vendorWith({ answer: () => status(503) });
    const relay = await startRelay();
    await relay.configure(destinationAt(vendor.url, { signals: ['metrics', 'logs'] }));
    await relay.accept(['m'], 'metrics');
    await relay.waiting();
    relay.clock.advance(500);
    await until('metrics have failed twice', () => vendor.seen.length === 2);
    await relay.accept(['l'], 'logs');
    await until('both wait', () => relay.facts().signals.every(({ nextAttemptAt }) => nextAttemptAt !== null));
    vendor.setAnswer(() => ok());
    relay.clock.advance(500);
    await relay.drained();
    expect(takenBy(vendor)).toHaveLength(2);
  });

  it('gives a destination that was too slow more time', async () => {
    const gate = Promise.withResolvers<void>();
    const vendor = await vendorWith({ answer: () => gate.promise.then(() => ok()) });
    const relay = await startRelay();
    await relay.configure(destinationAt(vendor.url, { timeoutMs: 20_000 }));
    await relay.accept(['x']);
    await until('the vendor has it', () => vendor.seen.length === 1);
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

  it('does not try earlier because new data came', async () => {
    const vendor = await vendorWith({ answer: () => status(503) });
    const relay = await startRelay();
    await relay.configure(destinationAt(vendor.url));
    await relay.accept(['x']);
    await relay.waiting();
    await relay.accept(numbered(20));
    relay.clock.advance(499);
    expect(vendor.seen).toHaveLength(1);
    relay.clock.advance(1);
    await until('it tries again', () => vendor.seen.length === 2);
  });

  it.each([
    ['seconds', { 'retry-after': '120' }],
    ['a date', { 'retry-after': 'Fri, 20 Nov 2026 10:02:00 GMT', date: 'Fri, 20 Nov 2026 10:00:00 GMT' }],
    [
      "a date by the vendor's own clock",
      { 'retry-after': 'Sun, 01 Mar 2026 00:02:00 GMT', date: 'Sun, 01 Mar 2026 00:00:00 GMT' },
    ],
  ])('obeys Retry-After in %s', async (_form, headers) => {
    const vendor = await vendorWith({ answer: (_request, n) => (n === 0 ? status(429, headers) : ok()) });
    const relay = await startRelay({ random: () => 0 });
    await relay.configure(destinationAt(vendor.url));
    await relay.accept(['x']);
    expect(await relay.waiting()).toBe(120_000);
    relay.clock.advance(119_999);
    expect(relay.facts().nextAttemptAt).toBe(relay.clock.now() + 1);
    relay.clock.advance(1);
    await relay.drained();
    expect(takenBy(vendor)).toEqual(['x']);
  });

  it.each([
    ['forward', dayMs],
    ['back', -dayMs],
  ])('a clock that jumps a day %s neither fires nor freezes it', async (_way, jumpMs) => {
    const vendor = await vendorWith({
      answer: (_request, n) => (n === 0 ? status(503, { 'retry-after': '60' }) : ok()),
    });
    const relay = await startRelay({ random: () => 0 });
    await relay.configure(destinationAt(vendor.url));
    await relay.accept(['x']);
    await relay.waiting();
    relay.clock.setWall(relay.clock.now() + jumpMs);
    relay.clock.advance(59_999);
    expect(vendor.seen).toHaveLength(1);
    expect(relay.facts().nextAttemptAt).toBe(relay.clock.now() + 1);
    relay.clock.advance(1);
    await relay.drained();
    expect(takenBy(vendor)).toEqual(['x']);
  });

  it.each(['sleep', 'clock', 'network', 'credential', 'config', 'manual'] as const)(
    'ends at a wake-up within a second: %s',
    async (reason) => {
      const vendor = await vendorWith({ answer: (_request, n) => (n === 0 ? status(401) : ok()) });
      const relay = await startRelay({ wakeJitterMs: 1_000 });
      await relay.configure(destinationAt(vendor.url));
      await relay.accept(['x']);
      await relay.waiting();
      relay.delivery.wake(reason);
      relay.clock.advance(499);
      expect(vendor.seen).toHaveLength(1);
      relay.clock.advance(1);
      await relay.drained();
    },
  );

  it('after an outage drains step by step, pausing about as long as the vendor takes', async () => {
    let relayClock: { advance(ms: number): void } | undefined;
    const vendor = await vendorWith({
      answer: (_request, n) => {
        relayClock?.advance(200);
        return n === 0 ? status(503) : ok();
      },
    });
    const relay = await startRelay();
    relayClock = relay.clock;
    await relay.spool.setDestinations([{ name: 'span', signals: ['metrics'] }]);
    await relay.accept(numbered(1_500));
    await relay.configure(destinationAt(vendor.url));
    await relay.waiting();
    relay.clock.advance(500);
    const sizes = [1, 10, 100, 1_000, 389];
    for (const [index] of sizes.entries()) {
      await until('the drain pauses', () => relay.clock.due().length === 1 && relay.clock.due()[0] === 200);
      expect(vendor.accepted).toHaveLength(index + 1);
      relay.clock.advance(200);
    }
    await relay.drained();
    expect(vendor.accepted.map((request) => namesIn(request).length)).toEqual(sizes);
    expect(takenBy(vendor)).toEqual(numbered(1_500));

    await relay.accept(['later']);
    await relay.drained();
    await until('it is idle', () => relay.clock.due().length === 0);
  });
});

describe('several destinations', () => {
  it('one that is down, slow or wrong does not delay another', async () => {
    const good = await vendorWith();
    const hanging = await vendorWith({ answer: () => ({ kind: 'hang' }) });
    const refusing = await vendorWith({ answer: () => status(401) });
    const gone = await startVendor();
    await gone.stop();
    const relay = await startRelay();
    await relay.configure(
      destinationAt(hanging.url, { name: 'hanging' }),
      destinationAt(refusing.url, { name: 'refusing' }),
      destinationAt(gone.url, { name: 'gone' }),
      destinationAt(good.url),
    );
    for (const name of numbered(30)) await relay.accept([name]);
    await relay.drained();
    expect(takenBy(good)).toEqual(numbered(30));
    for (const name of ['hanging', 'refusing', 'gone']) {
      expect(relay.books(name)).toMatchObject({ accepted: 60, pending: 60, delivered: 0 });
    }
    expect(relay.delivery.facts().map(({ name, state }) => [name, state])).toEqual([
      ['hanging', 'ok'],
      ['refusing', 'blocked'],
      ['gone', 'retrying'],
      ['span', 'ok'],
    ]);
  });

  it('one signal that is refused does not hold the others', async () => {
    const vendor = await vendorWith({ answer: ({ signal }) => (signal === 'traces' ? status(404) : ok()) });
    const relay = await startRelay();
    await relay.configure(destinationAt(vendor.url, { signals: ['metrics', 'traces'] }));
    await relay.accept(['t'], 'traces');
    await relay.waiting();
    await relay.accept(['m'], 'metrics');
    await until('the metric arrives', () => takenBy(vendor).length === 1);
    await until('it is booked', () => relay.books().pending === 0);
    expect(relay.facts()).toMatchObject({ state: 'blocked', lastError: { kind: 'endpoint' } });
    expect(relay.facts().signals.map(({ signal, state }) => [signal, state])).toEqual([
      ['metrics', 'ok'],
      ['traces', 'blocked'],
    ]);
  });

  it('one that is added while running gets what comes from then on', async () => {
    const first = await vendorWith();
    const second = await vendorWith();
    const relay = await startRelay();
    await relay.configure(destinationAt(first.url));
    await relay.accept(['a']);
    await relay.drained();
    await relay.configure(destinationAt(first.url), destinationAt(second.url, { name: 'second' }));
    await relay.accept(['b']);
    await relay.drained();
    await relay.drained('second');
    expect(takenBy(first)).toEqual(['a', 'b']);
    expect(takenBy(second)).toEqual(['b']);
    expect(first.connections()).toBe(1);
  });

  it('one that is removed while it hangs keeps its backlog, and gets it when it comes back', async () => {
    const hanging = await vendorWith({ answer: () => ({ kind: 'hang' }) });
    const relay = await startRelay();
    await relay.configure(destinationAt(hanging.url));
    await relay.accept(['a']);
    await until('it is in flight', () => hanging.seen.length === 1);
    await relay.configure();
    expect(relay.delivery.facts()).toEqual([]);
    await until('it was given back', () => relay.books().resent === 2);
    await relay.balanced();
    const good = await vendorWith();
    await relay.configure(destinationAt(good.url));
    await relay.drained();
    expect(takenBy(good)).toEqual(['a']);
  });

  it('one whose endpoint is corrected tries at once, and keeps its history', async () => {
    const wrong = await vendorWith({ answer: (_request, n) => (n === 0 ? ok() : status(404)) });
    const right = await vendorWith();
    const relay = await startRelay();
    await relay.configure(destinationAt(wrong.url));
    await relay.accept(['a']);
    await relay.drained();
    const { lastSuccessAt } = relay.facts();
    await relay.accept(['b']);
    await relay.waiting();
    relay.clock.advance(1_000);
    await relay.configure(destinationAt(right.url));
    expect(relay.facts()).toMatchObject({ endpoint: right.url, lastSuccessAt });
    await relay.drained();
    expect(takenBy(right)).toEqual(['b']);
    expect(relay.facts()).toMatchObject({ state: 'ok', lastError: null });
  });

  it('without an endpoint holds its data until there is one', async () => {
    const relay = await startRelay();
    await relay.configure(destinationAt(''));
    await relay.accept(['a']);
    await until('it says so', () => relay.facts().state === 'unconfigured');
    expect(relay.facts().endpoint).toBeNull();
    const vendor = await vendorWith();
    await relay.configure(destinationAt(vendor.url));
    await relay.drained();
    expect(takenBy(vendor)).toEqual(['a']);
  });
});

describe('trouble with the spool', () => {
  it.each(['pick', 'settle'] as const)('%s that fails is tried again later', async (method) => {
    const vendor = await vendorWith();
    const relay = await startRelay(failing(method, 2));
    await relay.configure(destinationAt(vendor.url));
    await relay.accept(['a']);
    await until('it is logged', () => relay.logged.some((line) => line.includes('the file is locked')));
    for (let n = 0; n < 2; n++) {
      await until('it waits', () => relay.clock.due().length === 1 && (relay.clock.due()[0] ?? 0) <= 1_000);
      relay.clock.advance(1_000);
    }
    await relay.drained();
    // An outcome that cannot be booked for now is kept, not found out anew by sending again.
    expect(takenBy(vendor)).toEqual(['a']);
    expect(relay.books()).toMatchObject({ delivered: 2, resent: 0 });
  });
});

describe('stopping', () => {
  it('gives back what was delivered and could not be booked, as possibly sent', async () => {
    const vendor = await vendorWith();
    const relay = await startRelay(failing('settle', Number.POSITIVE_INFINITY));
    await relay.configure(destinationAt(vendor.url));
    await relay.accept(['a']);
    await until('it cannot be booked', () => relay.logged.some((line) => line.includes('the file is locked')));
    await relay.delivery.stop();
    expect(relay.books()).toMatchObject({ pending: 2, delivered: 0, resent: 2 });
    await relay.balanced();
  });

  it('hears the answer to what is in flight, so that nothing is sent twice', async () => {
    const gate = Promise.withResolvers<void>();
    const vendor = await vendorWith({ answer: () => gate.promise.then(() => ok()) });
    const relay = await startRelay();
    await relay.configure(destinationAt(vendor.url));
    await relay.accept(['a']);
    await until('it is in flight', () => vendor.seen.length === 1);
    await relay.accept(['b']);
    const stopped = relay.delivery.stop();
    gate.resolve();
    await stopped;
    expect(relay.books()).toMatchObject({ delivered: 2, pending: 2, resent: 0 });
    expect(vendor.seen).toHaveLength(1);
  });

  it('gives back what is in flight, and sends nothing any more', async () => {
    const vendor = await vendorWith({ answer: () => ({ kind: 'hang' }) });
    const relay = await startRelay();
    await relay.configure(destinationAt(vendor.url));
    await relay.accept(['a']);
    await until('it is in flight', () => vendor.seen.length === 1);
    const stopped = relay.delivery.stop();
    relay.clock.advance(stopMs);
    await stopped;
    expect(relay.books()).toMatchObject({ pending: 2, resent: 2 });
    await relay.balanced();
    await relay.accept(['b']);
    relay.delivery.wake('manual');
    relay.delivery.setDestinations([destinationAt(vendor.url, { name: 'late' })]);
    expect(relay.delivery.facts()).toEqual([]);
    expect(relay.clock.due()).toEqual([]);
    await relay.delivery.stop();
  });

  it('does not wait longer than a second for a spool that hangs', async () => {
    const vendor = await vendorWith();
    const relay = await startRelay({
      around: (spool) => ({
        on: (listener) => spool.on(listener),
        pick: () => new Promise(() => undefined),
        settle: () => Promise.resolve(),
        release: () => Promise.resolve(),
      }),
    });
    await relay.configure(destinationAt(vendor.url));
    const stopping = relay.delivery.stop();
    relay.clock.advance(1_000);
    await stopping;
  });
});

/** Everything goes to the real spool, but `method` fails `times` times before. */
function failing(method: 'pick' | 'settle', times: number) {
  let left = times;
  const failure = () => (left-- > 0 ? Promise.reject(new SpoolError('unavailable', 'the file is locked')) : undefined);
  return {
    around: (spool: DeliverySpool): DeliverySpool => ({
      on: (listener) => spool.on(listener),
      pick: (...args) => (method === 'pick' && failure()) || spool.pick(...args),
      settle: (...args) => (method === 'settle' && failure()) || spool.settle(...args),
      release: (...args) => spool.release(...args),
    }),
  };
}
