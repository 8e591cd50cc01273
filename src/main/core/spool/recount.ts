import { imbalance } from '../../../shared/ledger.ts';
import { owes, type Queue } from './queue.ts';
import type { SpoolStore } from './store.ts';

export interface PendingCount {
  readonly requests: number;
  readonly points: number;
  readonly bytes: number;
}

/** What the stored rows say is owed to each queue, counted one by one. */
export function recount(store: SpoolStore): Map<Queue, PendingCount> {
  const counts = new Map(store.books.queues.map((queue) => [queue, { requests: 0, points: 0, bytes: 0 }]));
  for (const request of storedKeys(store)) {
    for (const [queue, count] of counts) {
      if (!owes(queue, request)) continue;
      count.requests++;
      count.points += request.points;
      count.bytes += request.bytes;
    }
  }
  return counts;
}

/** Compares the kept numbers with the stored rows. Each difference is a sentence; none means that the books balance. */
export function verify(store: SpoolStore): readonly string[] {
  const problems: string[] = [];
  for (const row of store.books.snapshot().ledger) {
    const off = imbalance(row);
    if (off !== 0) problems.push(`${row.destination} ${row.signal}: ${off} accepted points are not accounted for`);
  }
  for (const [queue, count] of recount(store)) {
    const { numbers } = queue;
    const place = `${store.books.destinationName(queue.destination)} ${queue.signal}`;
    const compare = (what: string, kept: number, found: number) => {
      if (kept !== found) problems.push(`${place}: ${kept} pending ${what} in the books, ${found} on disk`);
    };
    compare('requests', numbers.pending_requests, count.requests);
    compare('points', numbers.pending_points, count.points);
    compare('bytes', numbers.pending_bytes, count.bytes);
  }
  let unowned = 0;
  for (const request of storedKeys(store)) {
    if (!store.books.queues.some((queue) => owes(queue, request))) unowned++;
  }
  if (unowned > 0) problems.push(`${unowned} stored requests are owed to nobody`);
  return problems;
}

function* storedKeys(store: SpoolStore) {
  const rows = store.db.prepare('SELECT id, signal, only_for, points, length(body) AS bytes FROM request ORDER BY id');
  for (const row of rows.iterate()) {
    yield {
      id: Number(row.id),
      signal: Number(row.signal),
      onlyFor: row.only_for === null ? null : Number(row.only_for),
      points: Number(row.points),
      bytes: Number(row.bytes),
    };
  }
}
