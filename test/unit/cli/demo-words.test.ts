import { expect, test } from 'vitest';
import { owesFromOutage } from '../../../src/main/cli/demo/model.ts';
import { lastSuccess, sceneWords } from '../../../src/main/cli/demo/words.ts';
import { downMoment, endMoment, healthyMoment, isDown, isUpAgain, modelAt } from './demo-model.ts';

const { nextAttempt: _, ...noAttemptPlanned } = downMoment;

test.each([
  ['healthy', modelAt(healthyMoment), 'All is well: every export is on disk before it is answered, then delivered.'],
  ['down', modelAt(downMoment, isDown), 'Span is down: everything is kept on disk. Next attempt in 3 s.'],
  ['down, unnoticed', modelAt(noAttemptPlanned, isDown), 'Span is down: everything is kept on disk.'],
  [
    'up, unnoticed',
    modelAt({ ...downMoment, seconds: 10.6 }, isUpAgain),
    'Span is up again: the relay delivers at its next attempt. Next attempt now.',
  ],
  [
    'up, with a backlog',
    modelAt({ ...noAttemptPlanned, seconds: 11 }, isUpAgain),
    'Span is up again: what waited on disk is delivered, oldest first.',
  ],
  [
    'up, with nothing but what is new',
    modelAt({ ...noAttemptPlanned, seconds: 15, oldest: 14.9 }, isUpAgain),
    'Span is up again, and all that waited on disk has been delivered.',
  ],
  [
    'ending',
    modelAt(endMoment, { ...isUpAgain, scene: 'ending' }),
    'The sessions have ended. The last exports are on their way.',
  ],
])('what happens is said in words: %s', (_scene, model, words) => {
  expect(sceneWords(model)).toBe(words);
});

test('what is on disk since the outage is told from what is new', () => {
  const sinceUp = { ...noAttemptPlanned, seconds: 12 };
  expect(owesFromOutage(modelAt({ ...sinceUp, oldest: 9.9 }, isUpAgain))).toBe(true);
  expect(owesFromOutage(modelAt({ ...sinceUp, oldest: 10.1 }, isUpAgain))).toBe(false);
});

test('the last success is told as a time ago', () => {
  expect(lastSuccess(modelAt(downMoment))).toBe('last success 3 s ago');
  expect(lastSuccess(modelAt({ ...downMoment, lastSuccess: null }))).toBe('no success yet');
});
