import { removeQuarantined } from './quarantine.ts';
import type { SpoolLimits } from './spool.ts';
import type { SpoolStore } from './store.ts';

/** How far below the quota an eviction goes, so that a full spool does not evict at every commit. */
const slackOf = (maxBytes: number): number => Math.min(1024 * 1024, Math.floor(maxBytes / 50));

/** How many of the oldest rows are looked at in one go. */
const stride = 64;
/** What a row takes beside its payload, so that empty requests count too. */
const rowBytes = 32;

interface Bounds {
  /** No more rows than this in one go. */
  readonly rows: number;
  /** Enough is removed when this many bytes are. */
  readonly bytes: number;
  /** Requests from this id on stay. */
  readonly keepFrom: number;
  /** Wall time in milliseconds; what was received then or later stays. */
  readonly receivedBefore: number;
}

const everything: Bounds = {
  rows: stride,
  bytes: Number.MAX_SAFE_INTEGER,
  keepFrom: Number.MAX_SAFE_INTEGER,
  receivedBefore: Number.MAX_SAFE_INTEGER,
};

/**
 * Removes the oldest data, inside the running transaction, until the spool is within `maxBytes`. What is on its way
 * to a destination stays, and so does everything from id `keepFrom` on. Stops after about `rows` requests and returns
 * true when there may be more to remove then.
 */
export function enforceQuota(
  store: SpoolStore,
  maxBytes: number,
  { keepFrom = Number.MAX_SAFE_INTEGER, rows = Number.MAX_SAFE_INTEGER }: { keepFrom?: number; rows?: number },
): boolean {
  if (store.usedBytes() <= maxBytes) return false;
  const target = maxBytes - slackOf(maxBytes);
  let over = store.usedBytes() - target;
  for (let looked = 0; over > 0 && looked < rows; looked += stride) {
    if (removeOldest(store, 'quota', { ...everything, bytes: over, keepFrom }) === 0) return false;
    over = store.usedBytes() - target;
  }
  return over > 0;
}

/** Removes at least `bytes` of the oldest payloads, inside the running transaction, where there are so many. */
export function evictBytes(store: SpoolStore, bytes: number): void {
  for (let left = bytes; left > 0; ) {
    const step = removeOldest(store, 'quota', { ...everything, bytes: left });
    if (step === 0) break;
    left -= step;
  }
}

/** Removes up to `rows` requests that are older than retention allows, inside the running transaction. Returns whether there were any. */
export function expire(store: SpoolStore, limits: SpoolLimits, now: number, rows: number): boolean {
  return removeOldest(store, 'age', { ...everything, rows, receivedBefore: now - limits.maxAgeMs }) > 0;
}

/**
 * Oldest first, over the queue and the quarantine; a quarantined copy was booked as rejected already.
 * Returns the bytes removed.
 */
function removeOldest(
  store: SpoolStore,
  cause: 'quota' | 'age',
  { rows, bytes, keepFrom, receivedBefore }: Bounds,
): number {
  const inFlight = new Set(store.books.queues.flatMap((queue) => queue.inFlight.map(({ id }) => id)));
  const oldest = store.db
    .prepare(
      'SELECT id, signal, received_at, points, only_for, length(body) AS bytes FROM request WHERE id < ? ORDER BY id LIMIT ?',
    )
    .all(keepFrom, rows + inFlight.size)
    .filter((row) => Number(row.received_at) < receivedBefore && !inFlight.has(Number(row.id)))
    .slice(0, rows);
  let removed = 0;
  const firstRequestAt = Number(oldest[0]?.received_at ?? Number.POSITIVE_INFINITY);
  for (const row of oldestQuarantined(store, rows)) {
    const receivedAt = Number(row.received_at);
    if (removed >= bytes || receivedAt >= receivedBefore || receivedAt > firstRequestAt) break;
    removeQuarantined(store, Number(row.id));
    removed += Number(row.bytes) + rowBytes;
  }
  if (removed > 0) return removed;
  for (const row of oldest) {
    if (removed >= bytes) break;
    const request = {
      id: Number(row.id),
      signal: Number(row.signal),
      onlyFor: row.only_for === null ? null : Number(row.only_for),
      points: Number(row.points),
      bytes: Number(row.bytes),
    };
    store.drop(request, cause);
    removed += request.bytes + rowBytes;
  }
  return removed;
}

function oldestQuarantined(store: SpoolStore, rows: number) {
  return store.db
    .prepare('SELECT id, received_at, length(body) AS bytes FROM quarantine ORDER BY id LIMIT ?')
    .all(rows);
}
