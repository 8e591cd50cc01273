import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { RepairReport } from '../../../shared/repair.ts';
import { copyQuarantine, copyRequests, type Found } from './copy-rows.ts';
import { classifyFault, closeQuietly, openDatabase } from './database.ts';
import { companions, forgetDamaged, freeDiskBytes, installRebuilt, releaseReserve, spoolFiles } from './files.ts';
import { toReport } from './history.ts';
import { hourMs, writeHourSql } from './hour.ts';
import { bestBooks, fromConfig, fromTables, fromWatermark, isCount, type KnownBooks } from './known-books.ts';
import { flowNames, numberNames, openEnd, type Queue, type QueueNumbers } from './queue.ts';
import { mendLogHead, rawPages } from './raw-pages.ts';
import { type DamagedDatabase, openDamaged, type Row } from './salvage.ts';
import { migrate } from './schema.ts';
import type { SpoolDestination } from './spool.ts';
import { readWatermark } from './watermark.ts';

interface RepairDetails {
  readonly reason: string;
  /** Where `keepDamaged` put the copies. */
  readonly keptIn: string;
  readonly now: number;
  readonly destinations: readonly SpoolDestination[];
}

/**
 * Builds a new spool from what can be read of the damaged one, books what was owed and is missing as `corruption`,
 * and puts the new one in its place. Can be cut off and done again. On a disk without room the copies of the damaged
 * files are given up first, and then the oldest data, booked as `quota`.
 */
export function repair(folder: string, details: RepairDetails): RepairReport {
  const withoutRoom = (error: unknown) => {
    if (classifyFault(error) !== 'full') throw error;
  };
  try {
    return rebuild(folder, details, Number.MAX_SAFE_INTEGER);
  } catch (error) {
    withoutRoom(error);
  }
  releaseReserve(spoolFiles(folder).reserve);
  forgetDamaged(folder);
  try {
    return rebuild(folder, details, Number.MAX_SAFE_INTEGER);
  } catch (error) {
    withoutRoom(error);
  }
  removeRebuilt(folder);
  const room = Math.max(0, Math.floor(freeDiskBytes(folder) * 0.9) - emptyBytes);
  return rebuild(folder, { ...details, keptIn: '' }, room);
}

/** What a spool without data takes on the disk, generously. */
const emptyBytes = 256 * 1024;

function removeRebuilt(folder: string): void {
  for (const companion of companions) rmSync(spoolFiles(folder).rebuilt + companion, { force: true });
}

/** Salvages the newest requests, as many as fit into `maxBytes` of the disk. */
function rebuild(folder: string, details: RepairDetails, maxBytes: number): RepairReport {
  const files = spoolFiles(folder);
  removeRebuilt(folder);
  const log = `${files.database}-wal`;
  mendLogHead(log);
  const damaged = openDamaged(files.database);
  // Opening and closing a database can delete its log; then the copy has what SQLite did not understand of it.
  const kept = details.keptIn ? [join(details.keptIn, basename(log))] : [];
  const sources = { damaged, raw: rawPages(files.database, [...kept, log]) };
  let fresh: DatabaseSync | undefined;
  try {
    fresh = openDatabase(files.rebuilt);
    migrate(fresh);
    // A file that is thrown away when it is not finished needs no log on the disk: that would take its size again.
    fresh.exec('PRAGMA journal_mode = MEMORY');
    fresh.exec('PRAGMA synchronous = OFF');
    fresh.exec('BEGIN IMMEDIATE');
    const inFile = fromTables(damaged);
    const known = bestBooks(fromWatermark(readWatermark(files.watermark)), inFile, () =>
      fromConfig(details.destinations, damaged?.table('destination') ?? []),
    );
    const before = new Map((inFile ?? known).queues.map((queue) => [queueKey(queue), { ...queue.numbers }]));
    const salvaged = copyRequests(sources, fresh, known, maxBytes);
    const lostPoints = bookLosses(known.queues, salvaged.found);
    bookQuarantine(copyQuarantine(sources, fresh, known, maxBytes), known.queues);
    writeBooks(fresh, known, salvaged.nextId);
    copyPlaceholder(damaged, fresh);
    copyHistory(damaged, fresh);
    bookHour(fresh, details.now, known.queues, before);
    const report: RepairReport = {
      at: details.now,
      reason: details.reason,
      keptIn: details.keptIn,
      salvagedRequests: salvaged.requests,
      lostPoints,
      estimated: known.estimated || salvaged.nextId > known.nextId,
    };
    insertReport(fresh, report);
    fresh.exec('COMMIT');
    fresh.close();
    damaged?.close();
    syncFile(files.rebuilt);
    installRebuilt(folder, details.keptIn || undefined);
    return report;
  } catch (error) {
    damaged?.close();
    if (fresh?.isOpen) closeQuietly(fresh);
    throw error;
  }
}

