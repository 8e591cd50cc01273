import type { Finding } from '../../shared/finding.ts';
import type { DestinationHealth, HealthSnapshot, HealthState, ListenFacts } from '../../shared/health.ts';
import { countOf, formatBytes, relativeTime } from '../../shared/wording.ts';
import { printableLine } from '../core/otlp/printable.ts';
import type { Style } from './io.ts';
import { ledgerTable } from './render-ledger.ts';
import { table } from './table.ts';

type Paint = (style: Style, text: string) => string;

/** Shape as well as colour tells the state. */
const marks: Readonly<Record<HealthState, { readonly mark: string; readonly style: Style }>> = {
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

/** A snapshot for people. */
export function renderStatus(health: HealthSnapshot, paint: Paint, now: number): string {
  const { mark, style } = marks[health.state];
  const sections = [
    `${paint(style, mark)} ${paint('bold', health.headline)}`,
    flow(health, now),
    ...(health.destinations.length === 0 ? [] : [`${paint('bold', 'Destinations')}\n${destinations(health, now)}`]),
    ...(health.ledger.length === 0 ? [] : [`${paint('bold', 'Books')}\n${ledgerTable(health.ledger)}`]),
    ...(health.findings.length === 0 ? [] : [health.findings.map((one) => findingText(one, paint)).join('\n\n')]),
  ];
  return `${sections.join('\n\n')}\n`;
}

function flow({ claude, listen, destinations }: HealthSnapshot, now: number): string {
  const received =
    claude.lastReceivedAt === null ? 'nothing received yet' : `last received ${ago(claude.lastReceivedAt, now)}`;
  // Whatever runs on this machine can have sent them.
  const known = claude.versions.map(printableLine).filter((version) => version !== undefined);
  const versions = known.length === 0 ? '' : ` (${known.join(', ')})`;
  const reachable = destinations.filter(({ endpoint }) => endpoint !== null);
  const names = reachable.map(({ name }) => name).join(', ') || 'no destination yet';
  return [
    `  Claude Code${versions} → Relay → ${names}`,
    `  ${received}; the relay ${listenWords[listen.http.state]} on 127.0.0.1:${listen.http.port}`,
  ].join('\n');
}

function destinations(health: HealthSnapshot, now: number): string {
  const rows = health.destinations.map((destination) => [
    destination.name,
    destination.state,
    destination.lastSuccessAt === null ? 'never' : ago(destination.lastSuccessAt, now),
    pendingWords(destination, now),
    destination.nextAttemptAt === null ? '' : relativeTime(Date.parse(destination.nextAttemptAt), now),
    destination.endpoint ?? '',
  ]);
  const titles = ['name', 'state', 'last success', 'waiting', 'next attempt', 'endpoint'];
  return table(
    titles.map((title) => ({ title, align: 'left' })),
    rows,
  );
}

function pendingWords({ pending }: DestinationHealth, now: number): string {
  if (pending.requests === 0) return 'nothing';
  const since = pending.oldestAt === null ? '' : `, oldest ${ago(pending.oldestAt, now)}`;
  return `${countOf(pending.points, 'point')} (${formatBytes(pending.bytes)}${since})`;
}

function findingText({ severity, title, detail, fix, id }: Finding, paint: Paint): string {
  const { mark, style } = findingMarks[severity];
  return `${paint(style, mark)} ${paint('bold', title)} ${paint('dim', `[${id}]`)}\n  ${detail}\n  → ${fix}`;
}

function ago(at: string, now: number): string {
  return relativeTime(Date.parse(at), now);
}
