import type { Clock } from '../clock.ts';
import { createCompressingTransport } from './compressing-transport.ts';
import type { Exporter, Exporters } from './exporter.ts';
import { createHttpTransport } from './http-transport.ts';
import type { Connector } from './network/connector.ts';

export interface ExportersOptions {
  readonly clock: Clock;
  /** For the User-Agent. */
  readonly version: string;
  readonly connector: Connector;
}

/** OTLP has no limit of its own; vendors commonly take some MiB, and a larger request gains nothing. */
const maxBatchBytes = 2 ** 20;

/** The exporters of all destinations. */
export function createExporters(options: ExportersOptions): Exporters {
  const http = createHttpTransport(options);
  const compressing = createCompressingTransport(http);
  return {
    for({ compression, network }): Exporter {
      const transport = compression === 'gzip' ? compressing : http;
      return {
        maxBatchBytes,
        send: ({ url, headers, body, timeoutMs, abort }) =>
          transport.send({
            url,
            headers: { ...headers, 'content-type': 'application/x-protobuf' },
            body,
            network,
            timeoutMs,
            ...(abort === undefined ? {} : { signal: abort }),
          }),
      };
    },
    closeIdle: () => http.closeIdle(),
  };
}
