import { describe, expect, it } from 'vitest';
import { makeCertificates, noCertificatesBecause } from '../support/certificates.ts';
import { until } from '../support/until.ts';
import { htmlPage, ok, partialSuccess, startVendor, status, type VendorAnswer } from '../support/vendor.ts';
import { destinationAt, namesIn, numbered, startRelay, takenBy, vendorWith } from './delivery-harness.ts';

const five = numbered(5);
const allPoints = 10;
const noCertificates = await noCertificatesBecause();

/** Stores five requests for a vendor that answers the first attempt with `first`, and takes everything after it. */
async function answeredFirstWith(first: VendorAnswer, timeoutMs = 30_000) {
  const vendor = await vendorWith({ answer: (_request, n) => (n === 0 ? first : ok()) });
  const relay = await startRelay();
  await relay.spool.setDestinations([{ name: 'span', signals: ['metrics'] }]);
  await relay.accept(five);
  await relay.configure(destinationAt(vendor.url, { timeoutMs }));
  return { vendor, relay };
}

describe('taken', () => {
  it.each([200, 202, 204])('%i: delivered, in one request', async (code) => {
    const { vendor, relay } = await answeredFirstWith(status(code));
    await relay.drained();
    expect(relay.books()).toMatchObject({ accepted: allPoints, delivered: allPoints, pending: 0, resent: 0 });
    expect(vendor.accepted.map(namesIn)).toEqual([five]);
    expect(vendor.accepted[0]?.headers).toMatchObject({
      'content-type': 'application/x-protobuf',
      'content-encoding': 'gzip',
    });
    expect(relay.facts()).toMatchObject({ state: 'ok', lastError: null, lastSuccessAt: relay.clock.now() });
  });

  it('partial success: the rest is booked as rejected with its message, and never sent again', async () => {
    const { vendor, relay } = await answeredFirstWith(partialSuccess(3, 'too old'));
    await relay.drained();
    expect(relay.books()).toMatchObject({ delivered: 7, rejected: 3, pending: 0 });
    expect(relay.facts()).toMatchObject({
      state: 'ok',
      lastPartialSuccess: { points: 3, message: 'too old', at: relay.clock.now() },
    });
    expect(vendor.seen).toHaveLength(1);
  });

  it('partial success of more than was sent: what is told and logged is what was sent', async () => {
    const { relay } = await answeredFirstWith(partialSuccess(100, 'all of it'));
    await relay.drained();
    expect(relay.books()).toMatchObject({ delivered: 0, rejected: allPoints });
    expect(relay.facts()).toMatchObject({ lastPartialSuccess: { points: allPoints, message: 'all of it' } });
    expect(relay.logged).toContain(
      `points rejected ${JSON.stringify({ destination: 'span', signal: 'metrics', points: allPoints })}`,
    );
  });

  it('a success with a message is delivered, and the message is kept', async () => {
    const { relay } = await answeredFirstWith(partialSuccess(0, 'use delta'));
    await relay.drained();
    expect(relay.books()).toMatchObject({ delivered: allPoints, rejected: 0 });
    expect(relay.facts()).toMatchObject({
      lastPartialSuccess: null,
      lastWarning: { at: relay.clock.now(), message: 'use delta' },
    });
  });

  it('partial success in JSON counts the same', async () => {
    const body = JSON.stringify({ partialSuccess: { rejectedDataPoints: '4', errorMessage: 'no' } });
    const { relay } = await answeredFirstWith(status(200, { 'content-type': 'application/json' }, body));
    await relay.drained();
    expect(relay.books()).toMatchObject({ delivered: 6, rejected: 4 });
  });
});

