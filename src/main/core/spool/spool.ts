import type { DropCause, HourRow, LedgerRow, PendingBooks } from '../../../shared/ledger.ts';
import type { QuarantinedRequest } from '../../../shared/quarantine.ts';
import type { RepairReport } from '../../../shared/repair.ts';
import type { Signal } from '../../../shared/signal.ts';

/**
 * The durable queue and the ledger. Payloads are immutable and stored once; every destination has its own position
 * in the queue of each signal. Data and books change in one transaction.
 *
 * Every method that changes something resolves after the commit is on disk (`synchronous=FULL`).
 */
export interface Spool {
  /** Stores an encoded Export…ServiceRequest for every destination that wants its signal. Returns its id. */
  accept(request: IncomingRequest): Promise<number>;
  /** Books a request that was not acknowledged. In memory at first; written with the next commit, at most seconds later. */
  refuse(signal: Signal, points: number): void;
  /**
   * The destinations as configured now. One that is not named any more keeps its backlog and gets nothing new. One that has
   * no books yet takes over those of its name in other letter case, or of the name that it had `formerly`, when that is not
   * configured itself: queue, books, history and quarantine. What was in flight under that name counts as resent.
   * What a placeholder kept goes to the first one without books as these do, else into the queue of the first one.
   */
  setDestinations(destinations: readonly SpoolDestination[]): Promise<void>;
  /**
   * The oldest requests that are owed, in order, merged by concatenation; undefined when nothing is owed.
   * Marks them as in flight until `settle` or `release`: they are not evicted meanwhile, and count as `resent` when
   * the process dies before their outcome is booked. At least one request is returned whatever its size.
   */
  pick(destination: string, signal: Signal, limits: BatchLimits): Promise<Batch | undefined>;
  /** Books the outcome of the picked requests up to and including id `upTo`, and moves the position past them. */
  settle(destination: string, signal: Signal, settlement: Settlement): Promise<void>;
  /** Gives the in-flight requests back. `possiblySent`: the outcome is unknown, so they will count as `resent`. */
  release(destination: string, signal: Signal, possiblySent: boolean): Promise<void>;
  /** Applies new limits, then removes what is over them. */
  setLimits(limits: SpoolLimits): Promise<void>;
  /** Removes what is too old or over the quota now, and gives free space back to the disk. Called every minute. */
  maintain(): Promise<void>;
  /** A copy of the books and of what is pending, as of the last commit. Synchronous: kept in this thread, never recomputed. */
  books(): SpoolBooks;
  /** Books per hour, newest last, for the last `hours` hours (at most 35 days are kept). */
  hours(hours: number): Promise<readonly HourRow[]>;
  /** Recounts the stored rows and compares them with the kept numbers. An empty list means that the books balance. */
  verify(): Promise<readonly string[]>;
  /** The repairs of this spool so far, oldest first. */
  repairs(): Promise<readonly RepairReport[]>;
  readonly quarantine: Quarantine;
  /** Calls `listener` after every change of the books and on every event. Returns a canceller. */
  on(listener: (event: SpoolEvent) => void): () => void;
  close(): Promise<void>;
}

export interface IncomingRequest {
  readonly signal: Signal;
  /** The encoded protobuf request, stored byte for byte. Its memory may be taken over by the spool. */
  readonly body: Uint8Array;
  readonly points: number;
}

export interface SpoolDestination {
  readonly name: string;
  /** The name that it had: its queue and books under that name are its own, unless it has some under this one already. */
  readonly formerly?: string;
  /** Stands in for a destination that is not configured yet: the first one that is gets what is kept meanwhile. */
  readonly placeholder?: boolean;
  readonly signals: readonly Signal[];
}

export interface SpoolLimits {
  /** How much of the disk the spool may use, in bytes. */
  readonly maxBytes: number;
  /** How long data is kept, in milliseconds of wall time. */
  readonly maxAgeMs: number;
}

export interface BatchLimits {
  readonly maxBytes: number;
  readonly maxRequests: number;
}

export interface PickedRequest {
  readonly id: number;
  readonly points: number;
  /** Where this request starts in the batch's body. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

export interface Batch {
  readonly requests: readonly PickedRequest[];
  /** All requests one after the other: any contiguous run of them is a valid merged request. */
  readonly body: Uint8Array;
}

export type Settlement =
  | { readonly outcome: 'delivered'; readonly upTo: number; readonly rejectedPoints: number }
  /** For exactly the first request that is in flight: set aside with the destination's verdict. */
  | { readonly outcome: 'quarantined'; readonly upTo: number; readonly status: number; readonly message: string };

export interface SpoolBooks {
  /** One row per destination that is configured or still has books, and signal. */
  readonly ledger: readonly LedgerRow[];
  readonly pending: readonly PendingBooks[];
  readonly quarantined: readonly { readonly destination: string; readonly requests: number; readonly points: number }[];
  /** Bytes of the disk that are in use by the spool's pages. */
  readonly usedBytes: number;
}

export interface Quarantine {
  list(destination?: string): Promise<readonly QuarantinedRequest[]>;
  /** The encoded request; undefined when there is none with this id. */
  payload(id: number): Promise<{ readonly request: QuarantinedRequest; readonly body: Uint8Array } | undefined>;
  /** Puts it back into the queue of its destination: `rejected` becomes `pending`. False when there is none with this id. */
  retry(id: number): Promise<boolean>;
  /** Removes it: `rejected` becomes `dropped.discarded`. False when there is none with this id. */
  discard(id: number): Promise<boolean>;
}

export type SpoolEvent =
  | { readonly kind: 'ready' }
  /** New data for these signals. */
  | { readonly kind: 'accepted'; readonly signals: readonly Signal[] }
  /** Data is owed again (a retry from quarantine, a destination that came back). */
  | { readonly kind: 'owed' }
  /** The books of one destination go on under another name. */
  | { readonly kind: 'renamed'; readonly from: string; readonly to: string }
  /** What was kept under the first name for nobody in particular is owed to the second now. */
  | { readonly kind: 'inherited'; readonly from: string; readonly to: string }
  | { readonly kind: 'dropped'; readonly cause: DropCause; readonly points: number }
  | { readonly kind: 'repairing'; readonly reason: string }
  | { readonly kind: 'repaired'; readonly report: RepairReport }
  | { readonly kind: 'disk-full' }
  | { readonly kind: 'disk-ok' }
  | { readonly kind: 'unavailable'; readonly message: string };

export type SpoolErrorKind =
  /** No room on the disk, and none could be made. */
  | 'disk-full'
  /** The spool cannot be opened or written for another reason. */
  | 'unavailable'
  /** The spool was closed. */
  | 'closed';

export class SpoolError extends Error {
  override readonly name = 'SpoolError';
  readonly kind: SpoolErrorKind;

  constructor(kind: SpoolErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
