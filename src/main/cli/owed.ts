import { existsSync } from 'node:fs';
import { droppedInAll, type LedgerRow } from '../../shared/ledger.ts';
import { pointNoun } from '../../shared/signal.ts';
import { countOf, listOf } from '../../shared/wording.ts';
import type { RelayPaths } from '../core/policy/paths.ts';
import { spoolFiles } from '../core/spool/files.ts';
import { isSameName } from './destination-edit.ts';
import type { Io } from './io.ts';
import { withSpool } from './spool-access.ts';

/** The books by name, in whatever letter case: one row per destination and signal. Empty where no relay has run yet. */
export async function ledgerOf(paths: RelayPaths, io: Io): Promise<readonly LedgerRow[]> {
  if (!existsSync(spoolFiles(paths.stateDir).database)) return [];
  return (await withSpool(paths, io, (spool) => spool.call('ledger', {}))).ledger;
}

/** The names that the books are kept under. */
export async function knownToBooks(paths: RelayPaths, io: Io): Promise<readonly string[]> {
  return namesWithBooks(await ledgerOf(paths, io));
}

function namesWithBooks(rows: readonly LedgerRow[]): readonly string[] {
  return [...new Set(rows.filter(hasBooks).map(({ destination }) => destination))];
}

/** A name under which nothing was ever booked takes over the books of another one. */
function hasBooks(row: LedgerRow): boolean {
  return row.accepted > 0 || row.refused > 0 || row.resent > 0 || droppedInAll(row) > 0;
}

/** The name that the books of a destination are kept under: its former one until the relay has carried the rename out. */
export function bookedName(name: string, formerly: string | undefined, rows: readonly LedgerRow[]): string {
  const booked = namesWithBooks(rows);
  const find = (wanted: string) => booked.find((one) => isSameName(one, wanted));
  return find(name) ?? (formerly === undefined ? undefined : find(formerly)) ?? name;
}

export interface Owed {
  readonly points: number;
  /** In words: `3 data points and 1 log record`. */
  readonly words: string;
  /** The name that the books are kept under. */
  readonly under: string;
}

/** What is still owed to a destination that was called `formerly` before. */
export function owedTo(name: string, formerly: string | undefined, rows: readonly LedgerRow[]): Owed {
  const under = bookedName(name, formerly, rows);
  const pending = rows.filter((row) => row.destination === under && row.pending > 0);
  const parts = pending.map((row) => countOf(row.pending, pointNoun[row.signal].slice(0, -1)));
  return { points: pending.reduce((sum, row) => sum + row.pending, 0), words: listOf(parts), under };
}

/** Why a destination cannot be renamed to this name: it has books, and two sets are never merged. Undefined where it can. */
export function booksInTheWay(name: string, rows: readonly LedgerRow[]): string | undefined {
  const own = rows.filter((row) => isSameName(row.destination, name));
  const found = own.find(hasBooks)?.destination;
  if (found === undefined) return undefined;
  const sum = (what: 'accepted' | 'pending') => own.reduce((total, row) => total + row[what], 0);
  const waiting = sum('pending') === 0 ? 'none' : countOf(sum('pending'), 'of them', 'of them');
  return `"${found}" has books of its own (${countOf(sum('accepted'), 'data point')} accepted, ${waiting} waiting), which are never merged with those of another destination. Choose a name that was not used before. Nothing was changed.`;
}
