import type { DatabaseSync } from 'node:sqlite';
import type { HourRow } from '../../../shared/ledger.ts';
import type { RepairReport } from '../../../shared/repair.ts';
import { ledgerNumbers, signalAt } from './book-rows.ts';
import { hourMs } from './hour.ts';
import { emptyNumbers, flowNames } from './queue.ts';

const hoursKept = 35 * 24;

/** The books by the hour, newest last, for the last `hours` hours. */
export function readHours(db: DatabaseSync, hours: number, now: number): readonly HourRow[] {
  const since = Math.floor(now / hourMs) * hourMs - (hours - 1) * hourMs;
  return db
    .prepare(
      'SELECT hour.*, name FROM hour JOIN destination ON id = destination WHERE hour >= ? ORDER BY hour, destination, signal',
    )
    .all(since)
    .map((row) => {
      const numbers = emptyNumbers();
      for (const name of flowNames) numbers[name] = Number(row[name]);
      return {
        hour: Number(row.hour),
        ...ledgerNumbers(numbers),
        destination: String(row.name),
        signal: signalAt(Number(row.signal)),
      };
    });
}

/** Forgets hours that are older than the ledger keeps. */
export function purgeHours(db: DatabaseSync, now: number): void {
  db.prepare('DELETE FROM hour WHERE hour < ?').run(now - hoursKept * hourMs);
}

/** The repairs of this spool so far, oldest first. */
export function readRepairs(db: DatabaseSync): readonly RepairReport[] {
  return db.prepare('SELECT * FROM repair ORDER BY at').all().map(toReport);
}

/** A row of the table `repair`. */
export function toReport(row: Record<string, unknown>): RepairReport {
  return {
    at: Number(row.at),
    reason: String(row.reason),
    keptIn: String(row.kept_in),
    salvagedRequests: Number(row.salvaged_requests),
    lostPoints: Number(row.lost_points),
    estimated: Number(row.estimated) !== 0,
  };
}