function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  fsyncSync(file);
  closeSync(file);
}

const queueKey = ({ destination, signal }: Queue): string => `${destination} ${signal}`;

/** Books that are older than the data can know less than what is in quarantine. */
function bookQuarantine(points: ReadonlyMap<Queue, number>, queues: readonly Queue[]): void {
  for (const queue of queues) {
    const unknown = Math.max(0, (points.get(queue) ?? 0) - queue.numbers.rejected);
    queue.numbers.accepted += unknown;
    queue.numbers.rejected += unknown;
  }
}

/** Returns the points that are missing. What is there beyond the books (they were older) counts as accepted. */
function bookLosses(queues: readonly Queue[], found: ReadonlyMap<Queue, Found>): number {
  let lostPoints = 0;
  for (const queue of queues) {
    const { numbers } = queue;
    const count = found.get(queue) ?? { requests: 0, points: 0, bytes: 0, givenUp: 0 };
    const missing = numbers.pending_points - count.points - count.givenUp;
    if (missing >= 0) numbers.corruption += missing;
    else numbers.accepted -= missing;
    numbers.quota += count.givenUp;
    lostPoints += Math.max(0, missing);
    numbers.resent += numbers.in_flight_points;
    numbers.in_flight_to = 0;
    numbers.in_flight_points = 0;
    numbers.pending_points = count.points;
    numbers.pending_requests = count.requests;
    numbers.pending_bytes = count.bytes;
  }
  return lostPoints;
}

/** What the repair booked, and what the hours in the file did not know yet, belongs to this hour. */
function bookHour(
  fresh: DatabaseSync,
  now: number,
  queues: readonly Queue[],
  before: ReadonlyMap<string, QueueNumbers>,
): void {
  const add = fresh.prepare(writeHourSql);
  for (const queue of queues) {
    const flows = flowNames.map((name) => queue.numbers[name] - (before.get(queueKey(queue))?.[name] ?? 0));
    if (flows.some((flow) => flow !== 0)) {
      add.run(Math.floor(now / hourMs) * hourMs, queue.destination, queue.signal, ...flows);
    }
  }
}

function writeBooks(fresh: DatabaseSync, known: KnownBooks, nextId: number): void {
  fresh.prepare('UPDATE state SET commits = ?, next_id = ? WHERE one = 1').run(known.commits + 1, nextId);
  const addDestination = fresh.prepare('INSERT INTO destination (id, name) VALUES (?, ?)');
  for (const [id, name] of known.names) addDestination.run(id, name);
  const addQueue = fresh.prepare(
    `INSERT INTO queue (destination, signal, ${numberNames.join(', ')}) VALUES (?, ?, ${numberNames.map(() => '?').join(', ')})`,
  );
  const addSubscription = fresh.prepare(
    'INSERT INTO subscription (destination, signal, first, last) VALUES (?, ?, ?, ?)',
  );
  for (const { destination, signal, numbers, subscriptions } of known.queues) {
    addQueue.run(destination, signal, ...numberNames.map((name) => numbers[name]));
    for (const { first, last } of subscriptions)
      addSubscription.run(destination, signal, first, last === openEnd ? null : last);
  }
}

/** Which destination only stands in for one that is not configured yet. */
function copyPlaceholder(damaged: DamagedDatabase | undefined, fresh: DatabaseSync): void {
  const mark = fresh.prepare('UPDATE destination SET placeholder = ? WHERE id = ? AND name = ?');
  for (const { id, name, placeholder } of damaged?.table('destination') ?? []) {
    if (isCount(placeholder) && placeholder > 0) mark.run(placeholder, Number(id), String(name));
  }
}

/** The hours and the earlier repairs: history that is good to have and owed to nobody. */
function copyHistory(damaged: DamagedDatabase | undefined, fresh: DatabaseSync): void {
  const addHour = fresh.prepare(
    `INSERT OR IGNORE INTO hour (hour, destination, signal, ${flowNames.join(', ')}) VALUES (?, ?, ?, ${flowNames.map(() => '?').join(', ')})`,
  );
  for (const row of damaged?.table('hour') ?? []) {
    addHour.run(...[row.hour, row.destination, row.signal, ...flowNames.map((name) => row[name])].map(nonNull));
  }
  for (const row of damaged?.table('repair') ?? []) insertReport(fresh, toReport(row));
}

function insertReport(fresh: DatabaseSync, report: RepairReport): void {
  fresh
    .prepare(
      'INSERT INTO repair (at, reason, kept_in, salvaged_requests, lost_points, estimated) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .run(report.at, report.reason, report.keptIn, report.salvagedRequests, report.lostPoints, report.estimated ? 1 : 0);
}

function nonNull(value: Row[string] | undefined): Row[string] {
  return value ?? null;
}
