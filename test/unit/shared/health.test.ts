// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of the relay
import { describe, expect, test } from 'vitest';
import type { ResolvedAttribute } from '../../../src/shared/attribution.ts';
import { findingCatalogue } from '../../../src/shared/finding.ts';
import { deriveHealth, type HealthState } from '../../../src/shared/health.ts';
import type {
  CredentialFacts,
  CredentialSource,
  DestinationFacts,
  HealthFacts,
  RefusalCause,
  SpoolFacts,
} from '../../../src/shared/health-facts.ts';
import { emptyBooks, type LedgerRow } from '../../../src/shared/ledger.ts';

const now = Date.parse('2026-11-20T12:00:00Z');
const minutes = (count: number) => now - count * 60_000;
const days = (count: number) => minutes(count * 24 * 60);

const span: DestinationFacts = {
  name: 'span',
  endpoint: 'https://otel.span.app:443',
  via: null,
  state: 'ok',
  lastSuccessAt: minutes(1),
  lastAttemptAt: minutes(1),
  lastError: null,
  nextAttemptAt: null,
  credential: { source: 'config', lastWorkedAt: minutes(1), refusedAt: null, worksFor: [] },
  refusedCredentials: [],
  refusedSignals: [],
  tokenFile: null,
  ambiguousWith: [],
  retryingSinceAt: null,
  lastPartialSuccess: null,
  lastWarning: null,
  takes: ['metrics', 'logs', 'traces'],
  identity: 'work_email',
  formerly: null,
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

const bookOf = (destination: string): LedgerRow => ({ destination, signal: 'metrics', ...emptyBooks });

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
    grpc: { port: 14_317, state: 'listening' },
    grpcUsed: false,
    destinations: [{ ...span, ...changes.span }],
    config: { file: '/config.json', problems: [], unusable: false, anyDestination: true },
    policy: { file: null, problems: [], unusable: false },
    refused: { requestsLastHour: 0, last: null, ongoing: false },
    unwanted: [],
    claude: { lastReceivedAt: new Date(minutes(1)).toISOString(), lastProtocol: null, versions: [], sessions: [] },
    identity: { none: [], placeholders: [] },
    attributes: [],
    ...changes.facts,
    spool: { ...spool, ...changes.spool },
  });
}

const blocked = (kind: string, status?: number): Partial<DestinationFacts> => ({
  state: 'blocked',
  lastError: { kind, message: 'otel.span.app said no.', ...(status === undefined ? {} : { status }) },
});

/** A credential that is refused; `workedMinutesAgo`: undefined where it never worked. */
const refusedFrom = (source: CredentialSource, workedMinutesAgo?: number): CredentialFacts => ({
  source,
  lastWorkedAt: workedMinutesAgo === undefined ? null : minutes(workedMinutesAgo),
  refusedAt: minutes(2),
  worksFor: [],
});

const refusing = (source: CredentialSource, workedMinutesAgo?: number): Partial<DestinationFacts> => ({
  ...blocked('credentials', 401),
  credential: refusedFrom(source, workedMinutesAgo),
  refusedSignals: ['metrics', 'logs', 'traces'],
  tokenFile: source === 'file' ? { path: '/run/token', problem: null } : null,
});

const presented: CredentialFacts = { source: 'presented', lastWorkedAt: minutes(1), refusedAt: null, worksFor: [] };

const unconfigured: Partial<DestinationFacts> = { state: 'unconfigured', credential: null };

const other: DestinationFacts = {
  ...span,
  name: 'other',
  endpoint: 'https://otlp.example',
  ...unconfigured,
  ambiguousWith: ['span'],
};

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

const neverReceived: Partial<HealthFacts> = {
  claude: { lastReceivedAt: null, lastProtocol: null, versions: [], sessions: [] },
};

const safe = '1,204 data points are safe on disk and wait';

const refused = (cause: RefusalCause, ongoing: boolean): Partial<HealthFacts> => ({
  refused: { requestsLastHour: 3, last: { cause, message: 'There is nothing at this path.' }, ongoing },
});

