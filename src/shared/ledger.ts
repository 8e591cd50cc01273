import type { Signal } from './signal.ts';

/** Why the relay itself gave up data that it had acknowledged. */
export const dropCauses = ['quota', 'age', 'corruption', 'discarded'] as const;

export type DropCause = (typeof dropCauses)[number];

/**
 * The books of one destination and signal. Unit: data points (metrics), log records, spans.
 *
 * `accepted = delivered + pending + rejected + dropped` holds after every commit.
 * `refused` (never acknowledged) and `resent` (sent again after an unknown outcome) stand beside that sum.
 */
export interface Books {
  readonly accepted: number;
  readonly delivered: number;
  readonly pending: number;
  readonly rejected: number;
  readonly dropped: Readonly<Record<DropCause, number>>;
  readonly refused: number;
  readonly resent: number;
}

export interface LedgerRow extends Books {
  readonly destination: string;
  readonly signal: Signal;
}

export interface HourRow extends LedgerRow {
  /** Start of the hour, milliseconds since 1970. `pending` is 0 here: it is a level, not a flow. */
  readonly hour: number;
}

/** What is on disk and owed, for one destination and signal. */
export interface PendingBooks {
  readonly destination: string;
  readonly signal: Signal;
  readonly requests: number;
  readonly points: number;
  /** Payload bytes. */
  readonly bytes: number;
  /** Wall time in milliseconds of the oldest request; null when nothing is pending. */
  readonly oldestAt: number | null;
  /** Wall time in milliseconds of the last delivery; null before the first. */
  readonly lastDeliveredAt: number | null;
}

export const emptyBooks: Books = {
  accepted: 0,
  delivered: 0,
  pending: 0,
  rejected: 0,
  dropped: { quota: 0, age: 0, corruption: 0, discarded: 0 },
  refused: 0,
  resent: 0,
};

export function droppedInAll(books: Books): number {
  return dropCauses.reduce((sum, cause) => sum + books.dropped[cause], 0);
}

/** How far the books are from balancing: 0 when they balance, positive when accepted data is unaccounted for. */
export function imbalance(books: Books): number {
  return books.accepted - books.delivered - books.pending - books.rejected - droppedInAll(books);
}

export function addBooks(a: Books, b: Books): Books {
  return {
    accepted: a.accepted + b.accepted,
    delivered: a.delivered + b.delivered,
    pending: a.pending + b.pending,
    rejected: a.rejected + b.rejected,
    dropped: {
      quota: a.dropped.quota + b.dropped.quota,
      age: a.dropped.age + b.dropped.age,
      corruption: a.dropped.corruption + b.dropped.corruption,
      discarded: a.dropped.discarded + b.dropped.discarded,
    },
    refused: a.refused + b.refused,
    resent: a.resent + b.resent,
  };
}