describe('tried again', () => {
  it.each([408, 429, 500, 502, 503, 504, 599])('%i: held, then sent once more', async (code) => {
    const { vendor, relay } = await answeredFirstWith(status(code, {}, 'busy'));
    expect(await relay.waiting()).toBe(500);
    expect(relay.books()).toMatchObject({ pending: allPoints, delivered: 0 });
    expect(relay.facts()).toMatchObject({
      state: 'retrying',
      lastError: { kind: 'http', status: code, message: expect.stringContaining('busy') },
      retryingSinceAt: relay.clock.now(),
    });
    await relay.balanced();
    relay.clock.advance(500);
    await relay.drained();
    expect(takenBy(vendor)).toEqual(five);
    // After trouble it goes step by step.
    expect(vendor.accepted.map(namesIn)).toEqual([['r0'], ['r1', 'r2', 'r3', 'r4']]);
    expect(relay.books()).toMatchObject({ delivered: allPoints, resent: 0 });
    expect(relay.facts()).toMatchObject({ state: 'ok', lastError: null, retryingSinceAt: null, nextAttemptAt: null });
  });

  it.each<[string, VendorAnswer]>([
    ['reset', { kind: 'reset' }],
    ['reset in the middle of a success', { kind: 'reset-mid-response', status: 200 }],
    ['half-closed', { kind: 'half-close' }],
    ['garbage', { kind: 'bytes', bytes: 'SSH-2.0-OpenSSH\r\n' }],
  ])('%s after the request: held, and counted as possibly sent twice', async (_what, answer) => {
    const { vendor, relay } = await answeredFirstWith(answer);
    await relay.waiting();
    expect(relay.books()).toMatchObject({ pending: allPoints, resent: allPoints });
    await relay.balanced();
    vendor.setAnswer(() => ok());
    relay.delivery.wake('manual');
    await relay.drained();
    expect(takenBy(vendor)).toEqual(five);
  });

  it.each<[string, VendorAnswer]>([
    ['hangs', { kind: 'hang' }],
    ['trickles', { kind: 'trickle' }],
  ])('a vendor that %s: the time-out ends it, counted as possibly sent twice', async (_what, answer) => {
    const { vendor, relay } = await answeredFirstWith(answer, 20_000);
    await until('the vendor has it', () => vendor.seen.length === 1);
    await until('the request was written', () => relay.clock.due().length === 1);
    relay.clock.advance(20_000);
    await relay.waiting();
    expect(relay.facts().lastError).toMatchObject({ kind: 'timeout', message: expect.stringContaining('20 s') });
    expect(relay.books()).toMatchObject({ pending: allPoints, resent: allPoints });
    await relay.balanced();
  });

  it('nobody listens: held, certainly not sent', async () => {
    const gone = await startVendor();
    await gone.stop();
    const relay = await startRelay();
    await relay.configure(destinationAt(gone.url));
    await relay.accept(five);
    await relay.waiting();
    expect(relay.facts()).toMatchObject({ state: 'retrying', lastError: { kind: 'connect' } });
    expect(relay.books()).toMatchObject({ pending: allPoints, resent: 0 });
    await relay.balanced();
  });

  it('a name that does not exist: held', async () => {
    const relay = await startRelay();
    await relay.configure(destinationAt('https://span-relay.invalid'));
    await relay.accept(five);
    await relay.waiting();
    expect(relay.facts()).toMatchObject({ state: 'retrying', lastError: { kind: 'dns' } });
    expect(relay.books()).toMatchObject({ pending: allPoints, resent: 0 });
  });

  it.skipIf(noCertificates !== undefined)('a certificate that is not trusted: held, and nothing was sent', async () => {
    const certificates = await makeCertificates();
    const vendor = await vendorWith({ tls: certificates.expired });
    const relay = await startRelay({ trustedCertificates: [certificates.authority] });
    await relay.configure(destinationAt(vendor.url));
    await relay.accept(five);
    await relay.waiting();
    expect(relay.facts()).toMatchObject({ state: 'retrying', lastError: { kind: 'tls' } });
    expect(relay.books()).toMatchObject({ pending: allPoints, resent: 0 });
    expect(vendor.seen).toEqual([]);
  });
});

describe('blocked', () => {
  it.each<[string, VendorAnswer, string, string]>([
    ['401', status(401, {}, 'expired'), 'credentials', 'expired'],
    ['403', status(403), 'credentials', '403'],
    ['404', status(404), 'endpoint', '404'],
    ['405', status(405), 'endpoint', '405'],
    ['302', status(302, { location: 'https://sso.example.com/x?secret=1' }), 'endpoint', 'sso.example.com'],
    ['a web page with 200', htmlPage(), 'captive-portal', 'web page'],
  ])('%s: all data is held, and one request tried now and then', async (_what, answer, kind, words) => {
    const { vendor, relay } = await answeredFirstWith(answer);
    vendor.setAnswer((_request, n) => (n < 3 ? answer : ok()));
    expect(await relay.waiting()).toBe(60_000);
    expect(relay.facts()).toMatchObject({
      state: 'blocked',
      lastError: { kind, message: expect.stringContaining(words) },
    });
    expect(relay.books()).toMatchObject({ pending: allPoints, rejected: 0, resent: 0 });
    await relay.balanced();

    for (const [probe, nextMs] of [60_000, 120_000].entries()) {
      relay.clock.advance(nextMs);
      await until('the probe has failed', () => vendor.seen.length === probe + 2);
      expect(await relay.waiting()).toBe(nextMs * 2);
    }
    expect(vendor.seen.map((request) => namesIn(request).length)).toEqual([5, 1, 1]);

    relay.delivery.wake('manual');
    await relay.drained();
    expect(takenBy(vendor)).toEqual(five);
    expect(relay.facts().state).toBe('ok');
  });
});

it('a credential that the vendor echoes gets into no text of ours', async () => {
  const token = 'tok-canary-0123456789';
  const vendor = await vendorWith({ answer: () => status(400, {}, `bad token ${token}, Bearer hdr-canary-42`) });
  const relay = await startRelay();
  await relay.configure(
    destinationAt(vendor.url, {
      headers: { authorization: 'Bearer hdr-canary-42' },
      credential: { header: 'x-span-token', tokens: [{ source: 'config', token }] },
    }),
  );
  await relay.accept(['one']);
  await until('it is set aside', () => relay.spool.books().quarantined.length > 0);
  vendor.setAnswer(() => status(401, {}, `bad token ${token}, Bearer hdr-canary-42`));
  await relay.accept(['two']);
  await relay.waiting();
  const texts = JSON.stringify([relay.facts(), relay.logged, await relay.spool.quarantine.list()]);
  expect(texts).toContain('bad token [hidden]');
  expect(texts).not.toContain('canary');
});
