import { describe, expect, test } from 'vitest';
import { findingCatalogue } from '../../../src/shared/finding.ts';
import { deriveHealth, type HealthState } from '../../../src/shared/health.ts';
import type { DestinationFacts, HealthFacts, SpoolFacts } from '../../../src/shared/health-facts.ts';
import { emptyBooks } from '../../../src/shared/ledger.ts';

const now = Date.parse('2026-11-20T12:00:00Z');
const minutes = (count: number) => now - count * 60_000;
const days = (count: number) => minutes(count * 24 * 60);

const span: DestinationFacts = {
  name: 'span',
  endpoint: 'https://otel.span.app:443',
  state: 'ok',
  lastSuccessAt: minutes(1),
  lastAttemptAt: minutes(1),
  lastError: null,
  nextAttemptAt: null,
  credentialSource: 'config',
  retryingSinceAt: null,
  lastPartialSuccess: null,
  removed: false,
};

const spool: SpoolFacts = {
  state: { kind: 'ready' },
  folder: '/state',
  ledger: [{ destination: 'span', signal: 'metrics', ...emptyBooks, accepted: 2_000, delivered: 796, pending: 1_204 }],
  pending: [
    { destination: 'span', signal: 'metrics', requests: 3, points: 1_200, bytes: 9_000, oldestAt: minutes(30) },
    { destination: 'span', signal: 'logs', requests: 1, points: 4, bytes: 1_000, oldestAt: minutes(40) },
    { destination: 'span', signal: 'traces', requests: 0, points: 0, bytes: 0, oldestAt: null },
  ],
  quarantined: [],
  repairs: [],
  recentDrops: [],
};

const nothingPending: Partial<SpoolFacts> = { pending: [] };

interface Changes {
  readonly span?: Partial<DestinationFacts>;
  readonly spool?: Partial<SpoolFacts>;
  readonly facts?: Partial<HealthFacts>;
}

function healthOf(changes: Changes = {}) {
  return deriveHealth({
    now,
    machine: { id: 'id', hostname: 'host', os: 'Linux 6', arch: 'x64', relayVersion: '1.0.0', managedBy: null },
    http: { port: 14_318, state: 'listening' },
    destinations: [{ ...span, ...changes.span }],
    config: { file: '/config.json', problems: [], anyDestination: true },
    refused: { requestsLastHour: 0, lastMessage: null },
    claude: { lastReceivedAt: new Date(minutes(1)).toISOString(), versions: [], sessions: [] },
    ...changes.facts,
    spool: { ...spool, ...changes.spool },
  });
}

const blocked = (kind: string, status?: number): Partial<DestinationFacts> => ({
  state: 'blocked',
  lastError: { kind, message: 'otel.span.app said no.', ...(status === undefined ? {} : { status }) },
});

const retrying = (forMinutes: number, kind = 'connect'): Partial<DestinationFacts> => ({
  state: 'retrying',
  lastError: { kind, message: 'otel.span.app:443 refuses the connection.' },
  retryingSinceAt: minutes(forMinutes),
});

const repair = {
  at: days(6),
  reason: 'a page is damaged',
  keptIn: '/state/damaged',
  salvagedRequests: 12,
  lostPoints: 0,
  estimated: false,
};

const neverReceived: Partial<HealthFacts> = { claude: { lastReceivedAt: null, versions: [], sessions: [] } };

const safe = '1,204 data points are safe on disk and wait';

