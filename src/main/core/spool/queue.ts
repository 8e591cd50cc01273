import type { PickedRequest } from './spool.ts';

/** Flows of the ledger, in data points; the columns of `queue` and `hour` have the same names. */
export const flowNames = [
  'accepted',
  'delivered',
  'rejected',
  'quota',
  'age',
  'corruption',
  'discarded',
  'refused',
  'resent',
] as const;

/** Levels and places of a queue; the other columns of `queue`. */
export const levelNames = [
  'position',
  'in_flight_to',
  'in_flight_points',
  'pending_points',
  'pending_requests',
  'pending_bytes',
  'last_delivered_at',
] as const;

export const numberNames = [...flowNames, ...levelNames] as const;

export type NumberName = (typeof numberNames)[number];
export type QueueNumbers = Record<NumberName, number>;

/** Ids from `first` to `last`, both included. A subscription that is still open has no last id. */
export interface Interval {
  readonly first: number;
  readonly last: number;
}

export const openEnd = Number.MAX_SAFE_INTEGER;

/** What one destination is owed of one signal: the numbers that the spool keeps instead of recounting. */
export interface Queue {
  readonly destination: number;
  /** Index in `signals`. */
  readonly signal: number;
  readonly numbers: QueueNumbers;
  /** Ascending and disjoint; `last` is `openEnd` while the destination is configured for this signal. */
  subscriptions: readonly Interval[];
  /** Picked and neither settled nor released; empty after a start. */
  inFlight: readonly PickedRequest[];
  /** Wall time of the oldest pending request; null when nothing is pending. */
  oldestAt: number | null;
}

export function emptyNumbers(): QueueNumbers {
  return {
    accepted: 0,
    delivered: 0,
    rejected: 0,
    quota: 0,
    age: 0,
    corruption: 0,
    discarded: 0,
    refused: 0,
    resent: 0,
    position: 0,
    in_flight_to: 0,
    in_flight_points: 0,
    pending_points: 0,
    pending_requests: 0,
    pending_bytes: 0,
    last_delivered_at: 0,
  };
}

export function isSubscribed(queue: Queue): boolean {
  return queue.subscriptions.at(-1)?.last === openEnd;
}

/** The ids that this queue still needs, ascending. */
export function neededIntervals(queue: Queue): readonly Interval[] {
  if (queue.numbers.pending_requests === 0) return [];
  return queue.subscriptions
    .filter(({ last }) => last > queue.numbers.position)
    .map(({ first, last }) => ({ first: Math.max(first, queue.numbers.position + 1), last }));
}

/** True when the stored request is still owed to the queue's destination. */
export function owes(queue: Queue, request: StoredKey): boolean {
  return (
    queue.signal === request.signal &&
    request.id > queue.numbers.position &&
    (request.onlyFor === null || request.onlyFor === queue.destination) &&
    queue.subscriptions.some(({ first, last }) => request.id >= first && request.id <= last)
  );
}

export interface StoredKey {
  readonly id: number;
  readonly signal: number;
  /** The destination that alone is owed this request (a retry from quarantine); null for all that subscribe. */
  readonly onlyFor: number | null;
}

/** What is left of `whole` when `holes` (any order, may overlap) are cut out of it. */
export function subtract(whole: Interval, holes: readonly Interval[]): readonly Interval[] {
  const rest: Interval[] = [];
  let first = whole.first;
  for (const hole of [...holes].sort((a, b) => a.first - b.first)) {
    if (hole.last < first) continue;
    if (hole.first > whole.last) break;
    if (hole.first > first) rest.push({ first, last: hole.first - 1 });
    first = hole.last + 1;
  }
  if (first <= whole.last) rest.push({ first, last: whole.last });
  return rest;
}
