import type { DatabaseSync } from 'node:sqlite';
import type { LedgerRow, PendingBooks } from '../../../shared/ledger.ts';
import { type Signal, signals } from '../../../shared/signal.ts';
import { DamagedSpoolError } from './database.ts';
import { hourMs } from './hour.ts';
import {
  emptyNumbers,
  flowNames,
  isSubscribed,
  neededIntervals,
  numberNames,
  openEnd,
  type Queue,
  type QueueNumbers,
} from './queue.ts';
import type { SpoolBooks, SpoolDestination } from './spool.ts';
import type { Statements } from './statements.ts';
import type { Watermark } from './watermark.ts';

/**
 * The books of every destination and signal, in memory and in the file. Between `begin` and `write` they may be changed;
 * `committed` makes that final, `takeBack` undoes it. Nobody else writes the tables `queue`, `subscription`, `hour`,
 * `destination` and `state`.
 */
export class BooksKeeper {
  readonly #db: DatabaseSync;
  readonly #sql: Statements;
  readonly #now: () => number;
  readonly #destinations = new Map<string, number>();
  #queues: Queue[] = [];
  #commits = 0;
  #nextId = 1;
  #atBegin = { nextId: 1, queues: 0 };
  /** The queues that the running transaction has changed, as they were before. */
  readonly #before = new Map<
    Queue,
    Pick<Queue, 'subscriptions' | 'inFlight' | 'oldestAt'> & { numbers: QueueNumbers }
  >();
  /** Queues whose oldest pending request may be another one now. */
  readonly #stale = new Set<Queue>();
  /** Queues that had something in flight when the last process died; booked with the first commit of this one. */
  #interrupted: readonly Queue[] = [];
  /** The destination that only stands in for one that is not configured yet. */
  #placeholder: number | undefined;
  #destinationsBefore: { names: Map<string, number>; placeholder: number | undefined } | undefined;

  constructor(db: DatabaseSync, sql: Statements, now: () => number) {
    this.#db = db;
    this.#sql = sql;
    this.#now = now;
    this.#load();
  }

  get nextId(): number {
    return this.#nextId;
  }

  get queues(): readonly Queue[] {
    return this.#queues;
  }

  get commits(): number {
    return this.#commits;
  }

  /** What the last process had in flight is not booked yet. */
  get hasInterrupted(): boolean {
    return this.#interrupted.length > 0;
  }

  /** A new id, larger than all before it. */
  takeId(): number {
    const id = this.#nextId;
    this.#nextId++;
    return id;
  }

  begin(): void {
    this.#atBegin = { nextId: this.#nextId, queues: this.#queues.length };
    this.#bookInterrupted();
  }

  committed(): void {
    this.#commits++;
    this.#interrupted = [];
    this.#destinationsBefore = undefined;
    this.#before.clear();
    this.#stale.clear();
  }

