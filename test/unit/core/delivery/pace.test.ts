import { expect, it } from 'vitest';
import { Pace } from '../../../../src/main/core/delivery/pace.ts';

it('sends up to 1 MiB or 1000 requests, without pauses', () => {
  const pace = new Pace(2 ** 20);
  expect(pace.limits(0)).toEqual({ maxBytes: 1_048_576, maxRequests: 1_000 });
  expect(pace.pauseMs(100, 0.5)).toBe(0);
});

it('starts slowly after a failure', () => {
  const pace = new Pace(2 ** 20);
  pace.failed();
  const steps = Array.from({ length: 5 }, () => {
    const { maxRequests } = pace.limits(0);
    pace.passed();
    return maxRequests;
  });
  expect(steps).toEqual([1, 10, 100, 1_000, 1_000]);
});

it('pauses about as long as the destination took to answer, until the backlog is gone', () => {
  const pace = new Pace(2 ** 20);
  pace.failed();
  expect([pace.pauseMs(100, 0), pace.pauseMs(100, 0.5), pace.pauseMs(60_000, 0.5)]).toEqual([50, 100, 5_000]);
  pace.caughtUp();
  expect(pace.pauseMs(100, 0.5)).toBe(0);
  expect(pace.limits(0).maxRequests).toBe(1_000);
});

it('stays under half of what was too large, for an hour', () => {
  const pace = new Pace(2 ** 20);
  pace.tooLarge(1_000_000, 0);
  pace.tooLarge(500_000, 0);
  pace.tooLarge(900_000, 0);
  expect(pace.limits(3_600_000).maxBytes).toBe(250_000);
  expect(pace.limits(3_600_001).maxBytes).toBe(1_048_576);
});
