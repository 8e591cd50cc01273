import { expect, test } from 'vitest';
import { countOf, formatBytes, formatDuration, listOf, relativeTime } from '../../../src/shared/wording.ts';

test.each([
  [0, '0 requests'],
  [1, '1 request'],
  [1_204, '1,204 requests'],
])('counts %i', (count, words) => {
  expect(countOf(count, 'request')).toBe(words);
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [4.25 * 2 ** 20, '4.3 MiB'],
  [268_435_456, '256 MiB'],
  [2 ** 50, '1024 TiB'],
])('%i bytes', (bytes, words) => {
  expect(formatBytes(bytes)).toBe(words);
});

test.each([
  [0, '0 s'],
  [59_400, '59 s'],
  [60_000, '1 min'],
  [3_599_000, '59 min'],
  [47 * 3_600_000, '47 h'],
  [49 * 3_600_000, '2 days'],
])('%i ms', (durationMs, words) => {
  expect(formatDuration(durationMs)).toBe(words);
});

test.each([
  [-500, 'just now'],
  [0, 'just now'],
  [400, 'now'],
  [-120_000, '2 min ago'],
  [40_000, 'in 40 s'],
])('a moment that is %i ms away', (distanceMs, words) => {
  expect(relativeTime(1_000_000 + distanceMs, 1_000_000)).toBe(words);
});

test.each([
  [[], ''],
  [['a'], 'a'],
  [['a', 'b'], 'a and b'],
  [['a', 'b', 'c'], 'a, b and c'],
])('%j as a list', (words, list) => {
  expect(listOf(words)).toBe(list);
  expect(listOf(words, 'or')).toBe(list.replace('and', 'or'));
});
