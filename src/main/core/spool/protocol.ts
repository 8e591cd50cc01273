import type { Change, Outcome } from './engine.ts';
import type { SpoolDestination, SpoolEvent, SpoolLimits } from './spool.ts';
import type { AcceptedRequest } from './store.ts';

/** What the spool's thread is started with. */
export interface ServiceOptions {
  readonly folder: string;
  readonly limits: SpoolLimits;
  readonly destinations: readonly SpoolDestination[];
  /** Whether these destinations were set before: then they are set again before anything else is committed. */
  readonly areSet?: boolean;
}

/** To the spool's thread. Each `ticket` is answered once. */
export type ToService =
  | { readonly kind: 'change'; readonly ticket: number; readonly change: Exclude<Change, { op: 'accept' }> }
  | { readonly kind: 'accept'; readonly ticket: number; readonly packed: PackedRequests }
  | { readonly kind: 'query'; readonly ticket: number; readonly query: Query }
  | { readonly kind: 'limits'; readonly ticket: number; readonly limits: SpoolLimits }
  | { readonly kind: 'maintain'; readonly ticket: number }
  | { readonly kind: 'repair'; readonly ticket: number; readonly reason: string }
  | { readonly kind: 'close'; readonly ticket: number };

export type Query =
  | { readonly what: 'hours'; readonly hours: number }
  | { readonly what: 'verify' }
  | { readonly what: 'repairs' }
  | { readonly what: 'quarantine'; readonly destination: string | undefined }
  | { readonly what: 'payload'; readonly id: number };

/** From the spool's thread. The books come with every answer, as of that commit. */
export type FromService =
  | { readonly kind: 'answers'; readonly answers: readonly Answer[]; readonly books: BooksFrame | undefined }
  | { readonly kind: 'event'; readonly event: SpoolEvent };

export interface Answer {
  readonly ticket: number;
  readonly outcome: Outcome<unknown>;
}

/** Requests in one block of memory, so that a group of them costs one message. Four numbers per request. */
export interface PackedRequests {
  readonly bytes: ArrayBuffer;
  readonly index: Float64Array;
}

const fields = 4;

export function packRequests(requests: readonly AcceptedRequest[]): PackedRequests {
  const bytes = new Uint8Array(requests.reduce((total, { body }) => total + body.length, 0));
  const index = new Float64Array(requests.length * fields);
  let offset = 0;
  for (const [at, { signal, points, body }] of requests.entries()) {
    bytes.set(body, offset);
    index.set([signal, points, offset, body.length], at * fields);
    offset += body.length;
  }
  return { bytes: bytes.buffer, index };
}

export function unpackRequests({ bytes, index }: PackedRequests): readonly AcceptedRequest[] {
  return Array.from({ length: index.length / fields }, (_, at) => {
    const [signal = 0, points = 0, offset = 0, length = 0] = index.subarray(at * fields, (at + 1) * fields);
    return { signal, points, body: new Uint8Array(bytes, offset, length) };
  });
}

/** The books as plain numbers; the names of the rows are sent only when they change. */
export interface BooksFrame {
  readonly rows?: readonly { readonly destination: string; readonly signal: number }[];
  readonly numbers: Float64Array;
  readonly quarantined: readonly { readonly destination: string; readonly requests: number; readonly points: number }[];
  readonly usedBytes: number;
}
