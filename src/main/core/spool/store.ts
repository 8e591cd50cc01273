import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import type { DropCause, HourRow, LedgerRow } from '../../../shared/ledger.ts';
import { type Signal, signals } from '../../../shared/signal.ts';
import { DamagedSpoolError } from './database.ts';
import { hourMs, writeHourSql } from './hour.ts';
import {
  emptyNumbers,
  flowNames,
  type Interval,
  isSubscribed,
  levelNames,
  neededIntervals,
  numberNames,
  openEnd,
  owes,
  type Queue,
  type QueueNumbers,
  subtract,
} from './queue.ts';
import type {
  Batch,
  BatchLimits,
  PendingBooks,
  PickedRequest,
  RepairReport,
  Settlement,
  SpoolBooks,
  SpoolDestination,
  SpoolEvent,
} from './spool.ts';
import type { Watermark } from './watermark.ts';

const hoursKept = 35 * 24;

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
  readonly #now: () => number;
  readonly #emit: (event: SpoolEvent) => void;
  readonly #sql: Statements;
  readonly #destinations = new Map<string, number>();
  #queues: Queue[] = [];
  #commits = 0;
  #nextId = 1;
  /** The queues that the running transaction has changed, as they were before. */
  readonly #before = new Map<
    Queue,
    Pick<Queue, 'subscriptions' | 'inFlight' | 'oldestAt'> & { numbers: QueueNumbers }
  >();
  /** Queues whose oldest pending request may be another one now. */
  readonly #stale = new Set<Queue>();
  /** Queues that had something in flight when the last process died; booked with the first commit of this one. */
  #interrupted: readonly Queue[] = [];
  /** Told after the commit, forgotten when it fails. */
  readonly #dropped = new Map<DropCause, number>();
  #quarantineChanges = 0;

  constructor(db: DatabaseSync, options: { now: () => number; emit: (event: SpoolEvent) => void }) {
    this.db = db;
    this.#now = options.now;
    this.#emit = options.emit;
    this.#sql = prepare(db);
    this.#load();
  }

  get nextId(): number {
    return this.#nextId;
  }

  get queues(): readonly Queue[] {
    return this.#queues;
  }

  /** What the last process had in flight is not booked yet. */
  get hasInterrupted(): boolean {
    return this.#interrupted.length > 0;
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
    const nextId = this.#nextId;
    const knownQueues = this.#queues.length;
    let value: T;
    this.db.exec('BEGIN IMMEDIATE');
    try {
      this.#bookInterrupted();
      value = work();
      this.#writeBooks();
      this.db.exec('COMMIT');
    } catch (error) {
      this.#takeBack(nextId, knownQueues);
      throw error;
    }
    this.#commits++;
    this.#interrupted = [];
    this.#before.clear();
    this.#stale.clear();
    const dropped = [...this.#dropped];
    this.#dropped.clear();
    for (const [cause, points] of dropped) this.#emit({ kind: 'dropped', cause, points });
    return value;
  }

  #takeBack(nextId: number, knownQueues: number): void {
    this.#nextId = nextId;
    for (const [queue, { numbers, ...rest }] of this.#before) {
      Object.assign(queue.numbers, numbers);
      Object.assign(queue, rest);
    }
    const known = new Set(this.#queues.splice(knownQueues).map(({ destination }) => destination));
    for (const [name, id] of this.#destinations) if (known.has(id)) this.#destinations.delete(name);
    this.#before.clear();
    this.#stale.clear();
    this.#dropped.clear();
    this.#quarantineChanges++;
    if (this.db.isTransaction) this.db.exec('ROLLBACK');
  }

  /** Stores a request for all that subscribe to its signal. Returns its id; 0 when nobody wants it and nothing is kept. */
  accept(request: AcceptedRequest): number {
    const takers = this.#queues.filter((queue) => queue.signal === request.signal && isSubscribed(queue));
    if (takers.length === 0) return 0;
    const now = this.#now();
    const id = this.#nextId++;
    this.#sql.insert.run(id, request.signal, now, request.points, crc32(request.body), null, request.body);
    for (const queue of takers) this.#owe(queue, request, now);
    return id;
  }

  /** Books points of a signal that were never acknowledged, for every destination that would have been owed them. */
  refuse(signal: number, points: number): void {
    for (const queue of this.#queues) {
      if (queue.signal === signal && isSubscribed(queue)) this.touch(queue).refused += points;
    }
  }

  setDestinations(destinations: readonly SpoolDestination[]): void {
    const wanted = new Map(destinations.map(({ name, signals }) => [name, signals]));
    for (const name of wanted.keys()) this.#ensureDestination(name);
    for (const [name, id] of this.#destinations) {
      for (const queue of this.#queues) {
        if (queue.destination !== id) continue;
        this.#subscribe(queue, wanted.get(name)?.includes(signalAt(queue.signal)) ?? false);
      }
    }
  }

  /** See `Spool.pick`. A stored request whose checksum fails is booked as lost and skipped. */
  pick(destination: string, signal: Signal, limits: BatchLimits): Batch | undefined {
    const queue = this.#queue(destination, signal);
    if (!queue) return undefined;
    for (;;) {
      const { picked, damaged } = this.#collect(queue, limits);
      for (const request of damaged) this.drop({ ...request, signal: queue.signal }, 'corruption');
      if (picked.length > 0) return this.#takeOff(queue, merge(picked));
      if (damaged.length > 0) continue;
      if (queue.numbers.pending_requests === 0) return undefined;
      throw new DamagedSpoolError(`${queue.numbers.pending_requests} requests are owed and cannot be found`);
    }
  }

  #collect(queue: Queue, limits: BatchLimits) {
    const picked: { id: number; points: number; body: Uint8Array }[] = [];
    const damaged: { id: number; onlyFor: number | null; points: number; bytes: number }[] = [];
    let bytes = 0;
    for (const { first, last } of neededIntervals(queue)) {
      const left = limits.maxRequests - picked.length;
      if (left <= 0) break;
      for (const row of this.#sql.pick.iterate(queue.signal, first, last, queue.destination, left)) {
        const { body } = row;
        const points = Number(row.points);
        const id = Number(row.id);
        if (!(body instanceof Uint8Array)) throw new DamagedSpoolError(`request ${id} has no payload`);
        if (crc32(body) !== Number(row.crc)) {
          damaged.push({
            id,
            onlyFor: row.only_for === null ? null : Number(row.only_for),
            points,
            bytes: body.length,
          });
          continue;
        }
        if (picked.length > 0 && bytes + body.length > limits.maxBytes) return { picked, damaged };
        picked.push({ id, points, body });
        bytes += body.length;
      }
    }
    return { picked, damaged };
  }

  #takeOff(queue: Queue, batch: Batch): Batch {
    const numbers = this.touch(queue);
    queue.inFlight = batch.requests;
    numbers.in_flight_to = batch.requests.at(-1)?.id ?? 0;
    numbers.in_flight_points = sum(batch.requests, ({ points }) => points);
    return batch;
  }

  settle(destination: string, signal: Signal, settlement: Settlement): void {
    const queue = this.#queue(destination, signal);
    if (!queue) return;
    const settled = queue.inFlight.filter(({ id }) => id <= settlement.upTo);
    const upTo = settled.at(-1)?.id;
    if (upTo === undefined) return;
    const points = sum(settled, (request) => request.points);
    const numbers = this.touch(queue);
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
    this.#pay(
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
    const queue = this.#queue(destination, signal);
    if (!queue || queue.inFlight.length === 0) return;
    const numbers = this.touch(queue);
    if (possiblySent) numbers.resent += numbers.in_flight_points;
    queue.inFlight = [];
    numbers.in_flight_to = 0;
    numbers.in_flight_points = 0;
  }

  /** Removes a stored request and books it as dropped for everybody who was still owed it. */
  drop(
    request: { id: number; signal: number; onlyFor: number | null; points: number; bytes: number },
    cause: 'quota' | 'age' | 'corruption',
  ): void {
    for (const queue of this.#queues) {
      if (!owes(queue, request)) continue;
      const numbers = this.touch(queue);
      numbers[cause] += request.points;
      if (queue.inFlight.some(({ id }) => id === request.id)) {
        queue.inFlight = queue.inFlight.filter(({ id }) => id !== request.id);
        numbers.in_flight_points -= request.points;
      }
      this.#pay(queue, 1, request.points, request.bytes);
    }
    this.#sql.delete.run(request.id);
    this.#dropped.set(cause, (this.#dropped.get(cause) ?? 0) + request.points);
  }

  /** Puts a copy of a request into one destination's queue again, behind everything that waits. */
  requeue(queue: Queue, request: { receivedAt: number; points: number; crc: number; body: Uint8Array }): void {
    const id = this.#nextId++;
    this.#sql.insert.run(
      id,
      queue.signal,
      request.receivedAt,
      request.points,
      request.crc,
      queue.destination,
      request.body,
    );
    const numbers = this.touch(queue);
    if (!isSubscribed(queue)) queue.subscriptions = [...queue.subscriptions, { first: id, last: id }];
    numbers.accepted -= request.points;
    this.#owe(queue, request, request.receivedAt);
  }

  /** The queue's numbers, open to change inside the running transaction. */
  touch(queue: Queue): QueueNumbers {
    if (!this.#before.has(queue)) {
      const { subscriptions, inFlight, oldestAt } = queue;
      this.#before.set(queue, { numbers: { ...queue.numbers }, subscriptions, inFlight, oldestAt });
    }
    return queue.numbers;
  }

  queueOf(destination: number, signal: number): Queue | undefined {
    return this.#queues.find((queue) => queue.destination === destination && queue.signal === signal);
  }

  destinationName(id: number): string {
    for (const [name, known] of this.#destinations) if (known === id) return name;
    return '';
  }

  destinationId(name: string): number | undefined {
    return this.#destinations.get(name);
  }

  /** Forgets hours that are older than the ledger keeps. */
  purgeHours(): void {
    this.#sql.purgeHours.run(this.#now() - hoursKept * hourMs);
  }

  books(): Pick<SpoolBooks, 'ledger' | 'pending'> {
    const shown = this.#queues.filter(
      ({ numbers, subscriptions }) => numbers.accepted > 0 || numbers.refused > 0 || subscriptions.length > 0,
    );
    return {
      ledger: shown.map((queue) => this.#ledgerRow(queue)),
      pending: shown.map((queue) => this.#pendingRow(queue)),
    };
  }

  hours(hours: number): readonly HourRow[] {
    const since = Math.floor(this.#now() / hourMs) * hourMs - (hours - 1) * hourMs;
    return this.#sql.hours.all(since).map((row) => {
      const numbers = emptyNumbers();
      for (const name of flowNames) numbers[name] = Number(row[name]);
      return {
        hour: Number(row.hour),
        ...ledgerNumbers(numbers),
        destination: this.destinationName(Number(row.destination)),
        signal: signalAt(Number(row.signal)),
      };
    });
  }

  repairs(): readonly RepairReport[] {
    return this.db
      .prepare('SELECT * FROM repair ORDER BY at')
      .all()
      .map((row) => ({
        at: Number(row.at),
        reason: String(row.reason),
        keptIn: String(row.kept_in),
        salvagedRequests: Number(row.salvaged_requests),
        lostPoints: Number(row.lost_points),
        estimated: Number(row.estimated) !== 0,
      }));
  }

  watermark(): Watermark {
    return {
      commits: this.#commits,
      nextId: this.#nextId,
      queues: this.#queues.map((queue) => ({
        destination: this.destinationName(queue.destination),
        destinationId: queue.destination,
        signal: queue.signal,
        numbers: queue.numbers,
        subscriptions: queue.subscriptions.map(({ first, last }) => [first, last] as const),
      })),
    };
  }

  get commits(): number {
    return this.#commits;
  }

  /** Bytes of the pages that hold something. */
  usedBytes(): number {
    return Number(this.#sql.usedBytes.get()?.bytes ?? 0);
  }

  #load(): void {
    const state = this.db.prepare('SELECT commits, next_id FROM state').get();
    this.#commits = Number(state?.commits ?? 0);
    this.#nextId = Number(state?.next_id ?? 1);
    for (const row of this.db.prepare('SELECT id, name FROM destination ORDER BY id').all()) {
      this.#destinations.set(String(row.name), Number(row.id));
    }
    const subscriptions = this.db
      .prepare('SELECT destination, signal, first, last FROM subscription ORDER BY first')
      .all();
    this.#queues = this.db
      .prepare('SELECT * FROM queue ORDER BY destination, signal')
      .all()
      .map((row) => {
        const numbers = emptyNumbers();
        for (const name of numberNames) numbers[name] = Number(row[name]);
        const destination = Number(row.destination);
        const signal = Number(row.signal);
        const queue: Queue = {
          destination,
          signal,
          numbers,
          subscriptions: subscriptions
            .filter((one) => Number(one.destination) === destination && Number(one.signal) === signal)
            .map((one) => ({
              first: Number(one.first),
              last: one.last === null ? openEnd : Number(one.last),
            })),
          inFlight: [],
          oldestAt: null,
        };
        queue.oldestAt = this.#findOldest(queue);
        return queue;
      });
    this.#interrupted = this.#queues.filter(({ numbers }) => numbers.in_flight_to > 0);
  }

  /** What was in flight when the last process died may have arrived: it is sent again and counts as resent. */
  #bookInterrupted(): void {
    for (const queue of this.#interrupted) {
      const numbers = this.touch(queue);
      numbers.resent += numbers.in_flight_points;
      numbers.in_flight_to = 0;
      numbers.in_flight_points = 0;
    }
  }

  #ensureDestination(name: string): void {
    if (this.#destinations.has(name)) return;
    const id = Math.max(0, ...this.#destinations.values()) + 1;
    this.#sql.addDestination.run(id, name);
    this.#destinations.set(name, id);
    for (const signal of signals.keys()) {
      this.#sql.addQueue.run(id, signal);
      this.#queues.push({
        destination: id,
        signal,
        numbers: emptyNumbers(),
        subscriptions: [],
        inFlight: [],
        oldestAt: null,
      });
    }
  }

  #subscribe(queue: Queue, wanted: boolean): void {
    if (isSubscribed(queue) === wanted) return;
    this.touch(queue);
    const kept = neededIntervals(queue);
    queue.subscriptions = wanted
      ? [...kept, { first: this.#nextId, last: openEnd }]
      : kept.flatMap(({ first, last }) =>
          first >= this.#nextId ? [] : [{ first, last: Math.min(last, this.#nextId - 1) }],
        );
  }

  #owe(queue: Queue, request: { points: number; body: Uint8Array }, receivedAt: number): void {
    const numbers = this.touch(queue);
    numbers.accepted += request.points;
    numbers.pending_points += request.points;
    numbers.pending_requests++;
    numbers.pending_bytes += request.body.length;
    queue.oldestAt ??= receivedAt;
  }

  #pay(queue: Queue, requests: number, points: number, bytes: number): void {
    const { numbers } = queue;
    numbers.pending_points -= points;
    numbers.pending_requests -= requests;
    numbers.pending_bytes -= bytes;
    const isEmpty = numbers.pending_requests === 0;
    if (numbers.pending_requests < 0 || (isEmpty && (numbers.pending_points !== 0 || numbers.pending_bytes !== 0))) {
      throw new DamagedSpoolError('the books do not agree with what is stored');
    }
    this.#stale.add(queue);
  }

  /** Deletes the rows of a settled range that no other destination needs. */
  #prune({ signal, destination }: Queue, range: Interval): void {
    const needed = this.#queues.filter((queue) => queue.signal === signal).flatMap(neededIntervals);
    for (const { first, last } of subtract(range, needed)) this.#sql.deleteRange.run(signal, first, last);
    // Another destination's interval can cover what was reserved for this one.
    this.#sql.deleteReserved.run(destination, signal, range.last);
  }

  #findOldest(queue: Queue): number | null {
    for (const { first, last } of neededIntervals(queue)) {
      const row = this.#sql.oldest.get(queue.signal, first, last, queue.destination);
      if (row) return Number(row.received_at);
    }
    return null;
  }

  #writeBooks(): void {
    const hour = Math.floor(this.#now() / hourMs) * hourMs;
    for (const queue of this.#stale) queue.oldestAt = this.#findOldest(queue);
    for (const [queue, before] of this.#before) {
      const { destination, signal, numbers } = queue;
      this.#sql.writeQueue.run(...numberNames.map((name) => numbers[name]), destination, signal);
      const changes = flowNames.map((name) => numbers[name] - before.numbers[name]);
      if (changes.some((change) => change !== 0)) this.#sql.writeHour.run(hour, destination, signal, ...changes);
      if (queue.subscriptions !== before.subscriptions) {
        this.#sql.clearSubscriptions.run(destination, signal);
        for (const { first, last } of queue.subscriptions) {
          this.#sql.addSubscription.run(destination, signal, first, last === openEnd ? null : last);
        }
      }
    }
    this.#sql.writeState.run(this.#commits + 1, this.#nextId);
  }

  #queue(destination: string, signal: Signal): Queue | undefined {
    const id = this.#destinations.get(destination);
    return id === undefined ? undefined : this.queueOf(id, signals.indexOf(signal));
  }

  #ledgerRow(queue: Queue): LedgerRow {
    return {
      destination: this.destinationName(queue.destination),
      signal: signalAt(queue.signal),
      ...ledgerNumbers(queue.numbers),
    };
  }

  #pendingRow({ destination, signal, numbers, oldestAt }: Queue): PendingBooks {
    return {
      destination: this.destinationName(destination),
      signal: signalAt(signal),
      requests: numbers.pending_requests,
      points: numbers.pending_points,
      bytes: numbers.pending_bytes,
      oldestAt,
      lastDeliveredAt: numbers.last_delivered_at || null,
    };
  }
}

