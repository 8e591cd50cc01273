import { expect, it } from 'vitest';
import { retryAfterMs } from '../../../../src/main/core/delivery/retry-after.ts';

const now = Date.UTC(2026, 10, 20, 10, 0, 0);
const read = (value: string, date?: string) =>
  retryAfterMs({ 'retry-after': value, ...(date === undefined ? {} : { date }) }, now);

it('reads seconds', () => {
  expect(read('120')).toBe(120_000);
  expect(read(' 0 ')).toBe(0);
});

it.each(['Fri, 20 Nov 2026 10:01:30 GMT', 'Friday, 20-Nov-26 10:01:30 GMT', 'Fri Nov 20 10:01:30 2026'])(
  'reads every form of an HTTP-date: %s',
  (date) => {
    expect(read(date)).toBe(90_000);
  },
);

it("measures a date from the answer's own Date, because the clock here may be off", () => {
  expect(read('Sat, 21 Nov 2026 12:00:10 GMT', 'Sat, 21 Nov 2026 12:00:00 GMT')).toBe(10_000);
});

it('keeps within nothing and an hour', () => {
  expect(read('Fri, 20 Nov 2026 09:00:00 GMT')).toBe(0);
  expect(read('Sat, 21 Nov 2026 10:00:00 GMT')).toBe(3_600_000);
  expect(read('999999999999999999999')).toBe(3_600_000);
});

it.each(['', 'soon', '-5', '1.5', '2026-11-20', '12 s', 'Monday'])('ignores what is neither: %j', (value) => {
  expect(read(value)).toBeUndefined();
});

it('says nothing when there is no such header', () => {
  expect(retryAfterMs({}, now)).toBeUndefined();
});
