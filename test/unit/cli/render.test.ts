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
  listen: { http: { port: 14_318, state: 'listening' }, grpc: { port: 14_317, state: 'listening' } },
  claude: { lastReceivedAt: ago(20), lastProtocol: 'http', versions: ['2.1.328', '\u001B[2Jevil'], sessions: [] },
  destinations: [
    {
      name: 'span',
      endpoint: 'https://otel.span.app:443',
      via: null,
      state: 'blocked',
      lastSuccessAt: ago(7_200),
      lastAttemptAt: ago(60),
      lastError: { kind: 'credentials', status: 401, message: 'no' },
      nextAttemptAt: new Date(now + 240_000).toISOString(),
      credential: { source: 'file', lastWorkedAt: ago(7_200), refusedAt: ago(60) },
      pending: { requests: 14, points: 1_204, bytes: 42_000, oldestAt: ago(7_200) },
    },
    {
      name: 'held',
      endpoint: null,
      via: null,
      state: 'unconfigured',
      lastSuccessAt: null,
      lastAttemptAt: null,
      lastError: null,
      nextAttemptAt: null,
      credential: null,
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

const view = { paint: unpainted, now, columns: 80 };

test('status for people: what is wrong and what to do, flow, destinations, books', () => {
  expect(renderStatus(snapshot, view)).toBe(`✗ span refuses the token (401) [destination.credentials-refused]
  It said no.
  → Put a current token into the config file.

  Claude Code (2.1.328, [2Jevil) → Relay → span
  last received 20 s ago; the relay listens on 127.0.0.1:14318

Destinations
  span: blocked, https://otel.span.app:443
    last success 2 h ago; 1,204 points wait (41 KiB, oldest 2 h ago); next
    attempt in 4 min
    token from its file: refused for 1 min, last worked 2 h ago
    last error: no
  held: unconfigured
    no success yet; nothing waits

Books
  span
           accepted  delivered  pending  rejected  dropped
  metrics   120,400    119,193    1,204         0        3
`);
});

test('the first finding is not told twice, the others are told below', () => {
  const [first] = snapshot.findings;
  if (first === undefined) throw new Error('There is a finding.');
  const text = renderStatus(
    {
      ...snapshot,
      findings: [first, { ...first, id: 'destination.quarantined', title: 'Another', severity: 'warning' }],
    },
    view,
  );
  expect(text.split('span refuses the token')).toHaveLength(2);
  expect(text).toMatch(/\n▲ Another \[destination\.quarantined\]\n {2}It said no\.\n {2}→ Put a current token/);
});

test('a headline of its own stays, and so do the findings', () => {
  const text = renderStatus({ ...snapshot, state: 'healthy', headline: 'Telemetry flows.' }, view);
  expect(text).toMatch(/^✓ Telemetry flows\.\n/);
  expect(text).toContain('✗ span refuses the token (401) [destination.credentials-refused]\n');
});

test.each([40, 60, 80])(
  'no line of it is wider than %i columns, whatever the names, numbers and sentences',
  (columns) => {
    const name = `span-${'of-the-west'.repeat(2)}`;
    const long = 'A sentence that goes on and on, as those of vendors do, and names this and that on its way. '.repeat(
      3,
    );
    const [destination] = snapshot.destinations;
    const [finding] = snapshot.findings;
    if (destination === undefined || finding === undefined) throw new Error('There are both.');
    const huge = { ...metrics, destination: name, accepted: 12_345_678_901, refused: 12_345_678, resent: 1_234_567 };
    const text = renderStatus(
      {
        ...snapshot,
        headline: long,
        destinations: [{ ...destination, name, lastError: { kind: 'http', message: long } }],
        ledger: [huge, { ...huge, signal: 'logs', delivered: 12_345_678_901 }],
        findings: [{ ...finding, title: long, detail: long, fix: long }],
      },
      { ...view, columns },
    );
    const tooWide = text.split('\n').filter((line) => line.length > columns);
    expect(tooWide).toEqual([]);
  },
);

test('a destination that has nothing in the books is one line', () => {
  const idle = (['metrics', 'logs', 'traces'] as const).map((signal) => ({
    destination: 'idle',
    signal,
    ...emptyBooks,
  }));
  expect(renderStatus({ ...snapshot, ledger: [...idle, { ...metrics, refused: 1 }] }, view)).toContain(`Books
  idle: nothing yet
  span
           accepted  delivered  pending  rejected  dropped  refused
  metrics   120,400    119,193    1,204         0        3        1
`);
});

test('a young relay has nothing to show but what it waits for', () => {
  const young: HealthSnapshot = {
    ...snapshot,
    state: 'idle',
    headline: 'Waiting.',
    claude: { lastReceivedAt: null, lastProtocol: null, versions: [], sessions: [] },
    destinations: [],
    ledger: [],
    findings: [],
  };
  expect(renderStatus(young, view)).toBe(`· Waiting.

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

test('the port that matters is that by which the last export came', () => {
  const claude = { ...snapshot.claude, lastProtocol: 'grpc' } as const;
  expect(renderStatus({ ...snapshot, claude }, view)).toContain('the relay listens on 127.0.0.1:14317 (gRPC)');
});

test('books that hold something were filled before the relay started', () => {
  const claude = { lastReceivedAt: null, lastProtocol: null, versions: [], sessions: [] };
  expect(renderStatus({ ...snapshot, claude }, view)).toContain('nothing received since the relay started;');
  expect(renderStatus({ ...snapshot, claude, ledger: [] }, view)).toContain('nothing received yet;');
});

test('an attempt whose time has come is now', () => {
  const destinations = snapshot.destinations.map((one) => ({ ...one, nextAttemptAt: ago(0) }));
  expect(renderStatus({ ...snapshot, destinations }, { ...view, columns: 120 })).toContain('next attempt now');
});
