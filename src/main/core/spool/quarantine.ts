import type { QuarantinedRequest } from '../../../shared/quarantine.ts';
import { signals } from '../../../shared/signal.ts';
import type { SpoolStore } from './store.ts';

const columns = 'id, destination, signal, received_at, quarantined_at, points, status, message, length(body) AS bytes';

export function listQuarantined(store: SpoolStore, destination?: string): readonly QuarantinedRequest[] {
  return store.db
    .prepare(`SELECT ${columns} FROM quarantine ORDER BY id`)
    .all()
    .map((row) => toQuarantined(store, row))
    .filter((request) => destination === undefined || request.destination === destination);
}

export function quarantinedCounts(
  store: SpoolStore,
): readonly { destination: string; requests: number; points: number }[] {
  return store.db
    .prepare('SELECT destination, count(*) AS requests, sum(points) AS points FROM quarantine GROUP BY destination')
    .all()
    .map((row) => ({
      destination: store.books.destinationName(Number(row.destination)),
      requests: Number(row.requests),
      points: Number(row.points),
    }));
}

export function quarantinedPayload(
  store: SpoolStore,
  id: number,
): { readonly request: QuarantinedRequest; readonly body: Uint8Array } | undefined {
  const row = store.db.prepare(`SELECT ${columns}, body FROM quarantine WHERE id = ?`).get(id);
  return row?.body instanceof Uint8Array ? { request: toQuarantined(store, row), body: row.body } : undefined;
}

/** Inside the running transaction: back into the queue of its destination. */
export function retryQuarantined(store: SpoolStore, id: number): boolean {
  const row = store.db.prepare('SELECT * FROM quarantine WHERE id = ?').get(id);
  const queue = row && store.books.queueOf(Number(row.destination), Number(row.signal));
  if (!queue || !(row.body instanceof Uint8Array)) return false;
  const points = Number(row.points);
  store.requeue(queue, { receivedAt: Number(row.received_at), points, crc: Number(row.crc), body: row.body });
  store.books.touch(queue).rejected -= points;
  removeQuarantined(store, id);
  return true;
}

/** Inside the running transaction: given up, because a person said so. */
export function discardQuarantined(store: SpoolStore, id: number): boolean {
  const row = store.db.prepare('SELECT destination, signal, points FROM quarantine WHERE id = ?').get(id);
  const queue = row && store.books.queueOf(Number(row.destination), Number(row.signal));
  if (!queue) return false;
  const numbers = store.books.touch(queue);
  numbers.rejected -= Number(row.points);
  numbers.discarded += Number(row.points);
  removeQuarantined(store, id);
  return true;
}

/** Inside the running transaction: the copy goes, the books stay as they are. */
export function removeQuarantined(store: SpoolStore, id: number): void {
  store.db.prepare('DELETE FROM quarantine WHERE id = ?').run(id);
  store.quarantineChanged();
}

function toQuarantined(store: SpoolStore, row: Record<string, unknown>): QuarantinedRequest {
  return {
    id: Number(row.id),
    destination: store.books.destinationName(Number(row.destination)),
    signal: signals[Number(row.signal)] ?? 'metrics',
    points: Number(row.points),
    bytes: Number(row.bytes),
    receivedAt: Number(row.received_at),
    quarantinedAt: Number(row.quarantined_at),
    status: Number(row.status),
    message: String(row.message),
  };
}
