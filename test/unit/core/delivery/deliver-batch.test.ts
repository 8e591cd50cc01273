import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../../../src/main/core/delivery/classify.ts';
import { deliverBatch } from '../../../../src/main/core/delivery/deliver-batch.ts';
import type { Batch, Settlement } from '../../../../src/main/core/spool/spool.ts';

const malformed: Verdict = { kind: 'malformed', error: { kind: 'malformed', status: 400, message: 'bad' } };
const tooLarge: Verdict = { kind: 'too-large', error: { kind: 'too-large', status: 413, message: 'big' } };
const delivered: Verdict = { kind: 'delivered', rejectedPoints: 0, message: '' };
const unavailable: Verdict = {
  kind: 'retry',
  error: { kind: 'http', status: 503, message: 'later' },
  possiblySent: false,
  staleConnection: false,
};

/** Requests of one byte each, whose byte is their index; ids are not contiguous, as in a real spool. */
function batchOf(count: number): Batch {
  const requests = Array.from({ length: count }, (_, index) => ({
    id: 10 + index * 3,
    points: 2,
    offset: index,
    length: 1,
  }));
  return { requests, body: Uint8Array.from(requests, ({ offset }) => offset) };
}

async function deliver(batch: Batch, verdictOf: (body: Uint8Array, n: number) => Verdict) {
  const settlements: Settlement[] = [];
  const sent: number[][] = [];
  const tooLargeSizes: number[] = [];
  const taken: number[] = [];
  const stoppedBy = await deliverBatch(batch, {
    send: async (body) => {
      sent.push([...body]);
      return verdictOf(body, sent.length - 1);
    },
    taken: (rejectedPoints) => taken.push(rejectedPoints),
    settle: async (settlement) => void settlements.push(settlement),
    tooLarge: (bytes) => tooLargeSizes.push(bytes),
  });
  return { stoppedBy, settlements, sent, taken, tooLargeSizes };
}

describe('delivering a batch', () => {
  it('sends it whole and settles it whole', async () => {
    const { settlements, sent } = await deliver(batchOf(4), () => ({ ...delivered, rejectedPoints: 3 }));
    expect(sent).toEqual([[0, 1, 2, 3]]);
    expect(settlements).toEqual([{ outcome: 'delivered', upTo: 19, rejectedPoints: 3 }]);
  });

  it('never books or tells more rejected points than it sent', async () => {
    const { settlements, taken } = await deliver(batchOf(2), () => ({ ...delivered, rejectedPoints: 500 }));
    expect(settlements).toEqual([{ outcome: 'delivered', upTo: 13, rejectedPoints: 4 }]);
    expect(taken).toEqual([4]);
  });

  it('sets exactly the guilty aside, in order, whichever they are', async () => {
    const guilty = fc.uniqueArray(fc.nat(99));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 100 }), guilty, async (count, all) => {
        const bad = new Set(all.filter((index) => index < count));
        const batch = batchOf(count);
        const run = await deliver(batch, (body) => (body.some((byte) => bad.has(byte)) ? malformed : delivered));
        expect(run.stoppedBy).toBeUndefined();
        const aside = run.settlements.filter(({ outcome }) => outcome === 'quarantined').map(({ upTo }) => upTo);
        expect(aside).toEqual([...bad].sort((a, b) => a - b).map((index) => 10 + index * 3));
        const ends = run.settlements.map(({ upTo }) => upTo);
        expect(ends).toEqual([...ends].sort((a, b) => a - b));
        expect(ends.at(-1)).toBe(10 + (count - 1) * 3);
        expect(run.sent.length).toBeLessThan(2 * count);
      }),
    );
  });

  it('finds one guilty request of a hundred with few sends', async () => {
    const { sent } = await deliver(batchOf(100), (body) => (body.includes(37) ? malformed : delivered));
    expect(sent.length).toBeLessThanOrEqual(15);
  });

  it('keeps the verdict with what it sets aside', async () => {
    const { settlements } = await deliver(batchOf(1), () => malformed);
    expect(settlements).toEqual([{ outcome: 'quarantined', upTo: 10, status: 400, message: 'bad' }]);
  });

  it('halves what is too large until it passes, and tells the sizes', async () => {
    const run = await deliver(batchOf(8), (body) => (body.length > 2 ? tooLarge : delivered));
    expect(run.sent.map((body) => body.length)).toEqual([8, 4, 2, 2, 4, 2, 2]);
    expect(run.tooLargeSizes).toEqual([8, 4, 4]);
  });

  it('sets a single request aside that is too large by itself', async () => {
    const run = await deliver(batchOf(2), (body) => (body.includes(1) ? tooLarge : delivered));
    expect(run.settlements).toEqual([
      { outcome: 'delivered', upTo: 10, rejectedPoints: 0 },
      { outcome: 'quarantined', upTo: 13, status: 413, message: 'big' },
    ]);
    expect(run.tooLargeSizes).toEqual([2]);
  });

  it('stops where the destination fails in the middle: what is settled stays settled, the rest is left', async () => {
    const run = await deliver(batchOf(4), (body, n) =>
      n >= 2 ? unavailable : body.length > 2 ? malformed : delivered,
    );
    expect(run.stoppedBy).toBe(unavailable);
    expect(run.settlements).toEqual([{ outcome: 'delivered', upTo: 13, rejectedPoints: 0 }]);
  });
});
