import { crc32 } from 'node:zlib';
import { DamagedSpoolError } from './database.ts';
import { type Interval, neededIntervals, type Queue } from './queue.ts';
import type { Batch, BatchLimits, PickedRequest } from './spool.ts';
import type { Statements } from './statements.ts';

/** A stored request whose checksum fails. */
export interface DamagedRequest {
  readonly id: number;
  readonly signal: number;
  readonly onlyFor: number | null;
  readonly points: number;
  readonly bytes: number;
}

export interface Reading {
  /** Undefined when nothing intact was found. */
  readonly batch: Batch | undefined;
  readonly damaged: readonly DamagedRequest[];
}

/** What several destinations are owed next, read once for all of them. */
interface Shared {
  readonly needed: readonly Interval[];
  readonly limits: BatchLimits;
  /** The limits end it, so that new requests change nothing. */
  readonly isFull: boolean;
  readonly batch: Batch;
}

/** Nobody waits for memory: what is larger is read again. */
const maxSharedBytes = 8 * 1024 * 1024;

/**
 * Reads the oldest requests that a queue is owed. Destinations that keep up stand at the same place: what is read for the
 * first of them the others get too, as the same memory.
 */
export class BatchReader {
  readonly #sql: Statements;
  readonly #queues: () => readonly Queue[];
  /** By signal. */
  readonly #shared = new Map<number, Shared>();

  constructor(sql: Statements, queues: () => readonly Queue[]) {
    this.#sql = sql;
    this.#queues = queues;
  }

  read(queue: Queue, limits: BatchLimits): Reading {
    const needed = neededIntervals(queue);
    const shared = this.#shared.get(queue.signal);
    if (shared && sameIntervals(shared.needed, needed) && sameLimits(shared.limits, limits) && !this.#hasOwn(queue)) {
      return { batch: shared.batch, damaged: [] };
    }
    const { picked, damaged, isFull, isShareable } = this.#collect(queue, needed, limits);
    if (picked.length === 0) return { batch: undefined, damaged };
    const batch = merge(picked);
    if (isShareable && batch.body.length <= maxSharedBytes && this.#hasCompany(queue, needed)) {
      this.#shared.set(queue.signal, { needed, limits, isFull, batch });
    }
    return { batch, damaged };
  }

  /** A request of this signal was stored for all. */
  accepted(signal: number): void {
    if (this.#shared.get(signal)?.isFull === false) this.#shared.delete(signal);
  }

  /** Something that was read may not be stored any more, or was never committed. */
  forget(): void {
    this.#shared.clear();
  }

  /** Whether another destination stands at the same place. */
  #hasCompany(queue: Queue, needed: readonly Interval[]): boolean {
    return this.#queues().some(
      (other) => other !== queue && other.signal === queue.signal && sameIntervals(neededIntervals(other), needed),
    );
  }

  /** Whether requests wait that are for this destination alone. */
  #hasOwn({ destination }: Queue): boolean {
    return this.#sql.reserved.get(destination) !== undefined;
  }

  #collect({ signal, destination }: Queue, needed: readonly Interval[], limits: BatchLimits) {
    const picked: { id: number; points: number; body: Uint8Array }[] = [];
    const damaged: DamagedRequest[] = [];
    let bytes = 0;
    let isShareable = true;
    for (const { first, last } of needed) {
      const left = limits.maxRequests - picked.length;
      if (left <= 0) break;
      for (const row of this.#sql.pick.iterate(signal, first, last, destination, left)) {
        const { body } = row;
        const points = Number(row.points);
        const id = Number(row.id);
        const onlyFor = row.only_for === null ? null : Number(row.only_for);
        if (!(body instanceof Uint8Array)) throw new DamagedSpoolError(`request ${id} has no payload`);
        if (onlyFor !== null) isShareable = false;
        if (crc32(body) !== Number(row.crc)) {
          damaged.push({ id, signal, onlyFor, points, bytes: body.length });
          isShareable = false;
          continue;
        }
        if (picked.length > 0 && bytes + body.length > limits.maxBytes) {
          return { picked, damaged, isFull: true, isShareable };
        }
        picked.push({ id, points, body });
        bytes += body.length;
      }
    }
    return { picked, damaged, isFull: picked.length >= limits.maxRequests, isShareable };
  }
}

function sameLimits(a: BatchLimits, b: BatchLimits): boolean {
  return a.maxBytes === b.maxBytes && a.maxRequests === b.maxRequests;
}

function sameIntervals(a: readonly Interval[], b: readonly Interval[]): boolean {
  return a.length === b.length && a.every(({ first, last }, at) => first === b[at]?.first && last === b[at]?.last);
}

function merge(picked: readonly { id: number; points: number; body: Uint8Array }[]): Batch {
  const body = new Uint8Array(picked.reduce((total, request) => total + request.body.length, 0));
  const requests: PickedRequest[] = [];
  let offset = 0;
  for (const { id, points, body: part } of picked) {
    body.set(part, offset);
    requests.push({ id, points, offset, length: part.length });
    offset += part.length;
  }
  return { requests, body };
}
