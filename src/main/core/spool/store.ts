import type { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import type { DropCause } from '../../../shared/ledger.ts';
import type { Signal } from '../../../shared/signal.ts';
import { BatchReader } from './batch-reader.ts';
import { BooksKeeper } from './books-keeper.ts';
import { DamagedSpoolError } from './database.ts';
import { type Interval, isSubscribed, neededIntervals, owes, type Queue, subtract } from './queue.ts';
import type { Batch, BatchLimits, Settlement, SpoolEvent } from './spool.ts';
import { prepareStatements, type Statements } from './statements.ts';

export interface AcceptedRequest {
  readonly signal: number;
  readonly points: number;
  readonly body: Uint8Array;
}

/**
 * The queue and the books on an open database, in one thread. Every change happens inside `transaction`, which writes
 * the touched books with the data, or takes both back.
 */
export class SpoolStore {
  readonly db: DatabaseSync;
  readonly books: BooksKeeper;
  readonly #now: () => number;
  readonly #emit: (event: SpoolEvent) => void;
  readonly #sql: Statements;
  readonly #reader: BatchReader;
  /** Told after the commit, forgotten when it fails. */
  readonly #dropped = new Map<DropCause, number>();
  #quarantineChanges = 0;

  constructor(db: DatabaseSync, options: { now: () => number; emit: (event: SpoolEvent) => void }) {
    this.db = db;
    this.#now = options.now;
    this.#emit = options.emit;
    this.#sql = prepareStatements(db);
    this.books = new BooksKeeper(db, this.#sql, options.now);
    this.#reader = new BatchReader(this.#sql, () => this.books.queues);
  }

  /** Goes up whenever the quarantine may have changed. */
  get quarantineChanges(): number {
    return this.#quarantineChanges;
  }

  /** To be called by whatever adds to the quarantine or removes from it. */
  quarantineChanged(): void {
    this.#quarantineChanges++;
  }

  /** Runs `work` and commits it with the books it changed; takes everything back and throws when anything fails. */
  transaction<T>(work: () => T): T {
    let value: T;
    this.db.exec('BEGIN IMMEDIATE');
    try {
      this.books.begin();
      value = work();
      this.books.write();
      this.db.exec('COMMIT');
    } catch (error) {
      this.books.takeBack();
      this.#dropped.clear();
      this.#quarantineChanges++;
      this.#reader.forget();
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
      throw error;
    }
    const successions = this.books.committed();
    // It is counted by name.
    if (successions.length > 0) this.quarantineChanged();
    const dropped = [...this.#dropped];
    this.#dropped.clear();
    for (const { from, to, only } of successions) this.#emit({ kind: only ? 'inherited' : 'renamed', from, to });
    for (const [cause, points] of dropped) this.#emit({ kind: 'dropped', cause, points });
    return value;
  }

  /** Stores a request for all that subscribe to its signal. Returns its id; 0 when nobody wants it and nothing is kept. */
  accept(request: AcceptedRequest): number {
    const takers = this.books.queues.filter((queue) => queue.signal === request.signal && isSubscribed(queue));
    if (takers.length === 0) return 0;
    const now = this.#now();
    const id = this.books.takeId();
    this.#sql.insert.run(id, request.signal, now, request.points, crc32(request.body), null, request.body);
    for (const queue of takers) this.books.owe(queue, request, now);
    this.#reader.accepted(request.signal);
    return id;
  }

  /** Books points of a signal that were never acknowledged, for every destination that would have been owed them. */
  refuse(signal: number, points: number): void {
    for (const queue of this.books.queues) {
      if (queue.signal === signal && isSubscribed(queue)) this.books.touch(queue).refused += points;
    }
  }

  /** See `Spool.pick`. A stored request whose checksum fails is booked as lost and skipped. */
  pick(destination: string, signal: Signal, limits: BatchLimits): Batch | undefined {
    const queue = this.books.queue(destination, signal);
    if (!queue) return undefined;
    for (;;) {
      const { batch, damaged } = this.#reader.read(queue, limits);
      for (const request of damaged) this.drop(request, 'corruption');
      if (batch) return this.#takeOff(queue, batch);
      if (damaged.length > 0) continue;
      if (queue.numbers.pending_requests === 0) return undefined;
      throw new DamagedSpoolError(`${queue.numbers.pending_requests} requests are owed and cannot be found`);
    }
  }

  #takeOff(queue: Queue, batch: Batch): Batch {
    const numbers = this.books.touch(queue);
    queue.inFlight = batch.requests;
    numbers.in_flight_to = batch.requests.at(-1)?.id ?? 0;
    numbers.in_flight_points = sum(batch.requests, ({ points }) => points);
    return batch;
  }

  settle(destination: string, signal: Signal, settlement: Settlement): void {
    const queue = this.books.queue(destination, signal);
    if (!queue) return;
    const settled = queue.inFlight.filter(({ id }) => id <= settlement.upTo);
    const upTo = settled.at(-1)?.id;
    if (upTo === undefined) return;
    const points = sum(settled, (request) => request.points);
    const numbers = this.books.touch(queue);
    const from = numbers.position;
    if (settlement.outcome === 'delivered') {
      const rejected = Math.min(Math.max(0, settlement.rejectedPoints), points);
      numbers.delivered += points - rejected;
      numbers.last_delivered_at = this.#now();
      numbers.rejected += rejected;
    } else {
      for (const { id } of settled) {
        this.#sql.quarantine.run(queue.destination, this.#now(), settlement.status, settlement.message, id);
      }
      this.quarantineChanged();
      numbers.rejected += points;
    }
    this.books.pay(
      queue,
      settled.length,
      points,
      sum(settled, ({ length }) => length),
    );
    queue.inFlight = queue.inFlight.filter(({ id }) => id > upTo);
    numbers.position = upTo;
    numbers.in_flight_to = queue.inFlight.at(-1)?.id ?? 0;
    numbers.in_flight_points = sum(queue.inFlight, (request) => request.points);
    this.#prune(queue, { first: from + 1, last: upTo });
  }

  release(destination: string, signal: Signal, possiblySent: boolean): void {
    const queue = this.books.queue(destination, signal);
    if (queue) this.books.release(queue, possiblySent);
  }

  /** Removes a stored request and books it as dropped for everybody who was still owed it. */
  drop(
    request: { id: number; signal: number; onlyFor: number | null; points: number; bytes: number },
    cause: 'quota' | 'age' | 'corruption',
  ): void {
    for (const queue of this.books.queues) {
      if (!owes(queue, request)) continue;
      const numbers = this.books.touch(queue);
      numbers[cause] += request.points;
      if (queue.inFlight.some(({ id }) => id === request.id)) {
        queue.inFlight = queue.inFlight.filter(({ id }) => id !== request.id);
        numbers.in_flight_points -= request.points;
      }
      this.books.pay(queue, 1, request.points, request.bytes);
    }
    this.#sql.delete.run(request.id);
    this.#reader.forget();
    this.#dropped.set(cause, (this.#dropped.get(cause) ?? 0) + request.points);
  }

  /** Puts a copy of a request into one destination's queue again, behind everything that waits. */
  requeue(queue: Queue, request: { receivedAt: number; points: number; crc: number; body: Uint8Array }): void {
    const id = this.books.takeId();
    this.#sql.insert.run(
      id,
      queue.signal,
      request.receivedAt,
      request.points,
      request.crc,
      queue.destination,
      request.body,
    );
    const numbers = this.books.touch(queue);
    if (!isSubscribed(queue)) queue.subscriptions = [...queue.subscriptions, { first: id, last: id }];
    numbers.accepted -= request.points;
    this.books.owe(queue, request, request.receivedAt);
  }

  /** Gives up memory that only saves time. */
  forgetReadings(): void {
    this.#reader.forget();
  }

  /** Bytes of the pages that hold something. */
  usedBytes(): number {
    return Number(this.#sql.usedBytes.get()?.bytes ?? 0);
  }

  /** Deletes the rows of a settled range that no other destination needs. */
  #prune({ signal, destination }: Queue, range: Interval): void {
    const needed = this.books.queues.filter((queue) => queue.signal === signal).flatMap(neededIntervals);
    for (const { first, last } of subtract(range, needed)) this.#sql.deleteRange.run(signal, first, last);
    // Another destination's interval can cover what was reserved for this one.
    this.#sql.deleteReserved.run(destination, signal, range.last);
  }
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
