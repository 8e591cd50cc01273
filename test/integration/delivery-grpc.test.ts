import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RpcCodeName, rpcCode } from '../../src/main/core/otlp/status.ts';
import { type GrpcVendorAnswer, refused, taken, takenPartly } from '../support/grpc-vendor.ts';
import { until } from '../support/until.ts';
import {
  destinationAt,
  grpcVendorWith,
  namesIn,
  numbered,
  pointsPerRequest,
  startRelay,
  takenBy,
} from './delivery-harness.ts';

const five = numbered(5);
const allPoints = five.length * pointsPerRequest;

/** Stores five requests for a vendor that answers the first attempt with `first`, and takes everything after it. */
async function answeredFirstWith(first: GrpcVendorAnswer) {
  const vendor = await grpcVendorWith({ answer: (_request, n) => (n === 0 ? first : taken()) });
  const relay = await startRelay();
  await relay.spool.setDestinations([{ name: 'span', signals: ['metrics'] }]);
  await relay.accept(five);
  await relay.configure(destinationAt(vendor.url, { protocol: 'grpc' }));
  return { vendor, relay };
}

describe('what gRPC codes do', () => {
  it('OK: delivered, in one compressed message', async () => {
    const { vendor, relay } = await answeredFirstWith(taken());
    await relay.drained();
    expect(relay.books()).toMatchObject({ accepted: allPoints, delivered: allPoints, resent: 0 });
    expect(vendor.accepted.map(namesIn)).toEqual([five]);
    expect(relay.facts()).toMatchObject({ state: 'ok', lastError: null, endpoint: vendor.url });
  });

  it('OK with a partial success: the rest is booked as rejected with its message, and never sent again', async () => {
    const { vendor, relay } = await answeredFirstWith(takenPartly(3, 'too old'));
    await relay.drained();
    expect(relay.books()).toMatchObject({ delivered: allPoints - 3, rejected: 3 });
    expect(relay.facts()).toMatchObject({ lastPartialSuccess: { points: 3, message: 'too old' } });
    expect(vendor.seen).toHaveLength(1);
  });

  const retried: readonly [RpcCodeName, number][] = [
    ['CANCELLED', 499],
    ['UNKNOWN', 500],
    ['DEADLINE_EXCEEDED', 504],
    ['ABORTED', 409],
    ['OUT_OF_RANGE', 400],
    ['INTERNAL', 500],
    ['UNAVAILABLE', 503],
    ['DATA_LOSS', 500],
    ['RESOURCE_EXHAUSTED', 429],
  ];
  it.each(retried)('%s: held, then sent once more', async (code, status) => {
    const { vendor, relay } = await answeredFirstWith(refused(code, 'busy'));
    expect(await relay.waiting()).toBe(500);
    expect(relay.facts()).toMatchObject({
      state: 'retrying',
      lastError: { kind: 'http', status, grpcStatus: code, message: expect.stringContaining(`(gRPC ${code}): busy`) },
    });
    expect(relay.books()).toMatchObject({ pending: allPoints, resent: 0 });
    await relay.balanced();
    relay.clock.advance(500);
    await relay.drained();
    expect(takenBy(vendor)).toEqual(five);
  });

  it.each<RpcCodeName>(['UNAVAILABLE', 'RESOURCE_EXHAUSTED'])('%s with RetryInfo: waits that long', async (code) => {
    const { vendor, relay } = await answeredFirstWith(refused(code, '', 90.5));
    expect(await relay.waiting()).toBeCloseTo(90_500 * 1.05);
    relay.clock.advance(90_500 * 1.05);
    await relay.drained();
    expect(takenBy(vendor)).toEqual(five);
  });

  it.each<[RpcCodeName, string, string]>([
    ['UNAUTHENTICATED', 'credentials', 'refuses the credentials (gRPC UNAUTHENTICATED): because'],
    ['PERMISSION_DENIED', 'credentials', 'refuses the credentials'],
    ['UNIMPLEMENTED', 'endpoint', 'does not accept telemetry'],
    ['NOT_FOUND', 'endpoint', 'does not accept telemetry'],
  ])('%s: all data is held, and one request tried now and then', async (code, kind, words) => {
    const { vendor, relay } = await answeredFirstWith(refused(code, 'because'));
    expect(await relay.waiting()).toBe(60_000);
    expect(relay.facts()).toMatchObject({
      state: 'blocked',
      lastError: { kind, grpcStatus: code, message: expect.stringContaining(words) },
    });
    expect(relay.books()).toMatchObject({ pending: allPoints, rejected: 0, resent: 0 });
    relay.clock.advance(60_000);
    await relay.drained();
    expect(takenBy(vendor)).toEqual(five);
  });

  it('UNIMPLEMENTED because of gzip says what to do', async () => {
    const words = 'grpc: Decompressor is not installed for grpc-encoding "gzip"';
    const { relay } = await answeredFirstWith(refused('UNIMPLEMENTED', words));
    await relay.waiting();
    expect(relay.facts().lastError?.message).toContain('set its compression to none');
  });

  it.each<[RpcCodeName, number]>([
    ['INVALID_ARGUMENT', 400],
    ['FAILED_PRECONDITION', 400],
    ['ALREADY_EXISTS', 409],
  ])('%s: exactly the guilty are set aside, the rest is delivered in order', async (code, status) => {
    const guilty = ['r3', 'r17', 'r18'];
    const all = numbered(20);
    const vendor = await grpcVendorWith({
      answer: (request) => (namesIn(request).some((name) => guilty.includes(name)) ? refused(code, 'bad') : taken()),
    });
    const relay = await startRelay();
    await relay.spool.setDestinations([{ name: 'span', signals: ['metrics'] }]);
    await relay.accept(all);
    await relay.configure(destinationAt(vendor.url, { protocol: 'grpc' }));
    await relay.drained();
    expect(takenBy(vendor)).toEqual(all.filter((name) => !guilty.includes(name)));
    expect(relay.books()).toMatchObject({ delivered: 34, rejected: 6, pending: 0, resent: 0 });
    const listed = await relay.spool.quarantine.list('span');
    expect(listed).toHaveLength(3);
    expect(listed[0]).toMatchObject({ status, message: expect.stringContaining(`(gRPC ${code}): bad`) });
  });

  it("a message over the server's own limit is halved until it passes", async () => {
    const vendor = await grpcVendorWith({ maxMessageBytes: 100 });
    const relay = await startRelay();
    await relay.spool.setDestinations([{ name: 'span', signals: ['metrics'] }]);
    await relay.accept([...numbered(40), 'x'.repeat(110)]);
    await relay.configure(destinationAt(vendor.url, { protocol: 'grpc', compression: 'none' }));
    await relay.drained();
    expect(takenBy(vendor)).toEqual(numbered(40));
    expect(await relay.spool.quarantine.list()).toMatchObject([
      { status: 429, message: expect.stringContaining('calls the request too large (gRPC RESOURCE_EXHAUSTED)') },
    ]);
  });

  it('a credential that the vendor echoes gets into no text of ours', async () => {
    const token = 'tok-canary-0123456789';
    const vendor = await grpcVendorWith({
      answer: ({ headers }, n) =>
        refused(n === 0 ? 'INVALID_ARGUMENT' : 'UNAUTHENTICATED', `bad token ${headers['x-span-token']}`),
    });
    const relay = await startRelay();
    const credential = { header: 'X-Span-Token', tokens: [{ source: 'config', token }] } as const;
    await relay.configure(destinationAt(vendor.url, { protocol: 'grpc', credential }));
    await relay.accept(['one']);
    await until('it is set aside', () => relay.spool.books().quarantined.length > 0);
    await relay.accept(['two']);
    await relay.waiting();
    const texts = JSON.stringify([relay.facts(), relay.logged, await relay.spool.quarantine.list()]);
    expect(texts).toContain('bad token [hidden]');
    expect(texts).not.toContain('canary');
  });

  it('whatever the code, the books balance and nothing is lost', async () => {
    const codes = Object.keys(rpcCode).filter((code): code is RpcCodeName => Object.hasOwn(rpcCode, code));
    const answer = fc.oneof(
      fc.record({ code: fc.constantFrom(...codes), message: fc.constantFrom('', 'message larger than max', 'quota') }),
      fc.constantFrom('reset' as const, 'partial' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { maxLength: 8 }), async (answers) => {
        const vendor = await grpcVendorWith({
          answer: (_request, n) => {
            const one = answers[n];
            if (one === undefined) return taken();
            if (one === 'reset') return { kind: 'reset' };
            if (one === 'partial') return takenPartly(1, 'one');
            return one.code === 'OK' ? taken() : refused(one.code, one.message);
          },
        });
        const relay = await startRelay();
        await relay.configure(destinationAt(vendor.url, { protocol: 'grpc' }));
        await relay.accept(numbered(6));
        await until('everything has an outcome', () => {
          relay.clock.advance(60_000);
          return relay.books().pending === 0;
        });
        await relay.balanced();
        const { accepted, delivered, rejected } = relay.books();
        expect(delivered + rejected).toBe(accepted);
        const aside = await relay.spool.quarantine.list();
        expect(new Set(takenBy(vendor)).size + aside.length).toBeGreaterThanOrEqual(6);
      }),
      { numRuns: 25 },
    );
  });
});
