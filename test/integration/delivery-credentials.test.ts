import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Destination, DestinationCredential } from '../../src/main/core/delivery/destination.ts';
import { until } from '../support/until.ts';
import { ok, requireToken, status, type Vendor } from '../support/vendor.ts';
import { destinationAt, namesIn, numbered, type Relay, startRelay, takenBy, vendorWith } from './delivery-harness.ts';

const header = 'x-span-token';
const probeMs = 60_000;
const hourMs = 60 * 60_000;

function spanAt(url: string, own: Partial<DestinationCredential> = {}, more: Partial<Destination> = {}): Destination {
  return destinationAt(url, { credential: { header, tokens: [], ...own }, ...more });
}

const configured = (token: string) => ({ tokens: [{ source: 'config', token }] }) as const;

function tokensSeenBy(vendor: Vendor): (string | undefined)[] {
  return vendor.seen.map(({ headers }) => headers[header]?.toString());
}

function untilBlocked(relay: Relay): Promise<void> {
  return until('it is blocked', () => relay.facts().state === 'blocked');
}

describe('where one comes from', () => {
  it('holds everything until there is one', async () => {
    const vendor = await vendorWith({ answer: requireToken(header, () => 'good-token') });
    const relay = await startRelay();
    await relay.configure(spanAt(vendor.url));
    await relay.accept(['x']);
    await until('it says so', () => relay.facts().state === 'unconfigured');
    expect(relay.facts()).toMatchObject({ credential: null, nextAttemptAt: null });
    relay.credentials.present(header, 'good-token');
    await relay.drained();
    expect(takenBy(vendor)).toEqual(['x']);
    expect(relay.facts()).toMatchObject({
      state: 'ok',
      credential: { source: 'presented', lastWorkedAt: relay.clock.now(), refusedAt: null },
    });
  });

  it('a presented one is enough to end a 401, also for the backlog', async () => {
    const vendor = await vendorWith({ answer: requireToken(header, () => 'new-token') });
    const relay = await startRelay();
    await relay.configure(spanAt(vendor.url));
    relay.credentials.present(header, 'old-token');
    await relay.accept(numbered(20));
    await untilBlocked(relay);
    relay.credentials.present(header, 'old-token');
    expect(relay.facts()).toMatchObject({
      state: 'blocked',
      lastError: { kind: 'credentials', status: 401 },
      credential: { source: 'presented', lastWorkedAt: null, refusedAt: relay.clock.now() },
    });
    relay.credentials.present(header, 'new-token');
    await relay.drained();
    expect(takenBy(vendor)).toEqual(numbered(20));
    expect(relay.logged.join('\n')).not.toMatch(/old-token|new-token/);
  });

  it('a refused token of the config gives way to a presented one, at once', async () => {
    const vendor = await vendorWith({ answer: requireToken(header, () => 'presented-token') });
    const relay = await startRelay();
    relay.credentials.present(header, 'presented-token');
    await relay.configure(spanAt(vendor.url, configured('configured-token')));
    await relay.accept(['x']);
    await relay.drained();
    expect(tokensSeenBy(vendor)).toEqual(['configured-token', 'presented-token']);
    expect(relay.facts()).toMatchObject({
      state: 'ok',
      credential: { source: 'presented' },
      refusedCredentials: [{ source: 'config', lastWorkedAt: null, refusedAt: relay.clock.now() }],
    });
  });

  it('a new token in the config ends a 401', async () => {
    const vendor = await vendorWith({ answer: requireToken(header, () => 'new-token') });
    const relay = await startRelay();
    await relay.configure(spanAt(vendor.url, configured('old-token')));
    await relay.accept(['x']);
    await untilBlocked(relay);
    await relay.configure(spanAt(vendor.url, configured('new-token')));
    await relay.drained();
    expect(takenBy(vendor)).toEqual(['x']);
  });

  it('a token file is read before the first request, followed, and its half-written content does no harm', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'span-relay-token-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'first-token\n');
    let valid = 'first-token';
    const vendor = await vendorWith({ answer: requireToken(header, () => `Bearer ${valid}`) });
    const relay = await startRelay();
    // Stale, and of no use as long as the file can be read.
    relay.credentials.present(header, 'Bearer presented-token');
    await relay.configure(spanAt(vendor.url, { tokenFile, scheme: 'Bearer' }));
    await relay.accept(['a']);
    await relay.drained();
    expect(tokensSeenBy(vendor)).toEqual(['Bearer first-token']);

    valid = 'second-token';
    await relay.accept(['b']);
    await untilBlocked(relay);
    const until2 = (what: string, condition: () => boolean) =>
      until(what, () => {
        // What the watch notices is read after a moment; no probe is due within all of these.
        relay.clock.advance(10);
        return condition();
      });
    await writeFile(tokenFile, 'second-to');
    await until2('the half is refused', () => tokensSeenBy(vendor).includes('Bearer second-to'));
    await untilBlocked(relay);
    await writeFile(tokenFile, 'second-token');
    await until2('it gets through', () => takenBy(vendor).includes('b'));
    await relay.drained();

    await rm(tokenFile);
    await until2('it is told', () => relay.facts().tokenFile?.problem === 'does not exist');
    await relay.accept(['c']);
    await untilBlocked(relay);
    expect(relay.facts().credential).toMatchObject({ source: 'presented', lastWorkedAt: null });
    valid = 'third-token';
    await writeFile(`${tokenFile}.new`, 'third-token');
    await rename(`${tokenFile}.new`, tokenFile);
    await until2('it gets through', () => takenBy(vendor).includes('c'));
    await relay.drained();
    expect(relay.facts()).toMatchObject({ credential: { source: 'file' }, tokenFile: { problem: null } });
    expect(relay.books()).toMatchObject({ delivered: 6, resent: 0 });
    expect(relay.logged.join('\n')).not.toMatch(/(first|second|third|presented)-to/);
  });

  it('what is presented goes to nobody while it may be meant for either of two', async () => {
    const [first, second] = [await vendorWith(), await vendorWith()];
    const relay = await startRelay();
    const other = (own?: Partial<DestinationCredential>) => spanAt(second.url, own, { name: 'other' });
    await relay.configure(spanAt(first.url), other());
    relay.credentials.present(header, 'presented-token');
    await relay.accept(['x']);
    await until('both hold it', () => relay.delivery.facts().every(({ state }) => state === 'unconfigured'));
    expect(relay.facts()).toMatchObject({ ambiguousWith: ['other'] });
    await relay.configure(spanAt(first.url), other(configured('own-token')));
    await relay.drained();
    await relay.drained('other');
    expect([tokensSeenBy(first), tokensSeenBy(second)]).toEqual([['presented-token'], ['own-token']]);
  });
});

