import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServerUnaryCall,
  type sendUnaryData,
  status as statusCodes,
} from '@grpc/grpc-js';
import { exportMethods } from '../../src/main/core/otlp/grpc-methods.ts';
import type { RpcCodeName } from '../../src/main/core/otlp/status.ts';
import { signals } from '../../src/shared/signal.ts';
import type { KeyPair } from './certificates.ts';
import { close, listen } from './server.ts';
import { varint } from './varint.ts';
import { partialSuccessBody, type VendorRequest } from './vendor.ts';

/**
 * A scripted OTLP/gRPC vendor on 127.0.0.1: the server of `@grpc/grpc-js`, on connections that are opened here so that
 * they can be counted and broken. To be used as the one for HTTP.
 */
export interface GrpcVendor {
  readonly url: string;
  readonly port: number;
  /** Requests that were answered with OK, oldest first. */
  readonly accepted: readonly VendorRequest[];
  readonly seen: readonly VendorRequest[];
  connections(): number;
  setAnswer(answer: GrpcAnswerScript): void;
  breakConnections(): void;
  /** Lets what is under way end, and takes nothing more on the connections that there are (GOAWAY). */
  drainConnections(): void;
  stop(): Promise<void>;
}

export type GrpcVendorAnswer =
  | { readonly kind: 'taken'; readonly body: Buffer }
  | {
      readonly kind: 'refused';
      readonly code: RpcCodeName;
      readonly message: string;
      /** In seconds, as google.rpc.RetryInfo. */
      readonly retryAfter: number | undefined;
    }
  /** Reads the request and never answers. */
  | { readonly kind: 'hang' }
  /** A TCP reset instead of an answer. */
  | { readonly kind: 'reset' };

export type GrpcAnswerScript = (request: VendorRequest, n: number) => GrpcVendorAnswer | Promise<GrpcVendorAnswer>;

export interface GrpcVendorOptions {
  readonly answer?: GrpcAnswerScript;
  /** PEM; makes it https. */
  readonly tls?: KeyPair & Pick<TlsOptions, 'ca' | 'requestCert'>;
  /** Default: 4 MiB, as every gRPC server has it. */
  readonly maxMessageBytes?: number;
  readonly maxConcurrentStreams?: number;
}

export async function startGrpcVendor(options: GrpcVendorOptions = {}): Promise<GrpcVendor> {
  const accepted: VendorRequest[] = [];
  const seen: VendorRequest[] = [];
  const sockets = new Set<Socket>();
  let script = options.answer ?? (() => taken());
  let connections = 0;
  let count = 0;

  const limits: ServerOptions = {
    ...(options.maxMessageBytes === undefined ? {} : { 'grpc.max_receive_message_length': options.maxMessageBytes }),
    ...(options.maxConcurrentStreams === undefined
      ? {}
      : { 'grpc.max_concurrent_streams': options.maxConcurrentStreams }),
  };
  const grpc = new Server(limits);
  for (const signal of signals) {
    const path = exportMethods[signal];
    const bytes = (value: Buffer) => value;
    const definition = {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    } as const;
    grpc.addService(
      { Export: definition },
      {
        Export(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) {
          const request = { path, signal, headers: headersOf(call.metadata), body: call.request };
          seen.push(request);
          void Promise.resolve(script(request, count++)).then((answer) => {
            if (answer.kind === 'taken' && !call.cancelled) accepted.push(request);
            perform(answer, callback, () => {
              for (const socket of sockets) socket.resetAndDestroy();
            });
          });
        },
      },
    );
  }

  let injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  const onConnection = (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    injector.injectConnection(socket);
  };
  const server = options.tls
    ? createTlsServer({ ...options.tls, ALPNProtocols: ['h2'] }, onConnection)
    : createServer(onConnection);
  const port = await listen(server);

  return {
    url: options.tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    port,
    accepted,
    seen,
    connections: () => connections,
    setAnswer(answer) {
      script = answer;
    },
    breakConnections() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    drainConnections() {
      injector.drain(10_000);
      injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    },
    async stop() {
      const closed = close(server);
      for (const socket of sockets) socket.destroy();
      await closed;
      grpc.forceShutdown();
    },
  };
}

function headersOf(metadata: Metadata): Record<string, string> {
  return Object.fromEntries(Object.keys(metadata.toJSON()).map((name) => [name, String(metadata.get(name)[0])]));
}

function perform(answer: GrpcVendorAnswer, callback: sendUnaryData<Buffer>, reset: () => void): void {
  switch (answer.kind) {
    case 'taken':
      callback(null, answer.body);
      return;
    case 'refused': {
      const metadata = new Metadata();
      if (answer.retryAfter !== undefined) {
        metadata.set('grpc-status-details-bin', statusWithRetryInfo(statusCodes[answer.code], answer.retryAfter));
      }
      callback({ code: statusCodes[answer.code], details: answer.message, metadata });
      return;
    }
    case 'hang':
      return;
    case 'reset':
      reset();
      return;
  }
}

export function taken(): GrpcVendorAnswer {
  return { kind: 'taken', body: Buffer.alloc(0) };
}

export function takenPartly(rejected: number, message: string): GrpcVendorAnswer {
  return { kind: 'taken', body: partialSuccessBody(rejected, message) };
}

export function refused(code: RpcCodeName, message = '', retryAfter?: number): GrpcVendorAnswer {
  return { kind: 'refused', code, message, retryAfter };
}

/** A google.rpc.Status whose details are one google.rpc.RetryInfo. */
export function statusWithRetryInfo(code: number, seconds: number): Buffer {
  const duration = field(1, Buffer.from([0x08, ...varint(Math.floor(seconds)), 0x10, ...varint((seconds % 1) * 1e9)]));
  const any = [field(1, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')), field(2, duration)];
  return Buffer.concat([Buffer.from([0x08, code]), field(3, Buffer.concat(any))]);
}

function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + 2, ...varint(content.length)]), content]);
}
