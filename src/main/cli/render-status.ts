import type { Finding } from '../../shared/finding.ts';
import type {
  CredentialHealth,
  DestinationHealth,
  HealthSnapshot,
  HealthState,
  ListenFacts,
} from '../../shared/health.ts';
import { countOf, formatBytes, formatDuration, relativeTime } from '../../shared/wording.ts';
import { printableLine } from '../core/otlp/printable.ts';
import type { Style } from './io.ts';
import { shortBooks } from './render-ledger.ts';
import { wrap } from './wrap.ts';

type Paint = (style: Style, text: string) => string;

interface Mark {
  readonly mark: string;
  readonly style: Style;
}

/** Shape as well as colour tells the state. */
const marks: Readonly<Record<HealthState, Mark>> = {
  healthy: { mark: '✓', style: 'green' },
  idle: { mark: '·', style: 'dim' },
  attention: { mark: '▲', style: 'yellow' },
  failing: { mark: '✗', style: 'red' },
};

const findingMarks = { error: marks.failing, warning: marks.attention, info: marks.idle } as const;

const listenWords: Readonly<Record<ListenFacts['state'], string>> = {
  starting: 'is starting',
  listening: 'listens',
  'port-taken': 'cannot listen: the port is taken',
  closed: 'does not listen any more',
};

export interface View {
  readonly paint: Paint;
  /** Wall time, milliseconds. */
  readonly now: number;
  /** No line is wider, unless a single word is. */
  readonly columns: number;
}

/** A snapshot for people. */
export function renderStatus(health: HealthSnapshot, view: View): string {
  const { paint } = view;
  const [first, ...others] = health.findings;
  // The headline is made of the first finding where there is trouble: the finding says the same and more.
  const leads = first !== undefined && health.headline.startsWith(first.title);
  const sections = [
    leads ? findingText(first, marks[health.state], view) : headline(health, view),
    flow(health, view),
    ...(health.destinations.length === 0
      ? []
      : [[paint('bold', 'Destinations'), ...health.destinations.map((one) => destination(one, view))].join('\n')]),
    ...(health.ledger.length === 0 ? [] : [`${paint('bold', 'Books')}\n${shortBooks(health.ledger, view.columns)}`]),
    ...(leads ? others : health.findings).map((one) => findingText(one, findingMarks[one.severity], view)),
  ];
  return `${sections.join('\n\n')}\n`;
}

function headline({ state, headline }: HealthSnapshot, { paint, columns }: View): string {
  const { mark, style } = marks[state];
  const [head = '', ...rest] = wrap(headline, columns, '  ').slice(2).split('\n');
  return [`${paint(style, mark)} ${paint('bold', head)}`, ...rest.map((line) => paint('bold', line))].join('\n');
}

function flow({ claude, listen, destinations, ledger }: HealthSnapshot, { now, columns }: View): string {
  const nothing = ledger.some(({ accepted }) => accepted > 0)
    ? 'nothing received since the relay started'
    : 'nothing received yet';
  const received = claude.lastReceivedAt === null ? nothing : `last received ${ago(claude.lastReceivedAt, now)}`;
  // Whatever runs on this machine can have sent them.
  const known = claude.versions.map(printableLine).filter((version) => version !== undefined);
  const versions = known.length === 0 ? '' : ` (${known.join(', ')})`;
  const reachable = destinations.filter(({ endpoint }) => endpoint !== null);
  const names = reachable.map(({ name }) => name).join(', ') || 'no destination yet';
  // The port that matters to whoever exports here.
  const used = claude.lastProtocol === 'grpc' && listen.grpc.state === 'listening' ? listen.grpc : listen.http;
  const ports = [
    `the relay ${listenWords[used.state]} on 127.0.0.1:${used.port}${used === listen.grpc ? ' (gRPC)' : ''}`,
    ...(used === listen.grpc && listen.http.state !== 'listening'
      ? [`for HTTP it ${listenWords[listen.http.state]} (${listen.http.port})`]
      : []),
    ...(listen.grpc.state === 'port-taken' ? [`for gRPC it ${listenWords['port-taken']} (${listen.grpc.port})`] : []),
  ];
  return [
    wrap(`Claude Code${versions} → Relay → ${names}`, columns, '  '),
    wrap([received, ...ports].join('; '), columns, '  '),
  ].join('\n');
}

function destination(facts: DestinationHealth, { now, columns }: View): string {
  const { name, state, endpoint, via, lastSuccessAt, nextAttemptAt, lastError } = facts;
  const standing = [
    lastSuccessAt === null ? 'no success yet' : `last success ${ago(lastSuccessAt, now)}`,
    pendingWords(facts, now),
    ...(nextAttemptAt === null ? [] : [`next attempt ${due(nextAttemptAt, now)}`]),
  ];
  return [
    wrap([`${name}: ${state}`, endpoint, via && `by the proxy ${via}`].filter(Boolean).join(', '), columns, '  '),
    wrap(standing.join('; '), columns, '    '),
    ...credentialLine(facts, { now, columns }),
    ...(lastError === null ? [] : [wrap(`last error: ${lastError.message}`, columns, '    ')]),
  ].join('\n');
}

const sourceWords: Readonly<Record<CredentialHealth['source'], string>> = {
  policy: 'token from the policy',
  config: 'token from the config',
  file: 'token from its file',
  presented: 'token from Claude Code',
};

/** One line, or none where it does not fit. */
function credentialLine({ credential }: DestinationHealth, { now, columns }: Pick<View, 'now' | 'columns'>): string[] {
  if (credential === null) return [];
  const { source, lastWorkedAt, refusedAt } = credential;
  const never = refusedAt === null ? 'has not been taken yet' : 'has never worked';
  const worked = lastWorkedAt === null ? never : `last worked ${ago(lastWorkedAt, now)}`;
  const refused = refusedAt === null ? '' : `refused for ${formatDuration(now - Date.parse(refusedAt))}, `;
  const line = `    ${sourceWords[source]}: ${refused}${worked}`;
  return line.length > columns ? [] : [line];
}

function pendingWords({ pending }: DestinationHealth, now: number): string {
  if (pending.requests === 0) return 'nothing waits';
  const since = pending.oldestAt === null ? '' : `, oldest ${ago(pending.oldestAt, now)}`;
  const points = `${countOf(pending.points, 'point')} ${pending.points === 1 ? 'waits' : 'wait'}`;
  return `${points} (${formatBytes(pending.bytes)}${since})`;
}

function findingText({ title, detail, fix, id }: Finding, { mark, style }: Mark, { paint, columns }: View): string {
  const [head = '', ...rest] = wrap(`${title} [${id}]`, columns, '  ').slice(2).split('\n');
  const bold = [head, ...rest].map((line) => paint('bold', line)).join('\n');
  return `${paint(style, mark)} ${bold}\n${wrap(detail, columns, '  ')}\n${wrap(fix, columns, '  → ')}`;
}

/** Of what is planned: where its time is over, it is about to be done. */
function due(at: string, now: number): string {
  return relativeTime(Math.max(Date.parse(at), now + 1), now);
}

function ago(at: string, now: number): string {
  return relativeTime(Date.parse(at), now);
}
