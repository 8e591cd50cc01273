import { expect, test } from 'vitest';
import { LastHour } from '../../../../src/main/core/health/last-hour.ts';
import { handClock } from '../../../support/hand-clock.ts';

test('counts what happened in the last hour, whatever the wall clock says', () => {
  const clock = handClock(0);
  const count = new LastHour(clock);
  count.add(3);
  clock.advance(59 * 60_000);
  clock.setWall(10 ** 12);
  count.add(4);
  expect(count.total()).toBe(7);
  clock.advance(2 * 60_000);
  expect(count.total()).toBe(4);
  clock.advance(60 * 60_000);
  expect(count.total()).toBe(0);
});
