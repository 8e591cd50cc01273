import type { DatabaseSync } from 'node:sqlite';
import { emptyNumbers, numberNames, openEnd, type Queue } from './queue.ts';

/** The queues of an open spool, with nothing in flight; when their oldest request came is left open. */
export function readQueues(db: DatabaseSync): readonly Queue[] {
  const subscriptions = db.prepare('SELECT destination, signal, first, last FROM subscription ORDER BY first').all();
  return db
    .prepare('SELECT * FROM queue ORDER BY destination, signal')
    .all()
    .map((row) => {
      const numbers = emptyNumbers();
      for (const name of numberNames) numbers[name] = Number(row[name]);
      return {
        destination: Number(row.destination),
        signal: Number(row.signal),
        numbers,
        subscriptions: subscriptions
          .filter((one) => one.destination === row.destination && one.signal === row.signal)
          .map((one) => ({ first: Number(one.first), last: one.last === null ? openEnd : Number(one.last) })),
        inFlight: [],
        oldestAt: null,
      };
    });
}
