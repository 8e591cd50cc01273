import type { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { signals } from '../../../shared/signal.ts';
import { storedBytes } from './database.ts';
import { isCount, type KnownBooks } from './known-books.ts';
import { neededIntervals, owes, type Queue } from './queue.ts';
import type { RawPages } from './raw-pages.ts';
import type { DamagedDatabase, Row } from './salvage.ts';

/** What a repair reads: the damaged database, where it could be opened, and the bare pages of its files. */
export interface Sources {
  readonly damaged: DamagedDatabase | undefined;
  readonly raw: RawPages;
}

/** What was found of the requests that one queue is owed. */
export interface Found {
  requests: number;
  points: number;
  bytes: number;
  /** Points of intact requests for which the disk had no room. */
  givenUp: number;
}

export interface Salvaged {
  readonly requests: number;
  readonly nextId: number;
  readonly found: ReadonlyMap<Queue, Found>;
}

interface Request {
  readonly id: number;
  readonly signal: number;
  readonly receivedAt: number;
  readonly points: number;
  readonly crc: number;
  readonly onlyFor: number | null;
  readonly body: Uint8Array;
}

/**
 * Copies the intact requests that are owed to somebody, the newest of them as many as fit into `maxBytes` of the disk.
 *
 * They are read through the tables' trees first. What the books say is missing then is looked for on the bare pages.
 * A deleted request can still be there: one that was delivered is told by its queue's position, but one that was
 * dropped for its age or the quota is not, and was booked as dropped. So no more is taken from there than is missing,
 * and the oldest goes first where there is more: requests are dropped oldest first. On pages that are known to be in
 * use this never matters; where it does, what comes back in the place of a lost request has the same number of points
 * at most, and the books balance.
 */
export function copyRequests(
  { damaged, raw }: Sources,
  fresh: DatabaseSync,
  known: KnownBooks,
  maxBytes: number,
): Salvaged {
  const copy = new RequestCopy(fresh, known);
  const { keepFrom, left } = whatFits(owedRequests(damaged, known), maxBytes);
  for (const request of owedRequests(damaged, known)) {
    if (request.id < keepFrom) copy.giveUp(request);
    else copy.add(request);
  }
  const limits = { keepFrom, maxBytes: left };
  // Books that may be older than the data do not know all that is missing.
  if (known.estimated || copy.isIncomplete()) copy.addMissing(raw.used('request'), { ...limits, newer: true });
  if (copy.isIncomplete()) copy.addMissing(raw.doubtful('request'), { ...limits, newer: false });
  return copy.salvaged();
}

class RequestCopy {
  readonly #fresh: DatabaseSync;
  readonly #known: KnownBooks;
  readonly #found: ReadonlyMap<Queue, Found>;
  readonly #insert;
  #requests = 0;
  #nextId: number;

  constructor(fresh: DatabaseSync, known: KnownBooks) {
    this.#fresh = fresh;
    this.#known = known;
    this.#found = new Map(known.queues.map((queue) => [queue, { requests: 0, points: 0, bytes: 0, givenUp: 0 }]));
    this.#nextId = known.nextId;
    this.#insert = fresh.prepare(
      'INSERT OR IGNORE INTO request (id, signal, received_at, points, crc, only_for, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
  }

  salvaged(): Salvaged {
    return { requests: this.#requests, nextId: this.#nextId, found: this.#found };
  }

  isIncomplete(): boolean {
    return this.#known.queues.some((queue) => this.#misses(queue));
  }

  /** Returns false where it is there already. */
  add({ id, signal, receivedAt, points, crc, onlyFor, body }: Request): boolean {
    if (this.#insert.run(id, signal, receivedAt, points, crc, onlyFor, body).changes === 0) return false;
    this.#nextId = Math.max(this.#nextId, id + 1);
    this.#count({ id, signal, onlyFor }, points, body.length, 1);
    return true;
  }

  giveUp(request: Request): void {
    this.#nextId = Math.max(this.#nextId, request.id + 1);
    for (const queue of this.#owing(request)) this.#foundOf(queue).givenUp += request.points;
  }

  /** Adds what is missing. `newer`: also what the books are too old to know. */
  addMissing(rows: Iterable<Row>, limits: { keepFrom: number; maxBytes: number; newer: boolean }): void {
    const missing = new Set(this.#known.queues.filter((queue) => this.#misses(queue)));
    const added: number[] = [];
    let left = limits.maxBytes;
    for (const row of rows) {
      const request = toRequest(row);
      if (!request || request.id < limits.keepFrom) continue;
      const owing = this.#owing(request);
      const isNewer = limits.newer && request.id >= this.#known.nextId;
      if (owing.length === 0 || !(isNewer || owing.every((queue) => missing.has(queue)))) continue;
      const bytes = storedBytes(request.body.length);
      if (bytes > left || !this.add(request)) continue;
      left -= bytes;
      if (!isNewer) added.push(request.id);
    }
    this.#removeSurplus(added);
  }

  #removeSurplus(added: number[]): void {
    const read = this.#fresh.prepare(
      'SELECT signal, only_for, points, length(body) AS bytes FROM request WHERE id = ?',
    );
    const remove = this.#fresh.prepare('DELETE FROM request WHERE id = ?');
    for (const id of added.sort((a, b) => a - b)) {
      if (!this.#known.queues.some((queue) => this.#hasSurplus(queue))) return;
      const row = read.get(id);
      const onlyFor = row?.only_for === null ? null : Number(row?.only_for);
      const key = { id, signal: Number(row?.signal), onlyFor };
      if (!this.#owing(key).some((queue) => this.#hasSurplus(queue))) continue;
      remove.run(id);
      this.#count(key, Number(row?.points), Number(row?.bytes), -1);
    }
  }

  #count(key: Pick<Request, 'id' | 'signal' | 'onlyFor'>, points: number, bytes: number, sign: 1 | -1): void {
    for (const queue of this.#owing(key)) {
      const found = this.#foundOf(queue);
      found.requests += sign;
      found.points += sign * points;
      found.bytes += sign * bytes;
    }
    this.#requests += sign;
  }

  #owing(key: Pick<Request, 'id' | 'signal' | 'onlyFor'>): readonly Queue[] {
    return this.#known.queues.filter((queue) => owes(queue, key));
  }

  #foundOf(queue: Queue): Found {
    const found = this.#found.get(queue);
    if (!found) throw new Error('a queue that is not in the books');
    return found;
  }

  #misses(queue: Queue): boolean {
    const { requests, points, givenUp } = this.#foundOf(queue);
    return requests < queue.numbers.pending_requests && points + givenUp <= queue.numbers.pending_points;
  }

  #hasSurplus(queue: Queue): boolean {
    const { requests, points, givenUp } = this.#foundOf(queue);
    return requests > queue.numbers.pending_requests || points + givenUp > queue.numbers.pending_points;
  }
}