const attribute = (resolved: ResolvedAttribute): Partial<HealthFacts> => ({
  attributes: [{ destination: 'span', resolved: [resolved], identifies: false }],
});

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
    `Telemetry is safe: span cannot be reached just now, and ${safe}. The relay tries again by itself.`,
  ],
  [
    'healthy',
    'an answer that is no success for a moment is an answer',
    { span: { ...retrying(1, 'http'), lastError: { kind: 'http', status: 503, message: 'later' } } },
    [],
    `Telemetry is safe: span answers 503 just now, and ${safe}. The relay tries again by itself.`,
  ],
  [
    'healthy',
    'an answer in gRPC is told in the words of gRPC',
    {
      span: {
        ...retrying(1, 'http'),
        lastError: { kind: 'http', status: 503, grpcStatus: 'UNAVAILABLE', message: 'later' },
      },
    },
    [],
    `Telemetry is safe: span answers gRPC UNAVAILABLE just now, and ${safe}. The relay tries again by itself.`,
  ],
  [
    'healthy',
    'a destination that has never worked is given half a minute',
    { span: { ...retrying(0.5), lastSuccessAt: null } },
    [],
    `Telemetry is safe: span cannot be reached just now, and ${safe}. The relay tries again by itself.`,
  ],
  [
    'healthy',
    'a signal that no destination takes is news, not trouble, and is not called delivered',
    { spool: nothingPending, facts: { unwanted: [{ signal: 'logs', points: 7 }] } },
    ['receiver.signal-unwanted'],
    'Telemetry flows: everything that a destination takes has been delivered.',
  ],
  [
    'healthy',
    'a warning that came with a success is news, not trouble',
    { spool: nothingPending, span: { lastWarning: { at: minutes(2), message: 'use delta' } } },
    ['destination.vendor-warning'],
    'Telemetry flows: everything that was received has been delivered.',
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
    'No Claude Code session has reported yet: start a new Claude Code session with OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14318.',
  ],
  [
    'failing',
    'the token is refused',
    { span: refusing('config', 12) },
    ['destination.credentials-refused'],
    'span refuses the token (401): put a current token into /config.json, as the "token" of span.',
  ],
  [
    'failing',
    'the token is refused over gRPC',
    {
      span: {
        ...refusing('config'),
        lastError: { kind: 'credentials', status: 401, grpcStatus: 'UNAUTHENTICATED', message: 'no' },
      },
    },
    ['destination.credentials-refused'],
    'span refuses the token (gRPC UNAUTHENTICATED): put a current token into /config.json, as the "token" of span.',
  ],
  [
    'failing',
    'the token that Claude Code presented is refused',
    { span: refusing('presented') },
    ['destination.credentials-refused'],
    'span refuses the token (401): put a current token into OTEL_EXPORTER_OTLP_HEADERS in the managed settings of Claude Code, where this one came from, and start its sessions anew; or put one into /config.json.',
  ],
  [
    'failing',
    'the token of the policy is refused',
    { span: refusing('policy') },
    ['destination.credentials-refused'],
    'span refuses the token (401): ask IT to put a current token for span into the policy.',
  ],
  [
    'failing',
    'the token from a file is refused',
    { span: refusing('file') },
    ['destination.credentials-refused'],
    'span refuses the token (401): put a current token into /run/token, or mend what writes it.',
  ],
  [
    'failing',
    'headers that hold a credential are refused',
    { span: { ...blocked('credentials', 401), credential: null } },
    ['destination.credentials-refused'],
    'span refuses the token (401): put current credentials into the headers of span in /config.json.',
  ],
  [
    'failing',
    'the token has no right to one signal',
    {
      span: {
        ...blocked('credentials', 403),
        credential: { ...refusedFrom('config', 1), worksFor: ['metrics', 'traces'] },
        refusedSignals: ['logs'],
      },
    },
    ['destination.credentials-refused'],
    'span refuses the token for logs (403): give the token the right to write logs, or take "logs" out of the signals of span in /config.json.',
  ],
  [
    'failing',
    'the endpoint is wrong',
    { span: blocked('endpoint', 404), spool: nothingPending },
    ['destination.endpoint-wrong'],
    'span does not accept telemetry at https://otel.span.app:443 (404): correct the endpoint in /config.json.',
  ],
  [
    'failing',
    'the protocol is wrong',
    { span: blocked('protocol') },
    ['destination.endpoint-wrong'],
    'span does not speak the protocol that it is set to at https://otel.span.app:443: set the "protocol" of span in /config.json to what is spoken there (grpc, http/protobuf or http/json), or correct its endpoint.',
  ],
  [
    'failing',
    'a new token has come and is not tried yet',
    {
      span: {
        ...blocked('credentials', 401),
        refusedSignals: ['metrics'],
        refusedCredentials: [refusedFrom('policy')],
      },
    },
    ['destination.credentials-refused'],
    'span refused the token that it was given last (401): wait a moment: the relay tries the new one by itself.',
  ],
  [
    'healthy',
    'the first token has come and is not tried yet',
    { span: { state: 'unconfigured' }, spool: nothingPending },
    [],
    'Telemetry flows: everything that was received has been delivered.',
  ],
  [
    'failing',
    'http is spoken where https was expected',
    { span: retrying(0, 'not-tls') },
    ['destination.endpoint-wrong'],
    'span does not speak TLS at https://otel.span.app:443: correct the endpoint in /config.json: its port, or http:// instead of https://.',
  ],
  [
    'attention',
    'its certificate is for another name',
    { span: retrying(0, 'tls-name') },
    ['destination.untrusted-certificate'],
    'The certificate of span is for another name: correct the endpoint in /config.json, or ask those who run span for a certificate that has its name.',
  ],
  [
    'attention',
    'its TLS is too old',
    { span: retrying(0, 'tls-failed') },
    ['destination.untrusted-certificate'],
    'No TLS connection to span: find out from those who run span which versions of TLS and which clients it takes.',
  ],
  [
    'attention',
    'a captive portal is in between',
    { span: blocked('captive-portal', 200) },
    ['destination.captive-portal'],
    'A web page answers instead of span: log in to the network (a captive portal or a proxy is in between).',
  ],
  [
    'failing',
    'the proxy asks for a login',
    { span: blocked('proxy') },
    ['destination.proxy-refused'],
    'The proxy does not let telemetry through to span: correct the proxy or its login in the config file (or in the environment, then restart the relay), or ask IT to allow the destination.',
  ],
  [
    'failing',
    'the file of the company’s authority is gone',
    { span: blocked('certificate-file') },
    ['destination.certificate-file-unusable'],
    'A file of certificates or keys for span cannot be used: mend the file that is named, or correct its path in /config.json.',
  ],
  [
    'failing',
    'the client certificate has expired',
    { span: blocked('client-certificate') },
    ['destination.client-certificate-refused'],
    'span wants a client certificate that it accepts: put a current certificate and its key where clientCert and clientKey of the destination point to.',
  ],
  [
    'attention',
    'the proxy is down',
    { span: retrying(11, 'proxy') },
    ['destination.unreachable'],
    'span has not taken telemetry for 11 min (it cannot be reached through its proxy): check the network, and the proxy.',
  ],
  [
    'attention',
    'the destination has been away for long',
    { span: retrying(11) },
    ['destination.unreachable'],
    'span has not taken telemetry for 11 min (it cannot be reached): check the network, and the endpoint in /config.json.',
  ],
  [
    'attention',
    'the destination has answered that it cannot for long',
    { span: { ...retrying(11, 'http'), lastError: { kind: 'http', status: 429, message: 'slow down' } } },
    ['destination.unreachable'],
    'span has not taken telemetry for 11 min (it answers 429): find out from those who run span what is wrong there.',
  ],
  [
    'attention',
    'a destination that has never worked is told after half a minute',
    { span: { ...retrying(0.6, 'dns'), lastSuccessAt: null } },
    ['destination.unreachable'],
    'span has never taken telemetry (it cannot be found by its name): check the network, and the endpoint in /config.json.',
  ],
  [
    'attention',
    'the token of the config is refused and a presented one works',
    { span: { credential: presented, refusedCredentials: [refusedFrom('config')] } },
    ['destination.config-token-refused'],
    'span refuses the token in the config file: correct the token of span in /config.json, or remove it.',
  ],
  [
    'attention',
    'the tokens of policy and file are refused and a presented one works',
    {
      span: {
        credential: presented,
        refusedCredentials: [refusedFrom('policy'), refusedFrom('file', 12)],
        tokenFile: { path: '/run/token', problem: null },
      },
    },
    ['destination.policy-token-refused', 'destination.file-token-refused'],
    'span refuses the token in the policy: ask IT to put a current token for span into the policy.',
  ],
  [
    'healthy',
    'a lower source was refused, which does not matter',
    { span: { refusedCredentials: [refusedFrom('presented'), refusedFrom('file')] }, spool: nothingPending },
    [],
    'Telemetry flows: everything that was received has been delivered.',
  ],
  [
    'attention',
    'the token file cannot be used, and there is no other token',
    { span: { ...unconfigured, tokenFile: { path: '/run/token', problem: 'is empty' } } },
    ['destination.token-file-unusable'],
    'The token file of span cannot be used: have the token of span put into /run/token, alone and on one line.',
  ],
  [
    'attention',
    'nobody knows for whom a presented token is',
    { facts: { destinations: [{ ...span, ...unconfigured, ambiguousWith: ['other'] }, other] } },
    ['destination.presented-credential-ambiguous'],
    'The token that Claude Code presents may be meant for span or other: put a token for each of them into /config.json.',
  ],
  [
    'attention',
    'a signal was taken from a destination with a backlog',
    { span: { takes: ['metrics'] } },
    ['destination.signal-removed-with-backlog'],
    'span does not take logs any more, and 4 log records are still owed to it: put "logs" back into its signals to deliver them, or let retention remove them.',
  ],
  [
    'attention',
    'its certificate is not trusted',
    { span: retrying(0, 'tls') },
    ['destination.untrusted-certificate'],
    'No trusted connection to span: check the endpoint and the clock of this machine, and ask IT for the certificate authority to trust (caFile names its file).',
  ],
  [
    'attention',
    'there is no token anywhere',
    { span: unconfigured },
    ['destination.no-credential'],
    'span has no token yet: put a token into /config.json, or let Claude Code send one in OTEL_EXPORTER_OTLP_HEADERS.',
  ],
  [
    'attention',
    'requests are in quarantine',
    { spool: { quarantined: [{ destination: 'span', requests: 2, points: 30 }] } },
    ['destination.quarantined'],
    'span called some requests malformed: look at them with `span-relay quarantine list`, then retry, export or discard them.',
  ],
  [
    'attention',
    'points were rejected today',
    { span: { lastPartialSuccess: { at: minutes(60), points: 1, message: 'too old' } } },
    ['destination.partially-rejected'],
    "span rejected some data points: read the destination's message and correct what it names.",
  ],
  [
    'attention',
    'a destination was removed with a backlog',
    { span: { ...blocked('credentials', 401), removed: true } },
    ['destination.removed-with-backlog'],
    'span was removed while data was still owed to it: put it back under the same name to deliver its backlog, or let retention remove it.',
  ],
  [
    'attention',
    'a rename was not carried out, because both names have books',
    {
      facts: {
        destinations: [
          { ...span, formerly: 'old' },
          { ...span, name: 'old', takes: [], removed: true },
        ],
      },
      spool: {
        ledger: [...spool.ledger, { ...bookOf('old'), accepted: 7, delivered: 4, pending: 3 }],
        pending: [{ destination: 'old', signal: 'metrics', requests: 3, points: 3, bytes: 9, oldestAt: minutes(9) }],
      },
    },
    ['destination.rename-not-carried-out'],
    'span has books of its own and did not take over those of old: give span a name in /config.json that was not used before and leave its "formerly" as it is, or take "formerly" out to leave the books of old where they are.',
  ],
  [
    'healthy',
    'a rename was carried out',
    { span: { formerly: 'old' }, spool: nothingPending },
    [],
    'Telemetry flows: everything that was received has been delivered.',
  ],
  [
    'healthy',
    'a rename is about to be carried out',
    {
      span: { formerly: 'old' },
      spool: { pending: [], ledger: [{ ...bookOf('old'), accepted: 7, delivered: 7 }, bookOf('span')] },
    },
    [],
    'Telemetry flows: everything that was received has been delivered.',
  ],
  [
    'attention',
    'no destination is configured',
    {
      facts: {
        destinations: [],
        config: { file: '/config.json', problems: [], unusable: false, anyDestination: false },
      },
    },
    ['destination.none-configured'],
    'No destination is configured: add a destination to /config.json.',
  ],
  [
    'attention',
    'the config is broken as a whole',
    {
      facts: {
        config: { file: '/config.json', problems: ['line 1: wrong.'], unusable: true, anyDestination: true },
      },
    },
    ['relay.config-invalid'],
    'The config file cannot be used (line 1: wrong): mend /config.json, or put it back.',
  ],
  [
    'attention',
    'the policy is broken as a whole',
    { facts: { policy: { file: '/policy.json', problems: ['line 1: wrong.'], unusable: true } } },
    ['policy.invalid'],
    "This machine's policy file cannot be used (line 1: wrong): ask the administrator of this machine to mend /policy.json, or to put it back.",
  ],
  [
    'attention',
    'the config has mistakes',
    {
      facts: {
        config: {
          file: '/config.json',
          problems: ['listen.http: wrong.', 'spool: wrong.'],
          unusable: false,
          anyDestination: true,
        },
      },
    },
    ['relay.config-invalid'],
    'The config file has a mistake (listen.http: wrong, and 1 more mistake): correct /config.json.',
  ],
  [
    'attention',
    'the policy has a mistake',
    { facts: { policy: { file: '/etc/span-relay/policy.json', problems: ['listen.http: wrong.'], unusable: false } } },
    ['policy.invalid'],
    "This machine's policy file has a mistake (listen.http: wrong): ask the administrator of this machine to correct /etc/span-relay/policy.json.",
  ],
  [
    'attention',
    'telemetry names nobody',
    { facts: { identity: { none: [{ signal: 'metrics', points: 12 }], placeholders: [] } } },
    ['claude.no-identity'],
    'span cannot tell whose telemetry this is: set OTEL_RESOURCE_ATTRIBUTES=work_email=… in the managed settings of Claude Code, or work_email in resourceAttributes in /config.json.',
  ],
  [
    'attention',
    'Claude Code sends a placeholder',
    {
      facts: {
        identity: {
          none: [],
          placeholders: [{ signal: 'metrics', key: 'work_email', placeholder: '%Email%', points: 1 }],
        },
      },
    },
    ['claude.identity-placeholder'],
    'Claude Code sends the placeholder %Email% as work_email: correct OTEL_RESOURCE_ATTRIBUTES in the managed settings of Claude Code, or override work_email in resourceAttributes in /config.json.',
  ],
  [
    'attention',
    'an attribute of the config is a placeholder',
    { facts: attribute({ key: 'work_email', outcome: 'placeholder', placeholder: '$EMAIL' }) },
    ['relay.attribute-placeholder'],
    'work_email in the config file is the placeholder $EMAIL: let device management fill in $EMAIL, or write an address or a template such as ${git:user.email} there.',
  ],
  [
    'attention',
    'an attribute of the config has no value',
    {
      facts: attribute({ key: 'team', outcome: 'unresolved', template: '${env:TEAM}', because: 'TEAM is not set' }),
    },
    ['relay.attribute-unresolved'],
    '${env:TEAM} has no value, so team is not sent: set TEAM in the environment in which the relay is started, or write another value into /config.json.',
  ],
  [
    'attention',
    'exports were refused, and are accepted again',
    { facts: refused('overload', false) },
    ['receiver.requests-refused'],
    'Some requests to the relay were refused (too much at once): check which program keeps so many connections to port 14318 open, if this goes on.',
  ],
  [
    'failing',
    'exports are refused, and nothing else comes',
    { facts: { ...neverReceived, ...refused('path', true) }, spool: { ledger: [], pending: [] } },
    ['receiver.requests-refused'],
    "Claude Code's exports are refused (wrong path): set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14318 in the settings of Claude Code.",
  ],
  [
    'failing',
    'the port is taken',
    { facts: { http: { port: 14_318, state: 'port-taken', holder: 'otelcol (process 7)' } } },
    ['receiver.port-taken'],
    'Port 14318 is taken by otelcol (process 7): stop that program or give it another port.',
  ],
  [
    'attention',
    'the gRPC port is taken, and nothing uses it',
    { facts: { grpc: { port: 14_317, state: 'port-taken', holder: 'otelcol (process 7)' } } },
    ['receiver.grpc-port-taken'],
    'Port 14317, for exports by gRPC, is taken by otelcol (process 7): stop that program or give it another port, unless nothing here exports by gRPC.',
  ],
  [
    'failing',
    'the gRPC port is taken, and exports come by gRPC',
    { facts: { grpcUsed: true, grpc: { port: 14_317, state: 'port-taken', holder: 'otelcol (process 7)' } } },
    ['receiver.grpc-port-taken'],
    'Port 14317, for exports by gRPC, is taken by otelcol (process 7): stop that program or give it another port, or export by http/protobuf.',
  ],
  [
    'failing',
    'gRPC is sent to the HTTP port',
    { facts: { ...neverReceived, ...refused('grpc-on-http-port', true) }, spool: { ledger: [], pending: [] } },
    ['receiver.requests-refused'],
    "Claude Code's exports are refused (gRPC on the port for HTTP): set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14317, in the settings of Claude Code.",
  ],
  [
    'failing',
    'HTTP is sent to the gRPC port',
    { facts: { ...neverReceived, ...refused('http-on-grpc-port', true) }, spool: { ledger: [], pending: [] } },
    ['receiver.requests-refused'],
    "Claude Code's exports are refused (HTTP on the port for gRPC): set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc, in the settings of Claude Code.",
  ],
  [
    'attention',
    'https was sent once',
    { facts: refused('tls', false) },
    ['receiver.requests-refused'],
    'Some requests to the relay were refused (https): begin OTEL_EXPORTER_OTLP_ENDPOINT with http:// in the settings of Claude Code: the relay is on this machine.',
  ],
  [
    'failing',
    'the disk is full',
    { spool: { state: { kind: 'disk-full' } } },
    ['spool.disk-full'],
    'The disk is full, so telemetry cannot be stored: free some space on the disk that holds /state.',
  ],
  [
    'failing',
    'the spool cannot be opened',
    { spool: { state: { kind: 'unavailable', message: 'permission denied' }, pending: [] } },
    ['spool.unavailable'],
    'The spool cannot be opened, so telemetry cannot be stored: check that /state exists and is writable.',
  ],
  [
    'attention',
    'the spool is being repaired',
    { spool: { state: { kind: 'repairing', reason: 'the file is truncated' } } },
    ['spool.corrupted'],
    'The spool file is damaged and is being repaired: wait a moment, the relay does it by itself.',
  ],
  [
    'attention',
    'the spool was repaired this week',
    { spool: { repairs: [{ ...repair, lostPoints: 5, estimated: true }] } },
    ['spool.corrupted'],
    'The spool file was damaged and has been repaired, with about 5 data points lost: check the disk.',
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
    'a stored request was found damaged this week',
    { spool: { recentDrops: [{ at: days(6), cause: 'corruption', points: 7 }] } },
    ['spool.corrupted'],
    'Stored data was found damaged, and 7 data points of it are lost: check the disk.',
  ],
  [
    'healthy',
    'the damage is old news, and what a person discards is none',
    {
      spool: {
        ...nothingPending,
        recentDrops: [
          { at: days(8), cause: 'corruption', points: 7 },
          { at: minutes(1), cause: 'discarded', points: 1_000 },
        ],
      },
    },
    [],
    'Telemetry flows: everything that was received has been delivered.',
  ],
  [
    'failing',
    'data is being removed to make room',
    {
      span: retrying(5),
      spool: {
        recentDrops: [
          { at: minutes(5), cause: 'quota', points: 10 },
          { at: minutes(200), cause: 'quota', points: 5 },
          { at: days(2), cause: 'quota', points: 100 },
        ],
      },
    },
    ['spool.quota-reached'],
    'The oldest data is being removed to make room: get span working again, or raise spool.maxBytes in /config.json.',
  ],
  [
    'attention',
    'data had to be removed today',
    { spool: { recentDrops: [{ at: minutes(10), cause: 'quota', points: 10 }] } },
    ['spool.quota-reached'],
    'The oldest data was removed to make room: raise spool.maxBytes in /config.json.',
  ],
  [
    'failing',
    'data grows too old, and nobody is there to take it',
    {
      span: { state: 'unconfigured', endpoint: null },
      spool: { recentDrops: [{ at: minutes(1), cause: 'age', points: 1 }] },
      facts: { config: { file: '/config.json', problems: [], unusable: false, anyDestination: false } },
    },
    ['spool.retention-reached', 'destination.none-configured'],
    'Data that grew too old to be kept is being removed: add a destination to /config.json, or raise spool.maxAgeDays in /config.json.',
  ],
  [
    'attention',
    'data grew too old today',
    { spool: { recentDrops: [{ at: minutes(60), cause: 'age', points: 5 }] } },
    ['spool.retention-reached'],
    'Data that grew too old to be kept was removed: raise spool.maxAgeDays in /config.json.',
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

test('old partial successes and warnings, and spools that are still opening are no findings', () => {
  const health = healthOf({
    span: { lastPartialSuccess: { at: days(2), points: 5, message: '' }, lastWarning: { at: days(2), message: 'old' } },
    spool: { state: { kind: 'opening' } },
  });
  expect(health.findings).toEqual([]);
});

test('a destination without an endpoint is left to the finding of its config', () => {
  const problems = ['destinations[0].endpoint: wrong.'];
  const health = healthOf({
    span: { state: 'unconfigured', endpoint: null },
    facts: { config: { file: '/config.json', problems, unusable: false, anyDestination: true } },
  });
  expect(health.findings.map(({ id }) => id)).toEqual(['relay.config-invalid']);
});

test('the most severe finding comes first and gives the headline', () => {
  const health = healthOf({
    span: refusing('config'),
    spool: { repairs: [repair] },
    facts: { ...neverReceived, ...refused('malformed', false) },
  });
  expect(health.findings.map(({ severity }) => severity)).toEqual(['error', 'warning', 'warning']);
  expect(health.headline).toContain('refuses the token');
});

test('refusals that are over do not outrank what is still so; those that go on come before what is safe on disk', () => {
  const none = {
    destinations: [],
    config: { file: '/config.json', problems: [], unusable: false, anyDestination: false },
  };
  const idsWith = (facts: Partial<HealthFacts>, changes: Changes = {}) =>
    healthOf({ ...changes, facts }).findings.map(({ id }) => id);
  expect(idsWith({ ...none, ...refused('malformed', false) })).toEqual([
    'destination.none-configured',
    'receiver.requests-refused',
  ]);
  expect(idsWith(refused('malformed', true), { span: blocked('credentials', 401) })).toEqual([
    'receiver.requests-refused',
    'destination.credentials-refused',
  ]);
});

test.each<[RefusalCause, RegExp]>([
  ['method', /POST/],
  ['content-type', /OTEL_EXPORTER_OTLP_PROTOCOL/],
  ['content-encoding', /OTEL_EXPORTER_OTLP_COMPRESSION/],
  ['too-large', /smaller batches/],
  ['malformed', /in the detail/],
  ['incomplete', /suspended/],
  ['overload', /nothing wrong with the requests/],
  ['storage', /resumed by itself/],
  ['internal', /log/],
])('a refusal for %s says what to do about that', (cause, fix) => {
  const [finding] = healthOf({ facts: refused(cause, false) }).findings;
  expect(finding).toMatchObject({ id: 'receiver.requests-refused', fix: expect.stringMatching(fix) });
  expect(finding?.detail).toBe(
    'The last one was told: There is nothing at this path. 3 requests in the last hour were not stored.',
  );
});

test('a spool that cannot store speaks for the refusals that follow from it', () => {
  const health = healthOf({ spool: { state: { kind: 'disk-full' } }, facts: refused('storage', true) });
  expect(health.findings.map(({ id }) => id)).toEqual(['spool.disk-full']);
});

test('nobody is told to point Claude Code at a relay that cannot take anything', () => {
  const nothingEver: Changes = { facts: neverReceived, spool: { ledger: [], pending: [] } };
  const unavailable: SpoolFacts['state'] = { kind: 'unavailable', message: 'permission denied' };
  const idsOf = (changes: Changes) => healthOf(changes).findings.map(({ id }) => id);
  expect(idsOf({ ...nothingEver, facts: { ...neverReceived, http: { port: 14_318, state: 'port-taken' } } })).toEqual([
    'receiver.port-taken',
  ]);
  expect(idsOf({ ...nothingEver, spool: { ...nothingEver.spool, state: unavailable } })).toEqual(['spool.unavailable']);
});

test('what a destination is not to have any more does not wait for it', () => {
  const health = healthOf({ span: { ...blocked('endpoint', 404), takes: ['metrics'] } });
  expect(health.findings.map(({ detail }) => detail)).toEqual([
    'otel.span.app said no. 1,200 data points are safe on disk and wait.',
    'The signals of span in /config.json do not name "logs" any more. 4 log records are safe on disk and wait.',
  ]);
});

test('a refused credential is told with its source and when it last worked', () => {
  const detailOf = (changes: Partial<DestinationFacts>) => healthOf({ span: changes }).findings[0]?.detail;
  expect(detailOf(refusing('config', 12))).toBe(
    `otel.span.app said no. It was given the token from /config.json, which worked until 12 min ago. ${safe}.`,
  );
  expect(detailOf(refusing('file'))).toBe(
    `otel.span.app said no. It was given the token from the file /run/token, which has never worked. ${safe}.`,
  );
  expect(detailOf({ ...refusing('presented', 90), refusedCredentials: [refusedFrom('policy')] })).toBe(
    `otel.span.app said no. It was given the token that Claude Code presents, which worked until 1 h ago; and the token from the policy, which has never worked. ${safe}.`,
  );
  expect(detailOf({ ...blocked('credentials', 401), credential: null })).toBe(`otel.span.app said no. ${safe}.`);
  const lastError = { kind: 'credentials', status: 401, message: 'otel.span.app refuses: who are you?' };
  expect(detailOf({ ...refusing('config'), lastError })).toMatch(/^otel.span.app refuses: who are you\? It was given/);
  const policy = { file: '/etc/span-relay/policy.json', problems: [], unusable: false };
  const managed = healthOf({ span: refusing('policy', 12), facts: { policy } }).findings[0];
  expect(managed?.detail).toContain('the token from the policy /etc/span-relay/policy.json, which worked until 12 min');
  expect(managed?.fix).toMatch(/^Ask IT to put a current token for span into \/etc\/span-relay\/policy\.json\./);
  expect(
    detailOf({ ...refusing('config'), credential: { ...refusedFrom('config', 1), worksFor: ['metrics', 'logs'] } }),
  ).toBe(`otel.span.app said no. With the same token it takes metrics and logs. ${safe}.`);
});

test('what is used instead of a token that is refused, or of a file that cannot be used', () => {
  const detailsOf = (changes: Partial<DestinationFacts>) =>
    healthOf({ span: changes }).findings.map(({ detail }) => detail);
  expect(detailsOf({ credential: presented, refusedCredentials: [refusedFrom('config', 12)] })).toEqual([
    'It refuses the token from /config.json, which worked until 12 min ago. The token that Claude Code presents is used instead.',
  ]);
  const file = { tokenFile: { path: '/run/token', problem: 'does not exist' } };
  expect(detailsOf({ credential: presented, ...file })).toEqual([
    'The token file /run/token does not exist. The token that Claude Code presents is used meanwhile.',
  ]);
  expect(detailsOf({ ...unconfigured, ...file })).toEqual([`The token file /run/token does not exist. ${safe}.`]);
});

test('the words for a signal that nobody takes, and for a warning', () => {
  const { findings } = healthOf({
    span: { lastWarning: { at: minutes(2), message: 'use delta' } },
    facts: { unwanted: [{ signal: 'logs', points: 1 }] },
  });
  expect(findings).toMatchObject([
    { severity: 'info', detail: '2 min ago span said: use delta. The data was taken all the same.' },
    {
      severity: 'info',
      title: 'Claude Code exports logs, which no destination takes',
      detail: '1 log record in the last hour was acknowledged and not kept.',
      fix: 'Set OTEL_LOGS_EXPORTER=none in the managed settings, or add "logs" to the signals of a destination in /config.json.',
    },
  ]);
});

test('a detail is whole sentences: what was seen and what it means', () => {
  const detailOf = (changes: Changes) => healthOf(changes).findings[0]?.detail;
  expect(healthOf({ span: blocked('captive-portal') }).findings[0]?.fix).toMatch(
    /in between\). Sending resumes by itself\.$/,
  );
  expect(detailOf({ spool: { state: { kind: 'unavailable', message: 'permission denied' } } })).toBe(
    'Permission denied. What Claude Code sends now is refused and lost.',
  );
  const problems = ['listen.http: wrong.', 'spool: wrong.'];
  expect(
    detailOf({ facts: { config: { file: '/config.json', problems, unusable: false, anyDestination: true } } }),
  ).toBe('listen.http: wrong. spool: wrong.');
});