  takeBack(): void {
    this.#nextId = this.#atBegin.nextId;
    for (const [queue, { numbers, ...rest }] of this.#before) {
      Object.assign(queue.numbers, numbers);
      Object.assign(queue, rest);
    }
    this.#queues.splice(this.#atBegin.queues);
    if (this.#destinationsBefore) {
      this.#destinations.clear();
      for (const [name, id] of this.#destinationsBefore.names) this.#destinations.set(name, id);
      this.#placeholder = this.#destinationsBefore.placeholder;
      this.#destinationsBefore = undefined;
    }
    this.#before.clear();
    this.#stale.clear();
  }

  setDestinations(destinations: readonly SpoolDestination[]): void {
    this.#destinationsBefore ??= { names: new Map(this.#destinations), placeholder: this.#placeholder };
    this.#inherit(destinations);
    const wanted = new Map(destinations.map(({ name, signals }) => [name, signals]));
    for (const name of wanted.keys()) this.#ensureDestination(name);
    this.#markPlaceholder(destinations);
    for (const [name, id] of this.#destinations) {
      for (const queue of this.#queues) {
        if (queue.destination !== id) continue;
        this.#subscribe(queue, wanted.get(name)?.includes(signalAt(queue.signal)) ?? false);
      }
    }
  }

  /** The queue's numbers, open to change inside the running transaction. */
  touch(queue: Queue): QueueNumbers {
    if (!this.#before.has(queue)) {
      const { subscriptions, inFlight, oldestAt } = queue;
      this.#before.set(queue, { numbers: { ...queue.numbers }, subscriptions, inFlight, oldestAt });
    }
    return queue.numbers;
  }

  /** One more request that the queue's destination is owed. */
  owe(queue: Queue, request: { points: number; body: Uint8Array }, receivedAt: number): void {
    const numbers = this.touch(queue);
    numbers.accepted += request.points;
    numbers.pending_points += request.points;
    numbers.pending_requests++;
    numbers.pending_bytes += request.body.length;
    queue.oldestAt ??= receivedAt;
  }

  /** Requests that are not owed any more. Throws where the books contradict what is stored. */
  pay(queue: Queue, requests: number, points: number, bytes: number): void {
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

  queueOf(destination: number, signal: number): Queue | undefined {
    return this.#queues.find((queue) => queue.destination === destination && queue.signal === signal);
  }

  destinationName(id: number): string {
    for (const [name, known] of this.#destinations) if (known === id) return name;
    return '';
  }

  queue(destination: string, signal: Signal): Queue | undefined {
    const id = this.#destinations.get(destination);
    return id === undefined ? undefined : this.queueOf(id, signals.indexOf(signal));
  }

  snapshot(): Pick<SpoolBooks, 'ledger' | 'pending'> {
    const shown = this.#queues.filter(
      ({ numbers, subscriptions }) => numbers.accepted > 0 || numbers.refused > 0 || subscriptions.length > 0,
    );
    return {
      ledger: shown.map((queue) => this.#ledgerRow(queue)),
      pending: shown.map((queue) => this.#pendingRow(queue)),
    };
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

  write(): void {
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

  #load(): void {
    const state = this.#db.prepare('SELECT commits, next_id FROM state').get();
    this.#commits = Number(state?.commits ?? 0);
    this.#nextId = Number(state?.next_id ?? 1);
    for (const row of this.#db.prepare('SELECT id, name, placeholder FROM destination ORDER BY id').all()) {
      this.#destinations.set(String(row.name), Number(row.id));
      if (row.placeholder === 1) this.#placeholder = Number(row.id);
    }
    const subscriptions = this.#db
      .prepare('SELECT destination, signal, first, last FROM subscription ORDER BY first')
      .all();
    this.#queues = this.#db
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

  /** What was kept for nobody in particular goes to the first destination that is new. */
  #inherit(destinations: readonly SpoolDestination[]): void {
    const id = this.#placeholder;
    if (id === undefined || destinations.some(({ name }) => this.#destinations.get(name) === id)) return;
    const heir = destinations.find(({ name }) => !this.#destinations.has(name));
    if (!heir) return;
    this.#destinations.delete(this.destinationName(id));
    this.#destinations.set(heir.name, id);
    this.#sql.renameDestination.run(heir.name, id);
  }

  #markPlaceholder(destinations: readonly SpoolDestination[]): void {
    for (const { name, placeholder = false } of destinations) {
      const id = this.#destinations.get(name);
      if (id === undefined || placeholder === (this.#placeholder === id)) continue;
      // Books that a configured destination has begun stay its own.
      if (placeholder && this.#queues.some((queue) => queue.destination === id && queue.numbers.accepted > 0)) continue;
      this.#placeholder = placeholder ? id : undefined;
      this.#sql.markPlaceholder.run(placeholder ? 1 : 0, id);
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

  #findOldest(queue: Queue): number | null {
    for (const { first, last } of neededIntervals(queue)) {
      const row = this.#sql.oldest.get(queue.signal, first, last, queue.destination);
      if (row) return Number(row.received_at);
    }
    return null;
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

export function ledgerNumbers(numbers: QueueNumbers): Omit<LedgerRow, 'destination' | 'signal'> {
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

export function signalAt(index: number): Signal {
  const signal = signals[index];
  if (!signal) throw new RangeError(`no signal has the index ${index}`);
  return signal;
}
