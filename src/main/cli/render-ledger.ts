import { dropCauses, droppedInAll, type HourRow, imbalance, type LedgerRow } from '../../shared/ledger.ts';
import { countOf, formatNumber } from '../../shared/wording.ts';
import { type Column, table } from './table.ts';

const numberTitles = ['accepted', 'delivered', 'pending', 'rejected', 'dropped', 'refused', 'resent'] as const;

const numbers: readonly Column[] = numberTitles.map((title) => ({ title, align: 'right' }));

/** The books since ever, one row per destination and signal. */
export function ledgerTable(rows: readonly LedgerRow[]): string {
  return table(
    [{ title: 'destination', align: 'left' }, { title: 'signal', align: 'left' }, ...numbers],
    rows.map((row) => [row.destination, row.signal, ...numberCells(row)]),
  );
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
  return numberTitles.map((title) => formatNumber(title === 'dropped' ? droppedInAll(row) : row[title]));
}

function localHour(hour: number): string {
  const date = new Date(hour);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:00`;
}
