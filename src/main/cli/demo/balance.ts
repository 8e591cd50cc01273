import { addBooks, type Books, droppedInAll, emptyBooks, imbalance } from '../../../shared/ledger.ts';
import { type Signal, signals } from '../../../shared/signal.ts';
import { countOf, formatNumber } from '../../../shared/wording.ts';
import type { Counts } from './sessions.ts';

/** What three parties counted, each by itself: the sessions, the relay and the stand-in. */
export interface Counted {
  readonly exported: Counts;
  readonly acknowledged: Counts;
  readonly books: Readonly<Record<Signal, Books>>;
  readonly arrived: Counts;
  /** What the relay found wrong when it recounted the stored rows. */
  readonly recount: readonly string[];
}

/** The account at the end, in points of all signals together. */
export interface Balance {
  readonly exported: number;
  readonly acknowledged: number;
  readonly accepted: number;
  /** Duplicates included. */
  readonly arrived: number;
  /** Arrived once more than needed. */
  readonly duplicates: number;
  /** Sent again by the relay, which could not know whether it had arrived. */
  readonly resent: number;
  /** Acknowledged, and neither arrived nor on disk. */
  readonly lost: number;
  /** Why the books do not balance, as clauses; empty when they do and all has arrived. */
  readonly problems: readonly string[];
}

/** Each signal is balanced by itself: what is missing of one is not made up for by another. Pure. */
export function balanceOf(counted: Counted): Balance {
  const { exported, acknowledged, books, arrived, recount } = counted;
  const duplicates = total((signal) => Math.max(0, arrived[signal] - books[signal].delivered));
  return {
    exported: total((signal) => exported[signal]),
    acknowledged: total((signal) => acknowledged[signal]),
    accepted: total((signal) => books[signal].accepted),
    arrived: total((signal) => arrived[signal]),
    duplicates,
    resent: total((signal) => books[signal].resent),
    lost: total((signal) => Math.max(0, acknowledged[signal] - books[signal].pending - arrived[signal])),
    problems: [...signals.flatMap((signal) => problemsOf(signal, counted)), ...recount],
  };
}

function problemsOf(signal: Signal, { exported, acknowledged, books, arrived }: Counted): string[] {
  const row = books[signal];
  const problems: string[] = [];
  const expect = (holds: boolean, problem: string) => {
    if (!holds) problems.push(`${signal}: ${problem}`);
  };
  const { accepted, delivered, pending, rejected, resent } = row;
  const [sent, taken, came] = [exported[signal], acknowledged[signal], arrived[signal]];
  expect(taken === sent, `${formatNumber(sent)} exported, but ${formatNumber(taken)} acknowledged`);
  expect(accepted === taken, `${formatNumber(taken)} acknowledged, but ${formatNumber(accepted)} in the books`);
  expect(imbalance(row) === 0, `${countOf(Math.abs(imbalance(row)), 'point')} unaccounted for`);
  expect(pending === 0, `${countOf(pending, 'point')} still on disk`);
  expect(rejected === 0, `${countOf(rejected, 'point')} rejected`);
  expect(droppedInAll(row) === 0, `${countOf(droppedInAll(row), 'point')} dropped`);
  expect(came >= delivered, `${formatNumber(delivered)} delivered, but ${formatNumber(came)} arrived`);
  expect(came <= delivered + resent, `${formatNumber(came)} arrived, but ${formatNumber(delivered)} delivered`);
  return problems;
}

/** One row of the ledger for each signal, with zeros where there is none yet. */
export function booksBySignal(rows: readonly (Books & { readonly signal: Signal })[]): Record<Signal, Books> {
  const of = (signal: Signal) => rows.filter((row) => row.signal === signal).reduce<Books>(addBooks, emptyBooks);
  return { metrics: of('metrics'), logs: of('logs'), traces: of('traces') };
}

/** The end of the demo in words, two lines or more. */
export function balanceWords(balance: Balance): readonly string[] {
  const { exported, acknowledged, accepted, arrived, duplicates, resent, lost, problems } = balance;
  const balances = problems.length === 0;
  const counts = { exported, acknowledged, accepted, arrived: arrived - duplicates };
  const account = Object.entries(counts).map(([name, count]) => `${name} ${formatNumber(count)}`);
  const unsure = `${countOf(resent, 'point was', 'points were')} sent again after a broken connection`;
  return [
    balances ? 'The books balance. Span was down, and nothing is lost.' : 'The books do not balance.',
    `${account.join(balances ? ' = ' : ', ')}, lost ${formatNumber(lost)}`,
    ...(resent === 0 ? [] : [`${unsure}; ${duplicates === 0 ? 'none' : formatNumber(duplicates)} arrived twice.`]),
    ...problems,
  ];
}

function total(of: (signal: Signal) => number): number {
  return signals.reduce((sum, signal) => sum + of(signal), 0);
}
