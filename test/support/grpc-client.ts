import { Client, compressionAlgorithms, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { exportMethods } from '../../src/main/core/otlp/grpc-methods.ts';
import { retryDelayMs } from '../../src/main/core/otlp/retry-info.ts';
import type { Signal } from '../../src/shared/signal.ts';

/** What a gRPC client is told of a call. */
export interface CallResult {
  /** A google.rpc.Code; 0 is success. */
  readonly code: number;
  readonly message: string;
  /** Of the google.rpc.RetryInfo, where there is one. */
  readonly retryDelayMs: number | undefined;
  /** The encoded answer of a call that succeeded. */
  readonly answer: Buffer | undefined;
}

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  /** Instead of the signal's. */
  readonly method?: string;
}

/** An honest client: OpenTelemetry's exporters and Claude Code use the same library. */
export interface GrpcClient extends Disposable {
  /** Never rejects. */
  export(signal: Signal, body: Buffer, options?: CallOptions): Promise<CallResult>;
}

export interface GrpcClientOptions {
  readonly host?: string;
  readonly gzip?: boolean;
  /** Default: what the library does by itself, which is to send again what the server has not touched. */
  readonly retries?: boolean;
  /** How long it may wait between two attempts to connect. */
  readonly reconnectsWithinMs?: number;
}

export function grpcClient(port: number, options: GrpcClientOptions = {}): GrpcClient {
  const { host = '127.0.0.1', gzip = false, retries = true, reconnectsWithinMs = 1_000 } = options;
  const client = new Client(`${host}:${port}`, credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
    'grpc.default_compression_algorithm': gzip ? compressionAlgorithms.gzip : compressionAlgorithms.identity,
    'grpc.enable_retries': retries ? 1 : 0,
    'grpc.initial_reconnect_backoff_ms': reconnectsWithinMs,
    'grpc.max_reconnect_backoff_ms': reconnectsWithinMs,
    // A connection of its own for each client.
    'grpc.use_local_subchannel_pool': 1,
  });
  return {
    export: (signal, body, { metadata = {}, method = exportMethods[signal] } = {}) =>
      new Promise((resolve) => {
        const headers = new Metadata();
        for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
        const same = (bytes: Buffer) => bytes;
        client.makeUnaryRequest(method, same, same, body, headers, (error: ServiceError | null, answer?: Buffer) => {
          const details = error?.metadata?.get('grpc-status-details-bin')[0];
          resolve({
            code: error?.code ?? 0,
            message: error?.details ?? '',
            retryDelayMs: Buffer.isBuffer(details) ? retryDelayMs(details) : undefined,
            answer,
          });
        });
      }),
    [Symbol.dispose]: () => client.close(),
  };
}