describe('a rotation', () => {
  it('does not end the request in flight, so that nothing is sent twice', async () => {
    const gate = Promise.withResolvers<void>();
    const vendor = await vendorWith({
      answer: (_request, n) => (n === 0 ? gate.promise.then(() => ok()) : ok()),
    });
    const relay = await startRelay();
    await relay.configure(spanAt(vendor.url, configured('old-token'), { headers: { 'x-team': 'blue' } }));
    await relay.accept(['a']);
    await until('it is in flight', () => vendor.seen.length === 1);
    await relay.configure(spanAt(vendor.url, configured('new-token'), { headers: { 'x-team': 'red' } }));
    gate.resolve();
    await relay.accept(['b']);
    await relay.drained();
    expect(tokensSeenBy(vendor)).toEqual(['old-token', 'new-token']);
    expect(vendor.seen.map(({ headers }) => headers['x-team'])).toEqual(['blue', 'red']);
    expect(relay.books()).toMatchObject({ delivered: 4, resent: 0 });
  });

  it('does not reach the address that the destination had before', async () => {
    const [before, after] = [await vendorWith(), await vendorWith()];
    const picking = Promise.withResolvers<void>();
    const relay = await startRelay({
      around: (spool) => ({
        on: (listener) => spool.on(listener),
        // What is picked comes late, when the config has changed already.
        pick: async (...args) => {
          const batch = await spool.pick(...args);
          if (batch !== undefined) await picking.promise;
          return batch;
        },
        settle: (...args) => spool.settle(...args),
        release: (...args) => spool.release(...args),
      }),
    });
    await relay.configure(spanAt(before.url, configured('old-token')));
    await relay.accept(['x']);
    await relay.configure(spanAt(after.url, configured('new-token')));
    picking.resolve();
    await relay.drained();
    expect([tokensSeenBy(before), tokensSeenBy(after)]).toEqual([[], ['new-token']]);
    expect(relay.books()).toMatchObject({ delivered: 2, resent: 0 });
  });

  it('counts from the next request on, also while a batch is being halved', async () => {
    let valid = 'token-0';
    const vendor = await vendorWith({
      answer: (request, n) => {
        if (request.headers[header] !== valid) return status(401);
        relay.credentials.present(header, `token-${n + 1}`);
        valid = `token-${n + 1}`;
        return namesIn(request).includes('guilty') ? status(400) : ok();
      },
    });
    const relay = await startRelay();
    relay.credentials.present(header, valid);
    await relay.spool.setDestinations([{ name: 'span', signals: ['metrics'] }]);
    await relay.accept(['a', 'b', 'guilty', 'c', 'd']);
    await relay.configure(spanAt(vendor.url));
    await relay.drained();
    expect(takenBy(vendor)).toEqual(['a', 'b', 'c', 'd']);
    expect(tokensSeenBy(vendor)).toEqual(vendor.seen.map((_, n) => `token-${n}`));
    expect(relay.books()).toMatchObject({ delivered: 8, rejected: 2 });
  });

  it('ends a wait for a destination in trouble', async () => {
    const vendor = await vendorWith({ answer: () => status(503, { 'retry-after': '3600' }) });
    const relay = await startRelay();
    await relay.configure(spanAt(vendor.url, configured('old-token')));
    await relay.accept(['x']);
    expect(await relay.waiting()).toBeGreaterThanOrEqual(hourMs);
    vendor.setAnswer(requireToken(header, () => 'new-token'));
    await relay.configure(spanAt(vendor.url, configured('new-token')));
    await relay.drained();
    expect(tokensSeenBy(vendor)).toEqual(['old-token', 'new-token']);
  });

  it('to a token that the destination did not know a moment ago: that was refused, and is tried again', async () => {
    let valid = 'old-token';
    const vendor = await vendorWith({ answer: requireToken(header, () => valid) });
    const relay = await startRelay();
    await relay.configure(spanAt(vendor.url));
    for (const token of ['old-token', 'new-token']) relay.credentials.present(header, token);
    await relay.accept(['a']);
    await relay.drained();
    expect(tokensSeenBy(vendor)).toEqual(['new-token', 'old-token']);
    valid = 'new-token';
    await relay.accept(['b']);
    await relay.drained();
    expect(tokensSeenBy(vendor).slice(2)).toEqual(['old-token', 'new-token']);
    expect(relay.facts()).toMatchObject({ state: 'ok', credential: { source: 'presented', refusedAt: null } });
  });
});

