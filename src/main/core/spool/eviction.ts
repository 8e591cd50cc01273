import type { SpoolLimits } from './spool.ts';
import type { SpoolStore } from './store.ts';

/** How far below the quota an eviction goes, so that a full spool does not evict at every commit. */
const slackOf = (maxBytes: number): number => Math.min(1024 * 1024, Math.floor(maxBytes / 50));

/** How many of the oldest rows are looked at in one go. */
const stride = 64;

/**
 * Removes the oldest data, inside the running transaction, until the spool is within `maxBytes`. What is on its way
 * to a destination stays, and so does everything from id `keepFrom` on. Returns whether it is within the quota now.
 */
export function enforceQuota(store: SpoolStore, maxBytes: number, keepFrom: number): boolean {
  if (store.usedBytes() <= maxBytes) return true;
  const target = maxBytes - slackOf(maxBytes);
  while (store.usedBytes() > target) {
    if (removeOldest(store, 'quota', stride, keepFrom, Number.MAX_SAFE_INTEGER) === 0) break;
  }
  return store.usedBytes() <= maxBytes;
}

/** Removes at least `bytes` of the oldest payloads, inside the running transaction. Returns the bytes removed. */
export function evictBytes(store: SpoolStore, bytes: number): number {
  let removed = 0;
  while (removed < bytes) {
    const step = removeOldest(store, 'quota', stride, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    if (step === 0) break;
    removed += step;
  }
  return removed;
}

/** Removes up to `limit` requests that are older than retention allows, inside the running transaction. Returns how many bytes. */
export function expire(store: SpoolStore, limits: SpoolLimits, now: number, limit: number): number {
  return removeOldest(store, 'age', limit, Number.MAX_SAFE_INTEGER, now - limits.maxAgeMs);
}

/** Oldest first, over the queue and the quarantine; a quarantined copy was booked as rejected already. */
function removeOldest(
  store: SpoolStore,
  cause: 'quota' | 'age',
  limit: number,
  keepFrom: number,
  receivedBefore: number,
): number {
  const quarantined = store.db
    .prepare('SELECT id, received_at, length(body) AS bytes FROM quarantine ORDER BY id LIMIT ?')
    .all(limit)
    .filter((row) => Number(row.received_at) < receivedBefore);
  const flying = store.queues.flatMap(({ signal, inFlight }) => inFlight.map(({ id }) => `${signal}:${id}`));
  const inFlight = new Set(flying);
  const oldest = store.db
    .prepare(
      'SELECT id, signal, received_at, points, only_for, length(body) AS bytes FROM request WHERE id < ? ORDER BY id LIMIT ?',
    )
    .all(keepFrom, limit + inFlight.size)
    .filter((row) => Number(row.received_at) < receivedBefore && !inFlight.has(`${row.signal}:${row.id}`))
    .slice(0, limit);
  let bytes = 0;
  const firstRequestAt = Number(oldest[0]?.received_at ?? Number.POSITIVE_INFINITY);
  for (const row of quarantined) {
    if (Number(row.received_at) > firstRequestAt) break;
    store.db.prepare('DELETE FROM quarantine WHERE id = ?').run(Number(row.id));
    bytes += Number(row.bytes);
  }
  if (bytes > 0) return bytes;
  for (const row of oldest) {
    store.drop(
      {
        id: Number(row.id),
        signal: Number(row.signal),
        onlyFor: row.only_for === null ? null : Number(row.only_for),
        points: Number(row.points),
        bytes: Number(row.bytes),
      },
      cause,
    );
    bytes += Number(row.bytes);
  }
  return bytes;
}
