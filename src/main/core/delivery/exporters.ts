import type { Clock } from '../clock.ts';
import { createCompressingTransport } from './compressing-transport.ts';
import type { Destination } from './destination.ts';
import type { Exporter, Exporters, ExportRequest, ExportResult } from './exporter.ts';
import { createGrpcExporters } from './grpc-exporter.ts';
import { Gzip } from './gzip.ts';
import { createHttpTransport } from './http-transport.ts';
import { jsonBody } from './json-body.ts';
import type { Connector } from './network/connector.ts';

export interface ExportersOptions {
  readonly clock: Clock;
  /** For the User-Agent. */
  readonly version: string;
  readonly connector: Connector;
}

/** OTLP has no limit of its own; vendors commonly take some MiB, and a larger request gains nothing. */
const maxBatchBytes = 2 ** 20;

/** OTLP/JSON has at least twice as many bytes as protobuf. */
const jsonGrowth = 2;

/** The exporters of all destinations. */
export function createExporters(options: ExportersOptions): Exporters {
  const http = createHttpTransport(options);
  const gzip = new Gzip();
  const compressing = createCompressingTransport(http, gzip);
  const grpc = createGrpcExporters({ ...options, gzip });

  async function sendByHttp(
    { protocol, compression, network }: Destination,
    { signal, url, headers, body, timeoutMs, abort }: ExportRequest,
  ): Promise<ExportResult> {
    const json = protocol === 'http/json' ? await jsonBody(signal, body) : undefined;
    if (json?.ok === false) return { kind: 'unencodable', problem: json.problem };
    const transport = compression === 'gzip' ? compressing : http;
    return transport.send({
      url,
      headers: { ...headers, 'content-type': json === undefined ? 'application/x-protobuf' : 'application/json' },
      body: json?.body ?? body,
      network,
      timeoutMs,
      ...(abort === undefined ? {} : { signal: abort }),
    });
  }

  return {
    for(destination): Exporter {
      const { protocol } = destination;
      const send = protocol === 'grpc' ? grpc.send : sendByHttp;
      return {
        maxBatchBytes: protocol === 'http/json' ? maxBatchBytes / jsonGrowth : maxBatchBytes,
        send: (request) => send(destination, request),
      };
    },
    closeIdle() {
      http.closeIdle();
      grpc.closeIdle();
    },
  };
}