test('the snapshot carries the facts in its own shape', () => {
  const health = healthOf({ span: { nextAttemptAt: now + 1_000 } });
  expect(health).toMatchObject({
    version: 1,
    at: '2026-11-20T12:00:00.000Z',
    listen: { http: { port: 14_318, state: 'listening' }, grpc: { port: 14_317, state: 'listening' } },
    ledger: spool.ledger,
  });
  expect(health.destinations).toEqual([
    {
      name: 'span',
      endpoint: 'https://otel.span.app:443',
      via: null,
      state: 'ok',
      lastSuccessAt: '2026-11-20T11:59:00.000Z',
      lastAttemptAt: '2026-11-20T11:59:00.000Z',
      lastError: null,
      nextAttemptAt: '2026-11-20T12:00:01.000Z',
      credential: { source: 'config', lastWorkedAt: '2026-11-20T11:59:00.000Z', refusedAt: null },
      pending: { requests: 4, points: 1_204, bytes: 10_000, oldestAt: '2026-11-20T11:20:00.000Z' },
    },
  ]);
});

test('what is told of a token that is not tried yet is not that it was refused', () => {
  const [finding] = healthOf({
    span: { ...blocked('credentials', 401), refusedCredentials: [refusedFrom('policy', 3)] },
  }).findings;
  expect(finding?.detail).toBe(
    `otel.span.app said no. It has not been given the token from /config.json yet. ${safe}.`,
  );
});

test('of a file that is broken as a whole, nothing is said of a rest that is in force', () => {
  const config = { file: '/config.json', problems: ['line 1: wrong.'], unusable: true, anyDestination: true };
  const policy = { file: '/policy.json', problems: ['line 1: wrong.'], unusable: true };
  const fixes = healthOf({ facts: { config, policy } }).findings.map(({ fix }) => fix);
  expect(fixes).toHaveLength(2);
  for (const fix of fixes) expect(fix).not.toContain('rest of');
});

test('a token that worked a moment ago did so until just now', () => {
  const credential = { ...refusedFrom('config'), lastWorkedAt: now };
  expect(healthOf({ span: { ...refusing('config'), credential } }).findings[0]?.detail).toContain(
    'which worked until just now',
  );
});

test('destinations that differ in nothing but the port are not said to be at different hosts, and keep their names', () => {
  const [finding] = healthOf({
    facts: { destinations: [{ ...span, ...unconfigured, ambiguousWith: ['other'] }, other] },
  }).findings;
  expect(finding?.detail).toMatch(/^The destinations span and other are at different addresses, /);
});
