import { dropCauses, droppedInAll, type HourRow, imbalance, type LedgerRow } from '../../shared/ledger.ts';
import { countOf, formatNumber } from '../../shared/wording.ts';
import { type Column, table } from './table.ts';
import { wrap } from './wrap.ts';

const numberTitles = ['accepted', 'delivered', 'pending', 'rejected', 'dropped', 'refused', 'resent'] as const;

type NumberTitle = (typeof numberTitles)[number];

const numbers: readonly Column[] = numberTitles.map((title) => ({ title, align: 'right' }));

/** The books since ever, one row per destination and signal. */
export function ledgerTable(rows: readonly LedgerRow[]): string {
  return table(
    [{ title: 'destination', align: 'left' }, { title: 'signal', align: 'left' }, ...numbers],
    rows.map((row) => [row.destination, row.signal, ...numberCells(row)]),
  );
}

/**
 * The books for a glance, in at most `columns`: per destination, without signals that have nothing and without the columns
 * beside the sum where they are zero. As sentences where the numbers need more room than there is.
 */
export function shortBooks(rows: readonly LedgerRow[], columns: number): string {
  const names = [...new Set(rows.map(({ destination }) => destination))];
  return names.map((name) => destinationBooks(name, rows.filter(isOf(name)), columns)).join('\n');
}

const isOf =
  (name: string) =>
  ({ destination }: LedgerRow) =>
    destination === name;

function destinationBooks(name: string, rows: readonly LedgerRow[], columns: number): string {
  const used = rows.filter((row) => numberTitles.some((title) => numberOf(row, title) > 0));
  if (used.length === 0) return wrap(`${name}: nothing yet`, columns, '  ');
  const titles = numberTitles.filter((title) => isPartOfSum(title) || used.some((row) => row[title] > 0));
  const cells = (row: LedgerRow) => titles.map((title) => formatNumber(numberOf(row, title)));
  const lines = table(
    [{ title: '', align: 'left' }, ...titles.map((title) => ({ title, align: 'right' }) as const)],
    used.map((row) => [row.signal, ...cells(row)]),
  ).split('\n');
  const fits = lines.every((line) => line.length <= columns);
  const sentences = used.map((row) => {
    const counts = titles.map((title) => `${formatNumber(numberOf(row, title))} ${title}`);
    return wrap(`${row.signal}: ${counts.join(', ')}`, columns, '    ');
  });
  return [wrap(name, columns, '  '), ...(fits ? lines : sentences)].join('\n');
}

/** `refused` and `resent` stand beside the sum. */
function isPartOfSum(title: NumberTitle): title is Exclude<NumberTitle, 'refused' | 'resent'> {
  return title !== 'refused' && title !== 'resent';
}

/** The books hour by hour, in local time. */
export function hoursTable(rows: readonly HourRow[]): string {
  return table(
    [
      { title: 'hour', align: 'left' },
      { title: 'destination', align: 'left' },
      { title: 'signal', align: 'left' },
      ...numbers.filter(({ title }) => title !== 'pending'),
    ],
    rows.map((row) => [
      localHour(row.hour),
      row.destination,
      row.signal,
      ...numberCells(row).filter((_, index) => numberTitles[index] !== 'pending'),
    ]),
  );
}

/** Why data was dropped, where any was; one line per destination and signal. */
export function dropLines(rows: readonly LedgerRow[]): readonly string[] {
  return rows
    .filter((row) => droppedInAll(row) > 0)
    .map((row) => {
      const causes = dropCauses.filter((cause) => row.dropped[cause] > 0);
      const words = causes.map((cause) => `${formatNumber(row.dropped[cause])} by ${cause}`);
      return `dropped from ${row.destination} ${row.signal}: ${words.join(', ')}`;
    });
}

/** What is wrong with the sums; empty when every row balances. */
export function imbalances(rows: readonly LedgerRow[]): readonly string[] {
  return rows
    .filter((row) => imbalance(row) !== 0)
    .map((row) => {
      const off = imbalance(row);
      const points = countOf(Math.abs(off), 'point');
      return `${row.destination} ${row.signal}: ${points} ${off > 0 ? 'accepted but unaccounted for' : 'more than accepted'}`;
    });
}

function numberCells(row: LedgerRow): readonly string[] {
  return numberTitles.map((title) => formatNumber(numberOf(row, title)));
}

function numberOf(row: LedgerRow, title: NumberTitle): number {
  return title === 'dropped' ? droppedInAll(row) : row[title];
}

function localHour(hour: number): string {
  const date = new Date(hour);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:00`;
}
