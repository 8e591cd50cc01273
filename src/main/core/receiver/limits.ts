/** What a client may ask of the receiver. Sizes are bytes, times are milliseconds. */
export interface ReceiverLimits {
  /** Of one request, after decompression; OTLP's own default, https://opentelemetry.io/docs/specs/otlp/. */
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  /** From the first byte of a connection or request to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number;
  /** How long a connection may rest between requests; longer than the 60 s between Claude Code's metric exports. */
  readonly keepAliveTimeoutMs: number;
  /** Beyond it resting connections are closed, then newcomers told to come back; at twice that they are dropped unheard. */
  readonly maxConnections: number;
  /** How long a connection that has not sent a byte is safe from making room for another. */
  readonly maxSilentMs: number;
  /** gRPC: open calls on one connection; the client keeps the others back. */
  readonly maxCallsPerConnection: number;
  /** gRPC: what a client may send without waiting, for one call and for all of a connection. */
  readonly callWindowBytes: number;
  readonly connectionWindowBytes: number;
  /** Of all requests that are being read, inflated or waiting for their commit. */
  readonly maxBytesInFlight: number;
  /** Up to this size a gzip body is inflated at once, on this thread: for small bodies that is the cheapest way. */
  readonly maxInlineCompressedBytes: number;
  readonly maxInlineInflatedBytes: number;
  /** Larger bodies are digested by a worker thread, so that the small ones do not wait for them. */
  readonly maxInlineProtobufBytes: number;
  readonly maxInlineJsonBytes: number;
  /** How long the worker thread is kept after its last body. */
  readonly workerIdleMs: number;
  /** How long a refused sender may go on sending before its connection is cut. */
  readonly lingerMs: number;
}

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

export const defaultLimits: ReceiverLimits = {
  maxBodyBytes: 64 * mebibyte,
  maxHeaderBytes: 16 * kibibyte,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 120_000,
  maxConnections: 512,
  // Half of what a newcomer is told to wait.
  maxSilentMs: 500,
  maxCallsPerConnection: 256,
  callWindowBytes: mebibyte,
  connectionWindowBytes: 4 * mebibyte,
  maxBytesInFlight: 128 * mebibyte,
  maxInlineCompressedBytes: 64 * kibibyte,
  maxInlineInflatedBytes: mebibyte,
  maxInlineProtobufBytes: mebibyte,
  maxInlineJsonBytes: 128 * kibibyte,
  workerIdleMs: 10_000,
  lingerMs: 1_000,
};

/** The bytes that requests hold at this moment, over all connections. */
export class ByteBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** False, and nothing taken, when that is more than there is. */
  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#maxBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}
