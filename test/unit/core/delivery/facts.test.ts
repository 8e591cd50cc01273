import { expect, it } from 'vitest';
import { mergeSignals, type SignalFacts } from '../../../../src/main/core/delivery/facts.ts';
import type { CredentialFacts } from '../../../../src/shared/health-facts.ts';

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
  credential: null,
  refusedCredentials: [],
};

const credential = (source: CredentialFacts['source'], refusedAt: number | null): CredentialFacts => ({
  source,
  lastWorkedAt: 10,
  refusedAt,
  worksFor: [],
});

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
    credential: null,
    refusedCredentials: [],
    refusedSignals: [],
  });
});

it('shows the credential of the worst signal, or else of the last one that was sent, and all that is refused', () => {
  const inUse = { ...fine, lastAttemptAt: 101, credential: credential('presented', null) };
  const refusing = { ...inUse, refusedCredentials: [credential('config', 90)] };
  const idle = { ...fine, signal: 'logs', credential: credential('config', null) } as const;
  expect(mergeSignals([idle, refusing])).toMatchObject({
    credential: { source: 'presented' },
    refusedCredentials: [{ source: 'config' }],
    refusedSignals: [],
  });
  const blocked = {
    ...idle,
    state: 'blocked',
    lastError: { kind: 'credentials', status: 403, message: 'no' },
    credential: credential('file', 95),
    refusedCredentials: [credential('config', 80)],
  } as const;
  expect(mergeSignals([refusing, blocked])).toMatchObject({
    credential: { source: 'file' },
    refusedCredentials: [credential('config', 80)],
    refusedSignals: ['logs'],
  });
});

it('is fine where there is no signal at all', () => {
  expect(mergeSignals([])).toMatchObject({ state: 'ok', lastSuccessAt: null, nextAttemptAt: null });
});
