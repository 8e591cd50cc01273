import { expect, it } from 'vitest';
import { mergeSignals, type SignalFacts } from '../../../../src/main/core/delivery/facts.ts';

const fine: SignalFacts = {
  signal: 'metrics',
  state: 'ok',
  lastSuccessAt: 100,
  lastAttemptAt: 100,
  lastError: null,
  nextAttemptAt: null,
  retryingSinceAt: null,
  lastPartialSuccess: null,
  lastWarning: null,
};

it('shows the worst signal with its error, the latest success and the soonest attempt', () => {
  const retrying: SignalFacts = {
    ...fine,
    signal: 'logs',
    state: 'retrying',
    lastSuccessAt: 50,
    lastAttemptAt: 120,
    lastError: { kind: 'http', status: 503, message: 'later' },
    nextAttemptAt: 130,
    retryingSinceAt: 60,
    lastPartialSuccess: { at: 40, points: 1, message: 'a' },
    lastWarning: { at: 41, message: 'c' },
  };
  const blocked: SignalFacts = {
    ...fine,
    signal: 'traces',
    state: 'blocked',
    lastSuccessAt: null,
    lastAttemptAt: 110,
    lastError: { kind: 'endpoint', status: 404, message: 'where' },
    nextAttemptAt: 900,
    retryingSinceAt: 70,
    lastPartialSuccess: { at: 45, points: 2, message: 'b' },
  };
  expect(mergeSignals([fine, retrying, blocked])).toEqual({
    state: 'blocked',
    lastError: blocked.lastError,
    lastSuccessAt: 100,
    lastAttemptAt: 120,
    nextAttemptAt: 130,
    retryingSinceAt: 60,
    lastPartialSuccess: blocked.lastPartialSuccess,
    lastWarning: retrying.lastWarning,
  });
});

it('is fine where there is no signal at all', () => {
  expect(mergeSignals([])).toMatchObject({ state: 'ok', lastSuccessAt: null, nextAttemptAt: null });
});