const cases: readonly [HealthState, string, Changes, readonly string[], string][] = [
  [
    'healthy',
    'data flows and nothing waits',
    { spool: nothingPending },
    [],
    'Telemetry flows: everything that was received has been delivered.',
  ],
  ['healthy', 'data is on its way', {}, [], 'Telemetry flows: 1,204 data points on the way.'],
  [
    'healthy',
    'a short outage is nobody’s business',
    { span: retrying(10) },
    [],
    `Telemetry is safe: span did not answer just now, and ${safe}. The relay tries again by itself.`,
  ],
  [
    'healthy',
    'books from before the restart count as received',
    { facts: neverReceived, spool: nothingPending },
    [],
    'Telemetry flows: everything that was received has been delivered.',
  ],
  [
    'idle',
    'nothing was ever received',
    { facts: neverReceived, spool: { ledger: [], pending: [] } },
    ['claude.nothing-received'],
    'No Claude Code session has reported yet: the relay is ready and waits. Start a new Claude Code session with OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14318.',
  ],
  [
    'failing',
    'the token is refused',
    { span: blocked('credentials', 401) },
    ['destination.credentials-refused'],
    `span refuses the token (401): ${safe}. Put a current token into /config.json.`,
  ],
  [
    'failing',
    'the token that Claude Code presented is refused',
    { span: { ...blocked('credentials', 403), credentialSource: 'presented' } },
    ['destination.credentials-refused'],
    `span refuses the token (403): ${safe}. Put a current token into OTEL_EXPORTER_OTLP_HEADERS of Claude Code, where this one came from, or into /config.json.`,
  ],
  [
    'failing',
    'the endpoint is wrong',
    { span: blocked('endpoint', 404), spool: nothingPending },
    ['destination.endpoint-wrong'],
    'span does not accept telemetry at https://otel.span.app:443 (404): nothing is lost, and nothing is waiting yet. Correct the endpoint in /config.json. Sending resumes by itself.',
  ],
  [
    'attention',
    'a captive portal is in between',
    { span: blocked('captive-portal', 200) },
    ['destination.captive-portal'],
    `A web page answers instead of span: ${safe}. Log in to the network (a captive portal or a proxy is in between). Sending resumes by itself.`,
  ],
  [
    'attention',
    'the destination has been away for long',
    { span: retrying(11) },
    ['destination.unreachable'],
    `span has not taken telemetry for 11 min: ${safe}. Check the network and the endpoint. Nothing is lost: the data is on disk and is sent when the way is clear.`,
  ],
  [
    'attention',
    'its certificate has not been trusted for long',
    { span: retrying(120, 'tls') },
    ['destination.untrusted-certificate'],
    `No trusted connection to span: ${safe}. Check the endpoint and the clock of this machine, and ask IT which certificate authority to trust.`,
  ],
  [
    'attention',
    'there is no token anywhere',
    { span: { state: 'unconfigured', credentialSource: null } },
    ['destination.no-credential'],
    `span has no token yet: ${safe}. Put a token into /config.json, or let Claude Code send one in OTEL_EXPORTER_OTLP_HEADERS.`,
  ],
  [
    'attention',
    'requests are in quarantine',
    { spool: { quarantined: [{ destination: 'span', requests: 2, points: 30 }] } },
    ['destination.quarantined'],
    'span called some requests malformed: 30 data points set aside for somebody to look at. Look at them with `span-relay quarantine list`, then retry, export or discard them.',
  ],
  [
    'attention',
    'points were rejected today',
    { span: { lastPartialSuccess: { at: minutes(60), points: 1, message: 'too old' } } },
    ['destination.partially-rejected'],
    "span rejected some data points: 1 data point of that request rejected. Read the destination's message and correct what it names; rejected points are not sent again.",
  ],
  [
    'attention',
    'a destination was removed with a backlog',
    { span: { ...blocked('credentials', 401), removed: true } },
    ['destination.removed-with-backlog'],
    `span was removed while data was still owed to it: ${safe}. Put it back under the same name to deliver its backlog, or let retention remove it.`,
  ],
  [
    'attention',
    'no destination is configured',
    { facts: { destinations: [], config: { file: '/config.json', problems: [], anyDestination: false } } },
    ['destination.none-configured'],
    'No destination is configured: data is kept on disk for "span". Add a destination to /config.json.',
  ],
  [
    'attention',
    'the config has mistakes',
    {
      facts: {
        config: { file: '/config.json', problems: ['listen.http: wrong.', 'spool: wrong.'], anyDestination: true },
      },
    },
    ['relay.config-invalid'],
    'The config file has a mistake: listen.http: wrong (and 1 more mistake). Correct /config.json. It is read again by itself.',
  ],
  [
    'attention',
    'requests are refused',
    { facts: { refused: { requestsLastHour: 3, lastMessage: 'not protobuf' } } },
    ['receiver.requests-refused'],
    'Requests to the relay are being refused: 3 requests in the last hour were not stored. Correct the sender: what was wrong with the last request is in the detail.',
  ],
  [
    'failing',
    'the port is taken',
    { facts: { http: { port: 14_318, state: 'port-taken', holder: 'otelcol (process 7)' } } },
    ['receiver.port-taken'],
    'Port 14318 is taken by otelcol (process 7): what Claude Code sends now does not reach the relay. Stop that program or give it another port. The relay keeps trying and takes over by itself.',
  ],
  [
    'failing',
    'the disk is full',
    { spool: { state: { kind: 'disk-full' } } },
    ['spool.disk-full'],
    `The disk is full: telemetry cannot be stored: what Claude Code sends now is refused and lost, ${safe}. Free some space on the disk that holds /state. The relay resumes by itself.`,
  ],
  [
    'failing',
    'the spool cannot be opened',
    { spool: { state: { kind: 'unavailable', message: 'permission denied' }, pending: [] } },
    ['spool.unavailable'],
    'The spool cannot be opened: telemetry cannot be stored: what Claude Code sends now is refused and lost. Check that /state exists and is writable. The relay keeps trying.',
  ],
  [
    'attention',
    'the spool is being repaired',
    { spool: { state: { kind: 'repairing', reason: 'the file is truncated' } } },
    ['spool.corrupted'],
    'The spool file is damaged and is being repaired: new requests wait until the repair is done. Wait a moment: the relay repairs it by itself.',
  ],
  [
    'attention',
    'the spool was repaired this week',
    { spool: { repairs: [{ ...repair, lostPoints: 5, estimated: true }] } },
    ['spool.corrupted'],
    'The spool file was damaged and has been repaired: 12 requests saved, about 5 data points lost. Nothing to do for the relay: what was readable is kept. Check the disk. The damaged file is kept for support.',
  ],
  [
    'healthy',
    'the repair is old news',
    { spool: { ...nothingPending, repairs: [{ ...repair, at: days(8) }] } },
    [],
    'Telemetry flows: everything that was received has been delivered.',
  ],
  [
    'attention',
    'data had to be removed today',
    {
      spool: {
        recentDrops: [
          { at: minutes(5), cause: 'quota', points: 10 },
          { at: minutes(6), cause: 'age', points: 5 },
          { at: days(2), cause: 'age', points: 100 },
          { at: minutes(7), cause: 'discarded', points: 1_000 },
        ],
      },
    },
    ['spool.quota-reached'],
    'The oldest data was removed to make room: 15 data points were removed undelivered. Get the destination working again, or raise spool.maxBytes or spool.maxAgeDays in /config.json.',
  ],
];