/** The intact requests that are owed to somebody, as the tables' trees lead to them. */
function* owedRequests(damaged: DamagedDatabase | undefined, known: KnownBooks): Generator<Request> {
  const firsts = known.queues.flatMap((queue) => neededIntervals(queue).map(({ first }) => first));
  // Books without anything pending may be older than the data; then all that is there is looked at.
  const first = known.estimated || firsts.length === 0 ? 1 : Math.min(...firsts);
  const last = Math.max(known.nextId - 1, damaged?.maxId('request') ?? 0);
  for (const row of damaged?.rows('request', first, last) ?? []) {
    const request = toRequest(row);
    if (request && known.queues.some((queue) => owes(queue, request))) yield request;
  }
}

function toRequest({ id, signal, received_at, points, crc, only_for, body: payload }: Row): Request | undefined {
  const body: unknown = payload;
  if (!isCount(id) || !isCount(received_at) || !isCount(points) || !isIntact(body, crc)) return undefined;
  if (!isCount(signal) || signal >= signals.length || !(only_for === null || isCount(only_for))) return undefined;
  return { id, signal, receivedAt: received_at, points, crc: Number(crc), onlyFor: only_for, body };
}

function isIntact(body: unknown, crc: unknown): body is Uint8Array {
  return body instanceof Uint8Array && crc32(body) === Number(crc);
}

/** The id from which on the newest requests fit into `maxBytes`, and how much they leave of it. */
function whatFits(owed: Iterable<Request>, maxBytes: number): { keepFrom: number; left: number } {
  if (maxBytes === Number.MAX_SAFE_INTEGER) return { keepFrom: 0, left: maxBytes };
  const sizes = Array.from(owed, ({ id, body }) => ({ id, bytes: storedBytes(body.length) }));
  let left = maxBytes;
  let keepFrom = Number.MAX_SAFE_INTEGER;
  for (const { id, bytes } of sizes.sort((a, b) => b.id - a.id)) {
    if (bytes > left) return { keepFrom, left };
    left -= bytes;
    keepFrom = id;
  }
  return { keepFrom: 0, left };
}

/** Copies what is in quarantine, where there is room for everything. Returns the points by queue. */
export function copyQuarantine(
  { damaged, raw }: Sources,
  fresh: DatabaseSync,
  known: KnownBooks,
  maxBytes: number,
): ReadonlyMap<Queue, number> {
  const points = new Map<Queue, number>();
  if (maxBytes < Number.MAX_SAFE_INTEGER) return points;
  const insert = fresh.prepare(
    `INSERT OR IGNORE INTO quarantine (id, destination, signal, received_at, quarantined_at, points, status, message, crc, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const copy = (row: Row) => {
    const request = toRequest({ ...row, only_for: null });
    const queue = known.queues.find((one) => one.destination === row.destination && one.signal === row.signal);
    if (!request || !queue || !isCount(row.quarantined_at) || !isCount(row.status)) return;
    const { id, signal, receivedAt, crc, body } = request;
    const verdict = [row.quarantined_at, request.points, row.status, String(row.message)];
    if (insert.run(id, queue.destination, signal, receivedAt, ...verdict, crc, body).changes === 0) return;
    points.set(queue, (points.get(queue) ?? 0) + request.points);
  };
  for (const row of damaged?.rows('quarantine', 1, damaged.maxId('quarantine') ?? 0) ?? []) copy(row);
  // The books do not say how much is missing here, so a page that may be out of use is not asked.
  if (!damaged?.isWhole()) for (const row of raw.used('quarantine')) copy(row);
  return points;
}
