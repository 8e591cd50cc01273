import type { Signal } from '../../../shared/signal.ts';
import type { Destination } from './destination.ts';
import type { TransportResult } from './transport.ts';

/** Brings export requests to one destination, in its protocol and encoding. */
export interface Exporter {
  /** The most bytes that one merged request should have; a single request may be larger. */
  readonly maxBatchBytes: number;
  /** Never rejects: what went wrong is part of the result. */
  send(request: ExportRequest): Promise<TransportResult>;
}

export interface ExportRequest {
  readonly signal: Signal;
  /** Of this signal, as `signalUrl` tells it. */
  readonly url: string;
  /** Credential and static headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** An encoded Export…ServiceRequest (protobuf), not compressed. */
  readonly body: Uint8Array;
  /** For everything: connecting, sending and the whole answer. Monotonic time. */
  readonly timeoutMs: number;
  /** Ends the request at once, with the failure `aborted`. */
  readonly abort?: AbortSignal;
}

/** Exporters that share connections where destinations share an address and the way to it. */
export interface Exporters {
  for(destination: Destination): Exporter;
  /** Closes connections that no request is using. After a sleep or a change of network they lead nowhere. */
  closeIdle(): void;
}
