import { rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { signals } from '../../../shared/signal.ts';
import { closeQuietly, openDatabase } from './database.ts';
import { companions, installRebuilt, spoolFiles } from './files.ts';
import { emptyNumbers, flowNames, numberNames, openEnd, owes, type Queue } from './queue.ts';
import { type DamagedDatabase, openDamaged, type Row } from './salvage.ts';
import { migrate } from './schema.ts';
import type { RepairReport, SpoolDestination } from './spool.ts';
import { readWatermark, type Watermark } from './watermark.ts';

/** The books and destinations that a repair goes by, from the best source that can be read. */
interface KnownBooks {
  readonly commits: number;
  readonly nextId: number;
  readonly names: ReadonlyMap<number, string>;
  readonly queues: readonly Queue[];
  /** True where the source may be older than the data: then losses are estimates. */
  readonly estimated: boolean;
}

/**
 * Builds a new spool from what can be read of the damaged one, books what was owed and is missing as `corruption`,
 * and puts the new one in its place. `keptIn` is where `keepDamaged` put the copies. Can be cut off and done again.
 */
export function repair(
  folder: string,
  details: { reason: string; keptIn: string; now: number; destinations: readonly SpoolDestination[] },
): RepairReport {
  const files = spoolFiles(folder);
  for (const companion of companions) rmSync(files.rebuilt + companion, { force: true });
  const damaged = openDamaged(files.database);
  const fresh = openDatabase(files.rebuilt);
  try {
    migrate(fresh);
    fresh.exec('BEGIN IMMEDIATE');
    const known =
      fromWatermark(readWatermark(files.watermark)) ?? fromTables(damaged) ?? fromConfig(details.destinations);
    const salvaged = copyRequests(damaged, fresh, known);
    copyQuarantine(damaged, fresh);
    const lostPoints = bookLosses(known, salvaged.found, salvaged.estimated);
    writeBooks(fresh, known, salvaged.nextId);
    copyHistory(damaged, fresh);
    const report: RepairReport = {
      at: details.now,
      reason: details.reason,
      keptIn: details.keptIn,
      salvagedRequests: salvaged.requests,
      lostPoints,
      estimated: known.estimated,
    };
    insertReport(fresh, report);
    fresh.exec('COMMIT');
    fresh.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    damaged?.close();
    fresh.close();
    installRebuilt(folder);
    return report;
  } catch (error) {
    damaged?.close();
    if (fresh.isOpen) closeQuietly(fresh);
    throw error;
  }
}

function fromWatermark(watermark: Watermark | undefined): KnownBooks | undefined {
  if (!watermark) return undefined;
  return {
    commits: watermark.commits,
    nextId: watermark.nextId,
    names: new Map(watermark.queues.map(({ destination, destinationId }) => [destinationId, destination])),
    queues: watermark.queues.map(({ destinationId, signal, numbers, subscriptions }) => ({
      destination: destinationId,
      signal,
      numbers,
      subscriptions: subscriptions.map(([first, last]) => ({ first, last })),
      inFlight: [],
      oldestAt: null,
    })),
    estimated: false,
  };
}

function fromTables(damaged: DamagedDatabase | undefined): KnownBooks | undefined {
  const state = damaged?.table('state')?.[0];
  const destinations = damaged?.table('destination');
  const queues = damaged?.table('queue');
  const subscriptions = damaged?.table('subscription');
  if (!state || !destinations || !queues || queues.length === 0 || !subscriptions) return undefined;
  return {
    commits: Number(state.commits),
    nextId: Number(state.next_id),
    names: new Map(destinations.map((row) => [Number(row.id), String(row.name)])),
    queues: queues.map((row) => {
      const numbers = emptyNumbers();
      for (const name of numberNames) numbers[name] = Number(row[name]);
      return {
        destination: Number(row.destination),
        signal: Number(row.signal),
        numbers,
        subscriptions: subscriptions
          .filter((one) => one.destination === row.destination && one.signal === row.signal)
          .map((one) => ({ first: Number(one.first), last: one.last === null ? openEnd : Number(one.last) })),
        inFlight: [],
        oldestAt: null,
      };
    }),
    estimated: true,
  };
}

/** Without any books, everything that is found counts as accepted for, and owed to, the destinations of today. */
function fromConfig(destinations: readonly SpoolDestination[]): KnownBooks {
  return {
    commits: 0,
    nextId: 1,
    names: new Map(destinations.map(({ name }, index) => [index + 1, name])),
    queues: destinations.flatMap((destination, index) =>
      signals.map((name, signal) => ({
        destination: index + 1,
        signal,
        numbers: emptyNumbers(),
        subscriptions: destination.signals.includes(name) ? [{ first: 1, last: openEnd }] : [],
        inFlight: [],
        oldestAt: null,
      })),
    ),
    estimated: true,
  };
}

interface Found {
  requests: number;
  points: number;
  bytes: number;
}

interface Salvaged {
  readonly requests: number;
  readonly nextId: number;
  readonly found: ReadonlyMap<Queue, Found>;
  readonly estimated: boolean;
}

function copyRequests(damaged: DamagedDatabase | undefined, fresh: DatabaseSync, known: KnownBooks): Salvaged {
  const found = new Map(known.queues.map((queue) => [queue, { requests: 0, points: 0, bytes: 0 }]));
  const insert = fresh.prepare(
    'INSERT OR IGNORE INTO request (id, signal, received_at, points, crc, only_for, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const last = Math.max(known.nextId - 1, damaged?.maxId('request') ?? 0);
  let requests = 0;
  let nextId = known.nextId;
  for (const row of damaged?.rows('request', 1, last) ?? []) {
    const { id, signal, received_at, points, only_for, crc } = row;
    const body: unknown = row.body;
    if (!isIntact(body, crc)) continue;
    const key = { id: Number(id), signal: Number(signal), onlyFor: only_for === null ? null : Number(only_for) };
    const owing = [...found].filter(([queue]) => owes(queue, key));
    if (owing.length === 0) continue;
    insert.run(key.id, key.signal, Number(received_at), Number(points), Number(crc), key.onlyFor, body);
    for (const [, count] of owing) {
      count.requests++;
      count.points += Number(points);
      count.bytes += body.length;
    }
    requests++;
    nextId = Math.max(nextId, key.id + 1);
  }
  return { requests, nextId, found, estimated: known.estimated };
}

function copyQuarantine(damaged: DamagedDatabase | undefined, fresh: DatabaseSync): void {
  const insert = fresh.prepare(
    `INSERT OR IGNORE INTO quarantine (id, destination, signal, received_at, quarantined_at, points, status, message, crc, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (const row of damaged?.rows('quarantine', 1, damaged.maxId('quarantine') ?? 0) ?? []) {
    if (!isIntact(row.body, row.crc)) continue;
    const { id, destination, signal, received_at, quarantined_at, points, status, message, crc, body } = row;
    insert.run(
      ...[id, destination, signal, received_at, quarantined_at, points, status, message, crc, body].map(nonNull),
    );
  }
}

/** Returns the points that are missing. What is there beyond the books (they were older) counts as accepted. */
function bookLosses(known: KnownBooks, found: ReadonlyMap<Queue, Found>, estimated: boolean): number {
  let lostPoints = 0;
  for (const queue of known.queues) {
    const { numbers } = queue;
    const count = found.get(queue) ?? { requests: 0, points: 0, bytes: 0 };
    const missing = numbers.pending_points - count.points;
    if (missing >= 0) numbers.corruption += missing;
    else numbers.accepted -= missing;
    lostPoints += Math.max(0, missing);
    if (estimated || numbers.in_flight_to > 0) numbers.resent += numbers.in_flight_points;
    numbers.in_flight_to = 0;
    numbers.in_flight_points = 0;
    numbers.pending_points = count.points;
    numbers.pending_requests = count.requests;
    numbers.pending_bytes = count.bytes;
  }
  return lostPoints;
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

/** The hours and the earlier repairs: history that is good to have and owed to nobody. */
function copyHistory(damaged: DamagedDatabase | undefined, fresh: DatabaseSync): void {
  const addHour = fresh.prepare(
    `INSERT OR IGNORE INTO hour (hour, destination, signal, ${flowNames.join(', ')}) VALUES (?, ?, ?, ${flowNames.map(() => '?').join(', ')})`,
  );
  for (const row of damaged?.table('hour') ?? []) {
    addHour.run(...[row.hour, row.destination, row.signal, ...flowNames.map((name) => row[name])].map(nonNull));
  }
  for (const row of damaged?.table('repair') ?? []) {
    insertReport(fresh, {
      at: Number(row.at),
      reason: String(row.reason),
      keptIn: String(row.kept_in),
      salvagedRequests: Number(row.salvaged_requests),
      lostPoints: Number(row.lost_points),
      estimated: Number(row.estimated) !== 0,
    });
  }
}

function insertReport(fresh: DatabaseSync, report: RepairReport): void {
  fresh
    .prepare(
      'INSERT INTO repair (at, reason, kept_in, salvaged_requests, lost_points, estimated) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .run(report.at, report.reason, report.keptIn, report.salvagedRequests, report.lostPoints, report.estimated ? 1 : 0);
}

function isIntact(body: unknown, crc: unknown): body is Uint8Array {
  return body instanceof Uint8Array && crc32(body) === Number(crc);
}

function nonNull(value: Row[string] | undefined): Row[string] {
  return value ?? null;
}
