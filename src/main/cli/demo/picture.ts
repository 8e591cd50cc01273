import { assertNever } from '../../../shared/assert-never.ts';
import type { HealthState } from '../../../shared/health.ts';
import { addBooks, type Books, droppedInAll, emptyBooks } from '../../../shared/ledger.ts';
import { signals } from '../../../shared/signal.ts';
import { countOf, formatDuration, formatNumber } from '../../../shared/wording.ts';
import { type Balance, balanceWords, booksBySignal } from './balance.ts';
import { pendingChart } from './chart.ts';
import { type DemoModel, spanOf } from './model.ts';
import { type Line, paintLine, type Span, type SpanStyle, span, wrap } from './spans.ts';
import { lastSuccess, sceneWords } from './words.ts';

/** Wider than this the eye has too far to go. */
const maxWidth = 100;

const marks: Readonly<Record<HealthState, { readonly mark: string; readonly style: SpanStyle }>> = {
  healthy: { mark: '✓', style: 'green' },
  idle: { mark: '●', style: 'dim' },
  attention: { mark: '▲', style: 'yellow' },
  failing: { mark: '✗', style: 'red' },
};

/** The whole picture, at most 23 lines of at most `width` columns. Pure. */
export function renderPicture(model: DemoModel, width: number, colour: boolean): string {
  const wide = Math.min(width, maxWidth);
  const { balance } = model;
  const lines: readonly Line[] = [
    titleLine(model, wide),
    [],
    ...flowLines(model, wide),
    [],
    ...(balance === null ? [...nowLines(model, wide), []] : []),
    [span('  Pending on disk', 'bold'), span(`  ${countOf(booksOf(model).pending, 'point')}`)],
    ...pendingChart(model, wide - 2),
    [],
    ...booksLines(model, wide),
    ...(balance === null ? [] : [[], ...endLines(balance, wide)]),
  ];
  return lines.map((line) => paintLine(line, wide, colour)).join('\n');
}

function titleLine({ elapsedMs, script, balance }: DemoModel, wide: number): Line {
  const name = '  Span Relay demo';
  const late = elapsedMs > script.endAtMs;
  const time = late ? formatDuration(elapsedMs) : `${formatDuration(elapsedMs)} of ${formatDuration(script.endAtMs)}`;
  const right = balance === null ? `${time} · Ctrl-C ends it` : time;
  return [span(name, 'bold'), span(right.padStart(wide - name.length - 2), 'dim')];
}

/** The three parties with arrows between them, and under each what it counted. */
function flowLines(model: DemoModel, wide: number): readonly Line[] {
  const relay = booksOf(model);
  const columns = [
    ['Claude Code', countOf(model.sessions, 'session'), `${formatNumber(model.exported)} exported`],
    ['Relay', `${formatNumber(relay.pending)} pending`, `${formatNumber(relay.accepted)} accepted`],
    ['Span (stand-in)', lastSuccess(model), `${formatNumber(model.arrived)} arrived`],
  ] as const;
  const [claude, middle, vendor] = columns;
  const gap = Math.max(minGap, Math.floor((wide - 2 - claude[0].length - middle[0].length - widestVendorFact) / 2));
  const isDown = standInIsDown(model);
  const facts = (row: 1 | 2): Line => [
    span(`  ${claude[row].padEnd(claude[0].length + gap)}`, 'dim'),
    span(middle[row].padEnd(middle[0].length + gap), ...(row === 1 && relay.pending > 0 ? pendingStyles : dimmed)),
    span(vendor[row], 'dim'),
  ];
  return [
    [
      span('  '),
      span(claude[0], 'bold'),
      arrow(gap, 'whole'),
      span(middle[0], 'bold'),
      arrow(gap, isDown ? 'broken' : spanOf(model)?.state === 'ok' ? 'whole' : 'waiting'),
      ...(isDown ? [span(vendor[0], 'bold', 'red'), span('  down', 'red')] : [span(vendor[0], 'bold')]),
    ],
    facts(1),
    facts(2),
  ];
}

