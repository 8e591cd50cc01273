import type { DatabaseSync } from 'node:sqlite';
import { type Signal, signals } from '../../../shared/signal.ts';
import { booksOf, signalAt } from './book-rows.ts';
import { DamagedSpoolError } from './database.ts';
import { DestinationNames } from './destination-names.ts';
import { handOver } from './hand-over.ts';
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
import { readQueues } from './read-queues.ts';
import type { SpoolBooks, SpoolDestination } from './spool.ts';
import type { Statements } from './statements.ts';
import type { Succession } from './succession.ts';
import type { Watermark } from './watermark.ts';

/**
 * The books of every destination and signal, in memory and in the file. Between `begin` and `write` they may be changed;
 * `committed` makes that final, `takeBack` undoes it. Nobody else writes `queue`, `subscription`, `hour` and `state`.
 */
export class BooksKeeper {
  readonly #db: DatabaseSync;
  readonly #sql: Statements;
  readonly #now: () => number;
  readonly #names: DestinationNames;
  #queues: readonly Queue[] = [];
  #commits = 0;
  #nextId = 1;
  #atBegin = { nextId: this.#nextId, queues: this.#queues };
  /** The queues that the running transaction has changed, as they were before. */
  readonly #before = new Map<
    Queue,
    Pick<Queue, 'subscriptions' | 'inFlight' | 'oldestAt'> & { numbers: QueueNumbers }
  >();
  /** Queues whose oldest pending request may be another one now. */
  readonly #stale = new Set<Queue>();
  /** Queues that had something in flight when the last process died; booked with the first commit of this one. */
  #interrupted: readonly Queue[] = [];
  #successions: readonly Succession[] = [];

  constructor(db: DatabaseSync, sql: Statements, now: () => number) {
    this.#db = db;
    this.#sql = sql;
    this.#now = now;
    this.#names = new DestinationNames(db, sql);
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
    this.#atBegin = { nextId: this.#nextId, queues: this.#queues };
    this.#names.begin();
    this.#bookInterrupted();
  }

  /** Returns which books go on under another name from now on. */
  committed(): readonly Succession[] {
    this.#commits++;
    this.#interrupted = [];
    this.#before.clear();
    this.#stale.clear();
    const successions = this.#successions;
    this.#successions = [];
    return successions;
  }

  takeBack(): void {
    this.#nextId = this.#atBegin.nextId;
    for (const [queue, { numbers, ...rest }] of this.#before) {
      Object.assign(queue.numbers, numbers);
      Object.assign(queue, rest);
    }
    this.#queues = this.#atBegin.queues;
    this.#names.takeBack();
    this.#successions = [];
    this.#before.clear();
    this.#stale.clear();
  }

  setDestinations(destinations: readonly SpoolDestination[]): void {
    for (const one of this.#names.successions(destinations, (id) => this.#hasBooks(id))) {
      if (one.only === 'kept') this.#handOverKept(one);
      else this.#succeed(one);
    }
    const wanted = new Map(destinations.map(({ name, signals }) => [name, signals]));
    for (const name of wanted.keys()) this.#ensureDestination(name);
    this.#names.markPlaceholder(destinations, this.#nextId, (id) => this.#hasBooks(id));
    for (const [name, id] of this.#names.entries()) {
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

  /** Nothing of the queue is in flight any more. `possiblySent`: it may have arrived, so sending it again counts as resent. */
  release(queue: Queue, possiblySent: boolean): void {
    if (queue.inFlight.length === 0) return;
    const numbers = this.touch(queue);
    if (possiblySent) numbers.resent += numbers.in_flight_points;
    queue.inFlight = [];
    numbers.in_flight_to = 0;
    numbers.in_flight_points = 0;
  }

  queueOf(destination: number, signal: number): Queue | undefined {
    return this.#queues.find((queue) => queue.destination === destination && queue.signal === signal);
  }

  destinationName(id: number): string {
    return this.#names.nameOf(id);
  }

  queue(destination: string, signal: Signal): Queue | undefined {
    const id = this.#names.idOf(destination);
    return id === undefined ? undefined : this.queueOf(id, signals.indexOf(signal));
  }

  snapshot(): Pick<SpoolBooks, 'ledger' | 'pending'> {
    return booksOf(this.#queues, (id) => this.destinationName(id));
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
      if (!this.#queues.includes(queue)) continue;
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
    this.#queues = readQueues(this.#db);
    for (const queue of this.#queues) queue.oldestAt = this.#findOldest(queue);
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

  #hasBooks(destination: number): boolean {
    return this.#queues.some(
      (queue) => queue.destination === destination && numberNames.some((name) => queue.numbers[name] !== 0),
    );
  }

  #succeed(succession: Succession): void {
    const { from, to } = succession;
    const id = this.#names.idOf(from);
    if (id === undefined) return;
    this.#removeDestination(to);
    this.#names.rename(id, to);
    // Whoever sends it knows it by the old name, and cannot say any more what became of it.
    for (const queue of this.#queues) if (queue.destination === id) this.release(queue, true);
    this.#successions = [...this.#successions, succession];
  }

  #handOverKept(succession: Succession): void {
    this.#ensureDestination(succession.to);
    const { placeholder } = this.#names;
    const heir = this.#names.idOf(succession.to);
    if (!placeholder || heir === undefined) return;
    if (handOver(this, this.#sql, placeholder, heir)) this.#successions = [...this.#successions, succession];
    this.#names.clearPlaceholder();
  }

  #removeDestination(name: string): void {
    const id = this.#names.idOf(name);
    if (id === undefined) return;
    this.#sql.removeSubscriptions.run(id);
    this.#sql.removeQueues.run(id);
    this.#names.remove(id);
    this.#queues = this.#queues.filter((queue) => queue.destination !== id);
  }

  #ensureDestination(name: string): void {
    if (this.#names.idOf(name) !== undefined) return;
    const destination = this.#names.add(name);
    const added = [...signals.keys()].map((signal): Queue => {
      this.#sql.addQueue.run(destination, signal);
      return { destination, signal, numbers: emptyNumbers(), subscriptions: [], inFlight: [], oldestAt: null };
    });
    this.#queues = [...this.#queues, ...added];
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
}
