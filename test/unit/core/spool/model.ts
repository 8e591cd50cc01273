import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Change, SpoolEngine } from '../../../../src/main/core/spool/engine.ts';
import { spoolFiles } from '../../../../src/main/core/spool/files.ts';
import type { SpoolDestination, SpoolEvent, SpoolLimits } from '../../../../src/main/core/spool/spool.ts';
import { readWatermark } from '../../../../src/main/core/spool/watermark.ts';
import { addBooks, type Books, emptyBooks, imbalance } from '../../../../src/shared/ledger.ts';
import { type Signal, signals } from '../../../../src/shared/signal.ts';
import { copyAsKilled } from '../../../support/spool-folder.ts';

export const destinationNames = ['span', 'collector', 'other'] as const;
/** The names above, and the same destinations spelled otherwise. */
export const spellings = [...destinationNames, 'Span', 'SPAN', 'Other'] as const;
export const dayMs = 86_400_000;
export const startAt = Date.UTC(2026, 0, 15, 10);

export interface ModelRequest {
  readonly id: number;
  readonly signal: Signal;
  readonly points: number;
  readonly body: Uint8Array;
  readonly receivedAt: number;
}

/** What one destination is owed of one signal, as a list that is easy to be right about. */
export interface ModelQueue {
  destination: string;
  readonly signal: Signal;
  subscribed: boolean;
  /** Something of it was delivered or set aside, if only a request without points. */
  hasMoved: boolean;
  owed: ModelRequest[];
  inFlight: number;
  books: { -readonly [name in keyof Omit<Books, 'pending' | 'dropped'>]: number } & {
    dropped: { -readonly [cause in keyof Books['dropped']]: number };
  };
}

export interface ModelQuarantined {
  readonly queue: ModelQueue;
  readonly request: ModelRequest;
}

export class Model {
  now = startAt;
  limits: SpoolLimits = { maxBytes: 1_000_000_000, maxAgeMs: dayMs };
  destinations: readonly SpoolDestination[] = [];
  readonly queues = new Map<string, ModelQueue>();
  quarantined: ModelQuarantined[] = [];
  readonly renamed: SpoolEvent[] = [];
  /** Stands in for a destination that is not configured yet; `isMixed`: beside books of its own. */
  #placeholder: { readonly name: string; readonly isMixed: boolean } | undefined;
  /** The ids of what was kept for nobody in particular. */
  readonly #kept = new Set<number>();

  queue(destination: string, signal: Signal): ModelQueue | undefined {
    return this.queues.get(`${destination} ${signal}`);
  }

