import { expect, test } from 'vitest';
import { Drops } from '../../../../src/main/core/health/drops.ts';
import { emptyBooks, type HourRow } from '../../../../src/shared/ledger.ts';
import type { RepairReport } from '../../../../src/shared/repair.ts';
import { handClock } from '../../../support/hand-clock.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const now = Date.UTC(2026, 10, 20, 12);

test('drops of one cause are one entry per hour, at the time of the latest', () => {
  const clock = handClock(now);
  const drops = new Drops(clock);
  drops.add('quota', 10);
  clock.advance(30 * minuteMs);
  drops.add('age', 1);
  drops.add('quota', 5);
  clock.advance(30 * minuteMs);
  drops.add('quota', 2);
  expect(drops.facts()).toEqual([
    { at: now + 30 * minuteMs, cause: 'age', points: 1 },
    { at: now + 30 * minuteMs, cause: 'quota', points: 15 },
    { at: now + 60 * minuteMs, cause: 'quota', points: 2 },
  ]);
});

test('the history tells what was dropped before, without what a repair tells of itself', () => {
  const drops = new Drops(handClock(now));
  const row = (hour: number, dropped: Partial<HourRow['dropped']>): HourRow => ({
    ...emptyBooks,
    destination: 'span',
    signal: 'logs',
    hour,
    dropped: { ...emptyBooks.dropped, ...dropped },
  });
  const repair: RepairReport = {
    at: now - hourMs + 5,
    reason: 'a page is damaged',
    keptIn: '',
    salvagedRequests: 1,
    lostPoints: 20,
    estimated: false,
  };
  drops.recall(
    [
      row(now - 2 * hourMs, { corruption: 7, quota: 1 }),
      row(now - hourMs, { corruption: 20 }),
      row(now - hourMs, { corruption: 3 }),
      row(now, {}),
    ],
    [repair],
  );
  expect(drops.facts()).toEqual([
    { at: now - 2 * hourMs, cause: 'quota', points: 1 },
    { at: now - 2 * hourMs, cause: 'corruption', points: 7 },
    { at: now - hourMs, cause: 'corruption', points: 3 },
  ]);
});