const widestVendorFact = 'last success just now'.length + 1;
const minGap = 8;
const dimmed = ['dim'] as const;
const pendingStyles = ['yellow'] as const;

function arrow(gap: number, state: 'whole' | 'waiting' | 'broken'): Span {
  const shaft = gap - 3;
  switch (state) {
    case 'whole':
      return span(` ${'─'.repeat(shaft)}▶ `, 'green');
    case 'waiting':
      return span(` ${'┄'.repeat(shaft)}▶ `, 'yellow');
    case 'broken': {
      const before = Math.floor((shaft - 3) / 2);
      return span(` ${'─'.repeat(before)} ✗ ${'─'.repeat(shaft - 3 - before)}▶ `, 'red');
    }
    default:
      return assertNever(state);
  }
}

/** What happens, and what the relay says of itself, in three lines. */
function nowLines(model: DemoModel, wide: number): readonly Line[] {
  const { mark, style } = marks[model.health.state];
  const [first = '', second = ''] = wrap(model.health.headline, wide - 6, 2);
  const [now = ''] = wrap(sceneWords(model), wide - 4, 1);
  return [
    [span(`  ${now}`, ...(standInIsDown(model) ? (['bold', 'red'] as const) : (['bold'] as const)))],
    [span('  '), span(mark, style), span(` ${first}`, 'dim')],
    [span(`    ${second}`, 'dim')],
  ];
}

interface BooksColumn {
  readonly title: string;
  readonly of: (books: Books) => number;
  /** Of a number that is not zero. */
  readonly styles?: readonly SpanStyle[];
}

const booksColumns: readonly BooksColumn[] = [
  { title: 'accepted', of: (books) => books.accepted },
  { title: 'delivered', of: (books) => books.delivered },
  { title: 'pending', of: (books) => books.pending, styles: ['yellow'] },
  { title: 'rejected', of: (books) => books.rejected, styles: ['red'] },
  { title: 'dropped', of: droppedInAll, styles: ['red'] },
  { title: 'resent', of: (books) => books.resent },
];

const columnWidth = 10;

function booksLines(model: DemoModel, wide: number): readonly Line[] {
  const rows = booksBySignal(model.health.ledger);
  // A number that is cut off would be another number: what does not fit is left out.
  const columns = booksColumns.slice(0, Math.max(3, Math.floor((wide - columnWidth) / columnWidth)));
  const line = (name: string, books: Books): Line => {
    const numbers = columns.map(({ of, styles = [] }) => ({ value: of(books), styles }));
    const cells = numbers.map(({ value, styles }) =>
      span(formatNumber(value).padStart(columnWidth), ...(value === 0 ? dimmed : styles)),
    );
    return [span(`  ${name}`.padEnd(columnWidth)), ...cells];
  };
  return [
    [
      span('  Books'.padEnd(columnWidth), 'bold'),
      span(columns.map(({ title }) => title.padStart(columnWidth)).join(''), 'dim'),
    ],
    ...signals.map((signal) => line(signal, rows[signal])),
    line('all', booksOf(model)),
  ];
}

function endLines(balance: Balance, wide: number): readonly Line[] {
  const [verdict = '', ...account] = balanceWords(balance);
  const verdictSpans =
    balance.problems.length === 0
      ? [span('✓', 'green'), span(` ${verdict}`, 'bold', 'green')]
      : [span('✗', 'red'), span(` ${verdict}`, 'bold', 'red')];
  const wrapped = account.flatMap((words) => wrap(words, wide - 4, 4));
  return [[span('  '), ...verdictSpans], ...wrapped.map((words) => [span(`    ${words}`)])];
}

function standInIsDown({ downAtMs, upAtMs }: DemoModel): boolean {
  return downAtMs !== null && upAtMs === null;
}

function booksOf({ health }: DemoModel): Books {
  return health.ledger.reduce<Books>(addBooks, emptyBooks);
}
