import type { Placeholder } from './destination-names.ts';
import { type Interval, isSubscribed, neededIntervals, openEnd, type Queue, type QueueNumbers } from './queue.ts';
import type { Statements } from './statements.ts';

/** The books inside a running transaction, as far as a hand-over changes them. */
export interface OpenBooks {
  readonly nextId: number;
  readonly queues: readonly Queue[];
  queueOf(destination: number, signal: number): Queue | undefined;
  touch(queue: Queue): QueueNumbers;
  pay(queue: Queue, requests: number, points: number, bytes: number): void;
  release(queue: Queue, possiblySent: boolean): void;
}

/** Gives `heir` what was kept for nobody in particular, signal by signal. False when there was nothing. */
export function handOver(books: OpenBooks, sql: Statements, { id, since }: Placeholder, heir: number): boolean {
  const moved = books.queues.filter((from) => {
    const to = from.destination === id && books.queueOf(heir, from.signal);
    return to && handOverQueue(books, sql, { from, to, since });
  });
  return moved.length > 0;
}

/**
 * Moves what the queue `from` is owed from the request `since` on into the queue `to` of the same signal, where it waits
 * in the order in which it came. What is in reserve for `from` alone stays, and so do its drops. What was in flight of
 * either counts as resent. False when there is nothing to move.
 */
function handOverQueue(
  books: OpenBooks,
  sql: Statements,
  { from, to, since }: { readonly from: Queue; readonly to: Queue; readonly since: number },
): boolean {
  const moved = neededIntervals(from)
    .map(({ first, last }) => ({ first: Math.max(first, since), last: Math.min(last, books.nextId - 1) }))
    .filter(({ first, last }) => first <= last);
  const { requests, points, bytes } = amountOf(sql, from.signal, moved);
  const start = moved[0]?.first;
  if (start === undefined || requests === 0) return false;

  books.touch(from).accepted -= points;
  books.release(from, true);
  from.subscriptions = [
    ...from.subscriptions
      .filter(({ first }) => first < since)
      .map(({ first, last }) => ({ first, last: Math.min(last, since - 1) })),
    ...reservedFor(sql, from, since),
  ];
  books.pay(from, requests, points, bytes);

  const numbers = books.touch(to);
  books.release(to, true);
  // Only what is still owed may be left, for the position goes back to before the first that is moved.
  to.subscriptions = union([...stillOwed(to, books.nextId), ...moved]);
  numbers.position = Math.min(numbers.position, start - 1);
  numbers.accepted += points;
  books.pay(to, -requests, -points, -bytes);
  return true;
}

function amountOf(sql: Statements, signal: number, intervals: readonly Interval[]) {
  const amounts = intervals.map(({ first, last }) => sql.amount.get(signal, first, last));
  const sum = (name: 'requests' | 'points' | 'bytes') =>
    amounts.reduce((total, amount) => total + Number(amount?.[name] ?? 0), 0);
  return { requests: sum('requests'), points: sum('points'), bytes: sum('bytes') };
}

function reservedFor(sql: Statements, queue: Queue, since: number): readonly Interval[] {
  const after = Math.max(queue.numbers.position, since - 1);
  return sql.reservedAfter
    .all(queue.destination, queue.signal, after)
    .map(({ id }) => ({ first: Number(id), last: Number(id) }));
}

function stillOwed(queue: Queue, nextId: number): readonly Interval[] {
  if (queue.numbers.pending_requests > 0) return neededIntervals(queue);
  return isSubscribed(queue) ? [{ first: nextId, last: openEnd }] : [];
}

/** Ascending and disjoint. */
function union(intervals: readonly Interval[]): readonly Interval[] {
  const joined: Interval[] = [];
  for (const { first, last } of [...intervals].sort((a, b) => a.first - b.first)) {
    const before = joined.at(-1);
    if (before && first <= before.last + 1)
      joined[joined.length - 1] = { ...before, last: Math.max(before.last, last) };
    else joined.push({ first, last });
  }
  return joined;
}
