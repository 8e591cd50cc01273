import { existsSync } from 'node:fs';
import type { LedgerRow } from '../../shared/ledger.ts';
import { pointNoun } from '../../shared/signal.ts';
import { countOf, listOf } from '../../shared/wording.ts';
import type { RelayPaths } from '../core/policy/paths.ts';
import { spoolFiles } from '../core/spool/files.ts';
import type { Io } from './io.ts';
import { withSpool } from './spool-access.ts';

/** Empty where no relay has run yet. */
async function ledgerOf(paths: RelayPaths, io: Io): Promise<readonly LedgerRow[]> {
  if (!existsSync(spoolFiles(paths.stateDir).database)) return [];
  return (await withSpool(paths, io, (spool) => spool.call('ledger', {}))).ledger;
}

/** The names that the books are kept under. */
export async function knownToBooks(paths: RelayPaths, io: Io): Promise<readonly string[]> {
  const rows = await ledgerOf(paths, io);
  return [...new Set(rows.filter(({ accepted }) => accepted > 0).map(({ destination }) => destination))];
}

export interface Owed {
  readonly points: number;
  /** In words: `3 data points and 1 log record`. */
  readonly words: string;
}

/** What is still owed to a destination. */
export async function owedTo(name: string, paths: RelayPaths, io: Io): Promise<Owed> {
  const rows = (await ledgerOf(paths, io)).filter(({ destination, pending }) => destination === name && pending > 0);
  const parts = rows.map(({ signal, pending }) => countOf(pending, pointNoun[signal].slice(0, -1)));
  return { points: rows.reduce((sum, { pending }) => sum + pending, 0), words: listOf(parts) };
}