function ledgerNumbers(numbers: QueueNumbers): Omit<LedgerRow, 'destination' | 'signal'> {
  return {
    accepted: numbers.accepted,
    delivered: numbers.delivered,
    pending: numbers.pending_points,
    rejected: numbers.rejected,
    dropped: {
      quota: numbers.quota,
      age: numbers.age,
      corruption: numbers.corruption,
      discarded: numbers.discarded,
    },
    refused: numbers.refused,
    resent: numbers.resent,
  };
}

function merge(picked: readonly { id: number; points: number; body: Uint8Array }[]): Batch {
  const body = new Uint8Array(sum(picked, (request) => request.body.length));
  const requests: PickedRequest[] = [];
  let offset = 0;
  for (const { id, points, body: part } of picked) {
    body.set(part, offset);
    requests.push({ id, points, offset, length: part.length });
    offset += part.length;
  }
  return { requests, body };
}

function signalAt(index: number): Signal {
  const signal = signals[index];
  if (!signal) throw new RangeError(`no signal has the index ${index}`);
  return signal;
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

type Statements = ReturnType<typeof prepare>;

function prepare(db: DatabaseSync) {
  const statement = (sql: string): StatementSync => db.prepare(sql);
  return {
    insert: statement(
      'INSERT INTO request (id, signal, received_at, points, crc, only_for, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    delete: statement('DELETE FROM request WHERE id = ?'),
    deleteReserved: statement('DELETE FROM request WHERE only_for = ? AND signal = ? AND id <= ?'),
    deleteRange: statement('DELETE FROM request WHERE signal = ? AND id BETWEEN ? AND ?'),
    pick: statement(
      `SELECT id, points, crc, only_for, body FROM request
       WHERE signal = ? AND id BETWEEN ? AND ? AND (only_for IS NULL OR only_for = ?) ORDER BY id LIMIT ?`,
    ),
    oldest: statement(
      `SELECT received_at FROM request
       WHERE signal = ? AND id BETWEEN ? AND ? AND (only_for IS NULL OR only_for = ?) ORDER BY id LIMIT 1`,
    ),
    quarantine: statement(
      `INSERT INTO quarantine (destination, signal, received_at, quarantined_at, points, status, message, crc, body)
       SELECT ?1, signal, received_at, ?2, points, ?3, ?4, crc, body FROM request WHERE id = ?5`,
    ),
    addDestination: statement('INSERT INTO destination (id, name) VALUES (?, ?)'),
    addQueue: statement('INSERT INTO queue (destination, signal) VALUES (?, ?)'),
    writeQueue: statement(
      `UPDATE queue SET ${[...flowNames, ...levelNames].map((name) => `${name} = ?`).join(', ')} WHERE destination = ? AND signal = ?`,
    ),
    writeHour: statement(writeHourSql),
    clearSubscriptions: statement('DELETE FROM subscription WHERE destination = ? AND signal = ?'),
    addSubscription: statement('INSERT INTO subscription (destination, signal, first, last) VALUES (?, ?, ?, ?)'),
    writeState: statement('UPDATE state SET commits = ?, next_id = ? WHERE one = 1'),
    hours: statement('SELECT * FROM hour WHERE hour >= ? ORDER BY hour, destination, signal'),
    usedBytes: statement(
      'SELECT (page_count - freelist_count) * page_size AS bytes FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
    ),
    purgeHours: statement('DELETE FROM hour WHERE hour < ?'),
  };
}