  setDestinations(destinations: readonly SpoolDestination[]): void {
    this.destinations = destinations;
    for (const one of destinations) this.#succeed(one, destinations);
    this.#inherit(destinations.filter(({ placeholder }) => !placeholder));
    for (const { name } of destinations) {
      for (const signal of signals) {
        if (!this.queue(name, signal)) this.queues.set(`${name} ${signal}`, emptyQueue(name, signal));
      }
    }
    for (const { name, placeholder = false } of destinations) {
      if (placeholder === (this.#placeholder?.name === name)) continue;
      this.#placeholder = placeholder ? { name, isMixed: this.#ofName(name).some(hasBooks) } : undefined;
    }
    for (const queue of this.queues.values()) {
      queue.subscribed = destinations.some(
        (one) => one.name === queue.destination && one.signals.includes(queue.signal),
      );
    }
  }

  #succeed({ name, formerly = name }: SpoolDestination, all: readonly SpoolDestination[]): void {
    if (this.#ofName(name).some(hasBooks)) return;
    const taken = all.filter((one) => one.name !== name).map((one) => one.name.toLowerCase());
    const candidates = [...new Set([...this.queues.values()].map(({ destination }) => destination))].filter(
      (one) => one !== name && !taken.includes(one.toLowerCase()),
    );
    const wanted = [
      (one: string) => one.toLowerCase() === name.toLowerCase(),
      (one: string) => one === formerly,
      (one: string) => one.toLowerCase() === formerly.toLowerCase(),
    ];
    const from = wanted.flatMap((isIt) => candidates.filter(isIt))[0];
    if (from !== undefined) this.#rename(from, name);
  }

  /** What was kept for nobody goes to the first without books, name and all; else into the queues of the first. */
  #inherit(configured: readonly SpoolDestination[]): void {
    const kept = this.#placeholder;
    if (kept === undefined || configured.length === 0 || configured.some(({ name }) => name === kept.name)) return;
    const empty = configured.find(({ name }) => !this.#ofName(name).some(hasBooks))?.name;
    if (empty !== undefined && !kept.isMixed) {
      this.#rename(kept.name, empty);
      return;
    }
    const to = empty ?? configured[0]?.name ?? '';
    const moved = this.#ofName(kept.name).map((from) => this.#handOver(from, to));
    this.#placeholder = undefined;
    if (moved.includes(true)) this.renamed.push({ kind: 'inherited', from: kept.name, to });
  }

  #handOver(from: ModelQueue, heir: string): boolean {
    const moved = from.owed.filter(({ id }) => this.#kept.has(id));
    if (moved.length === 0) return false;
    const to = this.queue(heir, from.signal) ?? emptyQueue(heir, from.signal);
    this.queues.set(`${heir} ${from.signal}`, to);
    for (const queue of [from, to]) {
      queue.books.resent += points(queue.owed.slice(0, queue.inFlight));
      queue.inFlight = 0;
    }
    from.books.accepted -= points(moved);
    to.books.accepted += points(moved);
    from.owed = from.owed.filter((one) => !moved.includes(one));
    to.owed = [...to.owed, ...moved].sort((a, b) => a.id - b.id);
    return true;
  }

  /** One more request for a queue that takes them. */
  accept(queue: ModelQueue, request: ModelRequest): void {
    queue.owed.push(request);
    queue.books.accepted += request.points;
    if (this.#placeholder?.name === queue.destination) this.#kept.add(request.id);
  }

  #rename(from: string, name: string): void {
    if ([from, name].includes(this.#placeholder?.name ?? '')) this.#placeholder = undefined;
    const moved = this.#ofName(from);
    for (const signal of signals) this.queues.delete(`${name} ${signal}`);
    for (const queue of moved) {
      this.queues.delete(`${from} ${queue.signal}`);
      queue.destination = name;
      queue.books.resent += points(queue.owed.slice(0, queue.inFlight));
      queue.inFlight = 0;
      this.queues.set(`${name} ${queue.signal}`, queue);
    }
    this.renamed.push({ kind: 'renamed', from, to: name });
  }

  #ofName(name: string): ModelQueue[] {
    return [...this.queues.values()].filter(({ destination }) => destination === name);
  }

  /** The process ended: what was in flight is owed, and may be sent twice. */
  interrupt(): void {
    for (const queue of this.queues.values()) {
      queue.books.resent += points(queue.owed.slice(0, queue.inFlight));
      queue.inFlight = 0;
    }
  }

  stored(): Map<number, ModelRequest> {
    return new Map([...this.queues.values()].flatMap(({ owed }) => owed.map((one) => [one.id, one] as const)));
  }

  inFlight(): Set<number> {
    return new Set([...this.queues.values()].flatMap(({ owed, inFlight }) => owed.slice(0, inFlight).map((r) => r.id)));
  }

  /** Books as dropped what the spool does not have any more. */
  drop(ids: ReadonlySet<number>, cause: 'quota' | 'age'): void {
    for (const queue of this.queues.values()) {
      queue.books.dropped[cause] += points(queue.owed.filter(({ id }) => ids.has(id)));
      queue.owed = queue.owed.filter(({ id }) => !ids.has(id));
    }
  }
}

function emptyQueue(destination: string, signal: Signal): ModelQueue {
  const { pending: _, ...books } = structuredClone(emptyBooks) as Books;
  return { destination, signal, subscribed: false, hasMoved: false, owed: [], inFlight: 0, books };
}

function hasBooks({ books: { dropped, ...flows }, owed, hasMoved }: ModelQueue): boolean {
  return hasMoved || owed.length > 0 || [...Object.values(flows), ...Object.values(dropped)].some((flow) => flow !== 0);
}

export function points(requests: readonly ModelRequest[]): number {
  return requests.reduce((total, request) => total + request.points, 0);
}

/** The spool itself: real files, the engine as the worker thread runs it. */
export class Real {
  readonly #root: string;
  readonly #model: Model;
  folder: string;
  engine: SpoolEngine;
  readonly events: SpoolEvent[] = [];

  constructor(root: string, model: Model) {
    this.#root = root;
    this.#model = model;
    this.folder = mkdtempSync(join(root, 'run-'));
    this.engine = this.#open();
  }

  #open(): SpoolEngine {
    const { destinations, limits } = this.#model;
    const emit = (event: SpoolEvent) => void this.events.push(event);
    return new SpoolEngine({ folder: this.folder, destinations, limits, emit, now: () => this.#model.now });
  }

  change(...changes: readonly Change[]): readonly unknown[] {
    const outcomes = this.engine.change(changes);
    this.engine.keepWatermark();
    return outcomes.map((outcome) => {
      if (!outcome.ok) throw new Error(outcome.message);
      return outcome.value;
    });
  }

  reopen(): void {
    this.engine.close();
    this.engine = this.#open();
  }

  crash(): void {
    const killed = mkdtempSync(join(this.#root, 'run-'));
    copyAsKilled(this.folder, killed);
    this.engine.close();
    rmSync(this.folder, { recursive: true });
    this.folder = killed;
    this.engine = this.#open();
  }

  storedIds(): number[] {
    return this.engine.store.db
      .prepare('SELECT id FROM request ORDER BY id')
      .all()
      .map((row) => Number(row.id));
  }

  body(id: number): unknown {
    return this.engine.store.db.prepare('SELECT body FROM request WHERE id = ?').get(id)?.body;
  }
}

/** Everything that must hold after every step. */
export function expectAgreement(model: Model, real: Real): void {
  const books = real.engine.books();
  expect(real.engine.verify()).toEqual([]);
  for (const queue of model.queues.values()) {
    const same = (row: { destination: string; signal: Signal }) =>
      row.destination === queue.destination && row.signal === queue.signal;
    const row = books.ledger.find(same);
    const expected = { ...queue.books, pending: points(queue.owed) };
    if (!row) {
      expect(expected, `${queue.destination} ${queue.signal} has no row`).toEqual(emptyBooks);
      continue;
    }
    expect(row).toEqual({ destination: queue.destination, signal: queue.signal, ...expected });
    expect(imbalance(row)).toBe(0);
    expect(books.pending.find(same)).toMatchObject({
      requests: queue.owed.length,
      points: points(queue.owed),
      bytes: queue.owed.reduce((total, { body }) => total + body.length, 0),
      oldestAt: queue.owed[0]?.receivedAt ?? null,
    });
  }
  expect(books.ledger.length).toBeLessThanOrEqual(model.queues.size);
  expect(real.storedIds()).toEqual([...model.stored().keys()].sort((a, b) => a - b));
  for (const { id, body } of model.stored().values()) expect(real.body(id)).toEqual(body);
  expectQuarantine(model, real);
  expectHours(model, real);
  expect(real.events.filter(({ kind }) => kind === 'renamed' || kind === 'inherited')).toEqual(model.renamed);
  expect(readWatermark(spoolFiles(real.folder).watermark)?.commits).toBe(real.engine.store.books.commits);
}

function expectQuarantine(model: Model, real: Real): void {
  const listed = real.engine.quarantineList();
  expect(listed.map((one) => [one.destination, one.signal, one.points])).toEqual(
    model.quarantined.map(({ queue, request }) => [queue.destination, queue.signal, request.points]),
  );
  for (const [at, { id }] of listed.entries()) {
    expect(real.engine.quarantinePayload(id)?.body).toEqual(model.quarantined[at]?.request.body);
  }
  for (const { destination, requests } of real.engine.books().quarantined) {
    expect(requests).toBe(model.quarantined.filter(({ queue }) => queue.destination === destination).length);
  }
}

function expectHours(model: Model, real: Real): void {
  const hours = real.engine.hours(35 * 24 + 48);
  for (const queue of model.queues.values()) {
    const total = hours
      .filter((row) => row.destination === queue.destination && row.signal === queue.signal)
      .reduce<Books>(addBooks, emptyBooks);
    expect(total).toEqual({ ...queue.books, pending: 0 });
  }
}
