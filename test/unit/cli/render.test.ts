import { expect, test } from 'vitest';
import { dropLines, hoursTable, imbalances, ledgerTable } from '../../../src/main/cli/render-ledger.ts';
import { renderStatus } from '../../../src/main/cli/render-status.ts';
import type { HealthSnapshot } from '../../../src/shared/health.ts';
import { emptyBooks, type LedgerRow } from '../../../src/shared/ledger.ts';

const now = Date.parse('2026-11-20T12:00:00Z');
const ago = (seconds: number) => new Date(now - seconds * 1_000).toISOString();
const unpainted = (_: string, text: string) => text;

const metrics: LedgerRow = {
  destination: 'span',
  signal: 'metrics',
  ...emptyBooks,
  accepted: 120_400,
  delivered: 119_193,
  pending: 1_204,
  dropped: { ...emptyBooks.dropped, quota: 2, age: 1 },
};

const snapshot: HealthSnapshot = {
  version: 1,
  state: 'failing',
  headline: 'span refuses the token (401).',
  at: ago(0),
  machine: { id: 'id', hostname: 'host', os: 'os', arch: 'arch', relayVersion: '1.0.0', managedBy: null },
  listen: { http: { port: 14_318, state: 'listening' } },
  claude: { lastReceivedAt: ago(20), versions: ['2.1.328', '\u001B[2Jevil'], sessions: [] },
  destinations: [
    {
      name: 'span',
      endpoint: 'https://otel.span.app:443',
      state: 'blocked',
      lastSuccessAt: ago(7_200),
      lastAttemptAt: ago(60),
      lastError: { kind: 'credentials', status: 401, message: 'no' },
      nextAttemptAt: new Date(now + 240_000).toISOString(),
      pending: { requests: 14, points: 1_204, bytes: 42_000, oldestAt: ago(7_200) },
    },
    {
      name: 'held',
      endpoint: null,
      state: 'unconfigured',
      lastSuccessAt: null,
      lastAttemptAt: null,
      lastError: null,
      nextAttemptAt: null,
      pending: { requests: 0, points: 0, bytes: 0, oldestAt: null },
    },
  ],
  ledger: [metrics],
  findings: [
    {
      id: 'destination.credentials-refused',
      severity: 'error',
      title: 'span refuses the token (401)',
      detail: 'It said no.',
      fix: 'Put a current token into the config file.',
      source: 'span',
    },
  ],
};

test('status for people: headline, flow, destinations, books, what to do', () => {
  expect(renderStatus(snapshot, unpainted, now)).toBe(`✗ span refuses the token (401).

  Claude Code (2.1.328, [2Jevil) → Relay → span
  last received 20 s ago; the relay listens on 127.0.0.1:14318

Destinations
  name  state         last success  waiting                                next attempt  endpoint
  span  blocked       2 h ago       1,204 points (41 KiB, oldest 2 h ago)  in 4 min      https://otel.span.app:443
  held  unconfigured  never         nothing

Books
  destination  signal   accepted  delivered  pending  rejected  dropped  refused  resent
  span         metrics   120,400    119,193    1,204         0        3        0       0

✗ span refuses the token (401) [destination.credentials-refused]
  It said no.
  → Put a current token into the config file.
`);
});

test('a young relay has nothing to show but what it waits for', () => {
  const young: HealthSnapshot = {
    ...snapshot,
    state: 'idle',
    headline: 'Waiting.',
    claude: { lastReceivedAt: null, versions: [], sessions: [] },
    destinations: [],
    ledger: [],
    findings: [],
  };
  expect(renderStatus(young, unpainted, now)).toBe(`· Waiting.

  Claude Code → Relay → no destination yet
  nothing received yet; the relay listens on 127.0.0.1:14318
`);
});

test('the books say why data was dropped', () => {
  expect(dropLines([metrics])).toEqual(['dropped from span metrics: 2 by quota, 1 by age']);
});

test('books that do not balance say by how much', () => {
  expect(imbalances([metrics])).toEqual([]);
  expect(imbalances([{ ...metrics, pending: 1_203 }])).toEqual(['span metrics: 1 point accepted but unaccounted for']);
  expect(imbalances([{ ...metrics, pending: 1_206 }])).toEqual(['span metrics: 2 points more than accepted']);
});

test('numbers are aligned under their titles', () => {
  const lines = ledgerTable([metrics, { ...metrics, signal: 'logs', accepted: 7 }]).split('\n');
  expect(new Set(lines.map((line) => line.length)).size).toBe(1);
});

test('hours have no pending column: it is a level, not a flow', () => {
  const [titles, row] = hoursTable([{ ...metrics, hour: now }]).split('\n');
  expect(titles?.split(/\s+/)).not.toContain('pending');
  expect(row).toContain('119,193');
});
