import { describe, expect, it } from 'vitest';
import { nextDelayMs, nextProbeMs } from '../../../../src/main/core/delivery/backoff.ts';

const almostOne = 1 - Number.EPSILON;

describe('backoff', () => {
  it('spreads a retry over everything from nothing to the ceiling', () => {
    expect(nextDelayMs(1, 0)).toBe(0);
    expect(nextDelayMs(1, 0.5)).toBe(500);
  });

  it('doubles the ceiling from 1 s to 5 min and stays there', () => {
    const ceilings = Array.from({ length: 11 }, (_, index) => Math.round(nextDelayMs(index + 1, almostOne) / 1000));
    expect(ceilings).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    expect(nextDelayMs(100_000, 0.5)).toBe(150_000);
  });

  it('lets Retry-After win, with up to a tenth on top', () => {
    expect(nextDelayMs(9, 0, 7_000)).toBe(7_000);
    expect(nextDelayMs(9, 0.5, 7_000)).toBe(7_350);
  });

  it('does not hammer a destination that says Retry-After: 0', () => {
    expect(nextDelayMs(4, 0.5, 0)).toBe(4_000);
  });

  it('probes after 1 min, doubling to 15 min, give or take a fifth', () => {
    expect([1, 2, 3, 4, 5, 6].map((attempt) => nextProbeMs(attempt, 0.5) / 60_000)).toEqual([1, 2, 4, 8, 15, 15]);
    expect(nextProbeMs(1, 0)).toBe(48_000);
    expect(nextProbeMs(1, almostOne)).toBeCloseTo(72_000);
  });
});
