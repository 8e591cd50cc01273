import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  emptyNumbers,
  type Interval,
  isSubscribed,
  neededIntervals,
  openEnd,
  owes,
  type Queue,
  subtract,
} from '../../../../src/main/core/spool/queue.ts';

function queue(parts: Partial<Omit<Queue, 'numbers'>> & { position?: number; pending?: number }): Queue {
  const { position = 0, pending = 1, ...rest } = parts;
  const numbers = { ...emptyNumbers(), position, pending_requests: pending };
  return { destination: 1, signal: 0, subscriptions: [], inFlight: [], oldestAt: null, ...rest, numbers };
}

const interval = fc
  .tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 10 }))
  .map(([first, length]): Interval => ({ first, last: first + length }));

const idsOf = (intervals: readonly Interval[]) =>
  intervals.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at));

test('subtract leaves exactly the ids that no hole covers, ascending and once', () => {
  fc.assert(
    fc.property(interval, fc.array(interval, { maxLength: 5 }), (whole, holes) => {
      const holed = new Set(idsOf(holes));
      expect(idsOf(subtract(whole, holes))).toEqual(idsOf([whole]).filter((id) => !holed.has(id)));
    }),
  );
});

test('subtract of an empty range leaves nothing', () => {
  expect(subtract({ first: 5, last: 4 }, [])).toEqual([]);
});

test('a queue owes what its subscriptions cover behind its position', () => {
  const owing = queue({
    position: 10,
    subscriptions: [
      { first: 5, last: 12 },
      { first: 20, last: openEnd },
    ],
  });
  const owed = [9, 10, 11, 12, 13, 19, 20, 1_000_000].filter((id) => owes(owing, { id, signal: 0, onlyFor: null }));
  expect(owed).toEqual([11, 12, 20, 1_000_000]);
  expect(neededIntervals(owing)).toEqual([
    { first: 11, last: 12 },
    { first: 20, last: openEnd },
  ]);
});

test('a queue owes neither another signal nor what is reserved for another destination', () => {
  const owing = queue({ subscriptions: [{ first: 1, last: openEnd }] });
  expect(owes(owing, { id: 1, signal: 1, onlyFor: null })).toBe(false);
  expect(owes(owing, { id: 1, signal: 0, onlyFor: 2 })).toBe(false);
  expect(owes(owing, { id: 1, signal: 0, onlyFor: 1 })).toBe(true);
});

test('a queue with nothing pending needs nothing, whatever it subscribes to', () => {
  expect(neededIntervals(queue({ pending: 0, subscriptions: [{ first: 1, last: openEnd }] }))).toEqual([]);
});

test('a queue is subscribed while its last subscription is open', () => {
  expect(isSubscribed(queue({}))).toBe(false);
  expect(isSubscribed(queue({ subscriptions: [{ first: 1, last: 4 }] }))).toBe(false);
  expect(isSubscribed(queue({ subscriptions: [{ first: 1, last: openEnd }] }))).toBe(true);
});
