import type { Signal } from '../../../shared/signal.ts';
import type { RpcCodeName } from '../otlp/status.ts';
import type { Destination } from './destination.ts';
import type { TransportAnswer, TransportFailure } from './transport.ts';

/** Brings export requests to one destination, in its protocol and encoding. */
export interface Exporter {
  /** The most bytes that one merged request should have; a single request may be larger. */
  readonly maxBatchBytes: number;
  /** Never rejects: what went wrong is part of the result. */
  send(request: ExportRequest): Promise<ExportResult>;
}

export type ExportResult = TransportAnswer | GrpcAnswer | NotGrpcAnswer | TransportFailure | Unencodable;

/** The request cannot be put into the destination's encoding; nothing was sent. */
export interface Unencodable {
  readonly kind: 'unencodable';
  /** What is wrong and where, in words; never holds a value out of the request. */
  readonly problem: string;
}

/** A destination's answer in gRPC. */
export interface GrpcAnswer {
  readonly kind: 'grpc';
  readonly code: RpcCodeName;
  /** The destination's words, as they came. */
  readonly message: string;
  /** google.rpc.RetryInfo: how long it asks to wait. */
  readonly retryDelayMs?: number;
  /** An encoded Export…ServiceResponse; empty where there was none that can be read. */
  readonly body: Uint8Array;
}

/** What answers a gRPC request without a gRPC status: a proxy, a login page, a server of another kind. */
export interface NotGrpcAnswer extends Omit<TransportAnswer, 'kind'> {
  readonly kind: 'not-grpc';
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