describe('what is refused', () => {
  it('a token that is valid again is found by a probe', async () => {
    let valid = 'another';
    const vendor = await vendorWith({ answer: requireToken(header, () => valid) });
    const relay = await startRelay();
    await relay.configure(spanAt(vendor.url, configured('suspended')));
    await relay.accept(['x']);
    await untilBlocked(relay);
    valid = 'suspended';
    relay.clock.advance(probeMs);
    await relay.drained();
  });

  it('a probe tries every value that is known, each once', async () => {
    let valid = 'presented-token';
    const vendor = await vendorWith({ answer: requireToken(header, () => valid) });
    const relay = await startRelay();
    relay.credentials.present(header, 'older-token');
    relay.credentials.present(header, 'presented-token');
    await relay.configure(spanAt(vendor.url, configured('configured-token')));
    await relay.accept(['a']);
    await relay.drained();
    valid = 'none for a while';
    await relay.accept(['b']);
    await untilBlocked(relay);
    const before = vendor.seen.length;
    relay.clock.advance(probeMs);
    await until('the probe is over', () => relay.facts().nextAttemptAt === relay.clock.now() + 2 * probeMs);
    expect(tokensSeenBy(vendor).slice(before)).toEqual(['presented-token', 'configured-token', 'older-token']);
    valid = 'older-token';
    relay.clock.advance(2 * probeMs);
    await relay.drained();
    expect(takenBy(vendor)).toEqual(['a', 'b']);
  });

  it('is asked again now and then where a lower source works, and not for every batch', async () => {
    const vendor = await vendorWith({ answer: requireToken(header, () => 'presented-token') });
    const relay = await startRelay();
    relay.credentials.present(header, 'presented-token');
    await relay.configure(spanAt(vendor.url, configured('configured-token')));
    const refusals = () => tokensSeenBy(vendor).filter((token) => token === 'configured-token').length;
    for (const name of numbered(30)) {
      await relay.accept([name]);
      await relay.drained();
    }
    expect(refusals()).toBe(1);
    relay.clock.advance(hourMs);
    await relay.accept(['later']);
    await relay.drained();
    expect(refusals()).toBe(2);
    expect(relay.facts()).toMatchObject({ state: 'ok', credential: { source: 'presented' } });
  });

  it('for one signal only is told as that, and does not touch the others', async () => {
    const vendor = await vendorWith({
      answer: ({ signal, headers }) => {
        if (headers[header] !== 'configured-token') return status(401);
        return signal === 'logs' ? status(403, {}, 'no right to write logs') : ok();
      },
    });
    const relay = await startRelay();
    relay.credentials.present(header, 'stale-token');
    await relay.configure(spanAt(vendor.url, configured('configured-token'), { signals: ['metrics', 'logs'] }));
    await relay.accept(['l'], 'logs');
    await untilBlocked(relay);
    for (const name of numbered(10)) {
      relay.clock.advance(1_000);
      await relay.accept([name]);
      await until('the metrics flow', () => relay.books().pending === 0);
    }
    const metrics = vendor.seen.filter(({ signal }) => signal === 'metrics');
    expect(metrics.every(({ headers }) => headers[header] === 'configured-token')).toBe(true);
    expect(relay.facts()).toMatchObject({
      state: 'blocked',
      lastError: { status: 403 },
      refusedSignals: ['logs'],
      credential: { source: 'config', worksFor: ['metrics'] },
    });
    expect(relay.books('span', 'logs')).toMatchObject({ pending: 2, rejected: 0 });
    vendor.setAnswer(() => ok());
    relay.clock.advance(probeMs);
    await relay.drained();
    expect(relay.facts()).toMatchObject({ state: 'ok', refusedSignals: [] });
  });

  it('for all signals, and taken again: what one signal has found out, the others need not wait for', async () => {
    let valid = 'another';
    const vendor = await vendorWith({ answer: requireToken(header, () => valid) });
    let turn = 0;
    // The probes of the signals are due at different times.
    const relay = await startRelay({ random: () => (turn++ % 3) / 3 });
    await relay.configure(spanAt(vendor.url, configured('token'), { signals: ['metrics', 'logs', 'traces'] }));
    for (const signal of ['metrics', 'logs', 'traces'] as const) await relay.accept([signal], signal);
    await until('all are blocked', () => relay.facts().refusedSignals.length === 3);
    valid = 'token';
    relay.clock.advance(Math.min(...relay.clock.due().filter((ms) => ms >= 30_000)));
    await relay.drained();
    expect(takenBy(vendor).sort()).toEqual(['logs', 'metrics', 'traces']);
  });
});

describe('between its coming and its first try', () => {
  const wakeJitterMs = 1_000;

  it('a new token of the config is not called refused', async () => {
    const vendor = await vendorWith({ answer: requireToken(header, () => 'new-token') });
    const relay = await startRelay({ wakeJitterMs });
    await relay.configure(spanAt(vendor.url, configured('old-token')));
    await relay.accept(['x']);
    await untilBlocked(relay);
    await relay.configure(spanAt(vendor.url, configured('new-token')));
    expect(relay.facts()).toMatchObject({
      state: 'blocked',
      credential: { source: 'config', lastWorkedAt: null, refusedAt: null },
      refusedCredentials: [],
    });
    relay.clock.advance(wakeJitterMs);
    await relay.drained();
  });

  it('the first one is not called missing', async () => {
    const vendor = await vendorWith();
    const relay = await startRelay({ wakeJitterMs });
    await relay.configure(spanAt(vendor.url));
    await relay.accept(['x']);
    await until('it says so', () => relay.facts().state === 'unconfigured');
    relay.credentials.present(header, 'token');
    expect(relay.facts()).toMatchObject({ state: 'ok', credential: { source: 'presented' } });
    relay.clock.advance(wakeJitterMs);
    await relay.drained();
  });
});
