import type { LedgerRow, PendingBooks } from '../../../shared/ledger.ts';
import { type Signal, signals } from '../../../shared/signal.ts';
import type { Queue, QueueNumbers } from './queue.ts';
import type { SpoolBooks } from './spool.ts';

/** The queues that have books, or get something, in the words of the ledger. */
export function booksOf(
  queues: readonly Queue[],
  nameOf: (id: number) => string,
): Pick<SpoolBooks, 'ledger' | 'pending'> {
  const shown = queues.filter(
    ({ numbers, subscriptions }) => numbers.accepted > 0 || numbers.refused > 0 || subscriptions.length > 0,
  );
  return {
    ledger: shown.map((queue) => ledgerRow(nameOf(queue.destination), queue)),
    pending: shown.map((queue) => pendingRow(nameOf(queue.destination), queue)),
  };
}

function ledgerRow(destination: string, { signal, numbers }: Queue): LedgerRow {
  return { destination, signal: signalAt(signal), ...ledgerNumbers(numbers) };
}

function pendingRow(destination: string, { signal, numbers, oldestAt }: Queue): PendingBooks {
  return {
    destination,
    signal: signalAt(signal),
    requests: numbers.pending_requests,
    points: numbers.pending_points,
    bytes: numbers.pending_bytes,
    oldestAt,
    lastDeliveredAt: numbers.last_delivered_at || null,
  };
}

export function ledgerNumbers(numbers: QueueNumbers): Omit<LedgerRow, 'destination' | 'signal'> {
  return {
    accepted: numbers.accepted,
    delivered: numbers.delivered,
    pending: numbers.pending_points,
    rejected: numbers.rejected,
    dropped: {
      quota: numbers.quota,
      age: numbers.age,
      corruption: numbers.corruption,
      discarded: numbers.discarded,
    },
    refused: numbers.refused,
    resent: numbers.resent,
  };
}

export function signalAt(index: number): Signal {
  const signal = signals[index];
  if (!signal) throw new RangeError(`no signal has the index ${index}`);
  return signal;
}