describe.each(cases)('%s: %s', (state, _, changes, ids, headline) => {
  const health = healthOf(changes);

  test('the state', () => {
    expect(health.state).toBe(state);
  });

  test('the findings', () => {
    expect(health.findings.map(({ id }) => id)).toEqual(ids);
  });

  test('the headline', () => {
    expect(health.headline).toBe(headline);
  });
});

test('every finding of the catalogue is derived from some facts', () => {
  const derived = new Set(cases.flatMap(([, , , ids]) => ids));
  expect(Object.keys(findingCatalogue).filter((id) => !derived.has(id))).toEqual([]);
});

test('old partial successes and spools that are still opening are no findings', () => {
  const health = healthOf({
    span: { lastPartialSuccess: { at: days(2), points: 5, message: '' } },
    spool: { state: { kind: 'opening' } },
  });
  expect(health.findings).toEqual([]);
});

test('a destination without an endpoint is left to the finding of its config', () => {
  const problems = ['destinations[0].endpoint: wrong.'];
  const health = healthOf({
    span: { state: 'unconfigured', endpoint: null },
    facts: { config: { file: '/config.json', problems, anyDestination: true } },
  });
  expect(health.findings.map(({ id }) => id)).toEqual(['relay.config-invalid']);
});

test('the most severe finding comes first and gives the headline', () => {
  const health = healthOf({
    span: blocked('credentials', 401),
    spool: { repairs: [repair] },
    facts: { ...neverReceived, refused: { requestsLastHour: 1, lastMessage: null } },
  });
  expect(health.findings.map(({ severity }) => severity)).toEqual(['error', 'warning', 'warning']);
  expect(health.headline).toContain('refuses the token');
});

test('a detail is whole sentences: what was seen and what it means', () => {
  const detailOf = (changes: Changes) => healthOf(changes).findings[0]?.detail;
  expect(detailOf({ span: blocked('credentials', 401) })).toBe(`otel.span.app said no. ${safe}.`);
  expect(detailOf({ spool: { state: { kind: 'unavailable', message: 'permission denied' } } })).toBe(
    'Permission denied. What Claude Code sends now is refused and lost.',
  );
  const problems = ['listen.http: wrong.', 'spool: wrong.'];
  expect(detailOf({ facts: { config: { file: '/config.json', problems, anyDestination: true } } })).toBe(
    'listen.http: wrong. spool: wrong.',
  );
});

test('the snapshot carries the facts in its own shape', () => {
  const health = healthOf({ span: { nextAttemptAt: now + 1_000 } });
  expect(health).toMatchObject({
    version: 1,
    at: '2026-11-20T12:00:00.000Z',
    listen: { http: { port: 14_318, state: 'listening' } },
    ledger: spool.ledger,
  });
  expect(health.destinations).toEqual([
    {
      name: 'span',
      endpoint: 'https://otel.span.app:443',
      state: 'ok',
      lastSuccessAt: '2026-11-20T11:59:00.000Z',
      lastAttemptAt: '2026-11-20T11:59:00.000Z',
      lastError: null,
      nextAttemptAt: '2026-11-20T12:00:01.000Z',
      pending: { requests: 4, points: 1_204, bytes: 10_000, oldestAt: '2026-11-20T11:20:00.000Z' },
    },
  ]);
});
