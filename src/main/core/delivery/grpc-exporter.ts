import type { OutgoingHttpHeaders } from 'node:http2';
import type { Clock } from '../clock.ts';
import { exportMethods } from '../otlp/grpc-methods.ts';
import type { Destination } from './destination.ts';
import type { ExportRequest, ExportResult } from './exporter.ts';
import { callUnary } from './grpc-call.ts';
import { GrpcConnections } from './grpc-connections.ts';
import { frameMessage } from './grpc-message.ts';
import type { Gzip } from './gzip.ts';
import type { Connector } from './network/connector.ts';
import { aborted, failure, type TransportFailure } from './transport.ts';

export interface GrpcExportersOptions {
  readonly clock: Clock;
  /** For the User-Agent. */
  readonly version: string;
  readonly connector: Connector;
  readonly gzip: Gzip;
}

export interface GrpcExporters {
  /** Never rejects. */
  send(destination: Pick<Destination, 'compression' | 'network'>, request: ExportRequest): Promise<ExportResult>;
  closeIdle(): void;
}

/**
 * OTLP/gRPC by node:http2, without retries, name look-up or proxies of its own: those are delivery's. A library would also
 * keep to itself whether a request had left when its connection broke, which is what tells a late one from a double.
 */
export function createGrpcExporters({ clock, version, connector, gzip }: GrpcExportersOptions): GrpcExporters {
  const connections = new GrpcConnections({ clock, connector });
  return {
    async send({ compression, network }, { signal, url: address, headers, body, timeoutMs, abort }) {
      const url = URL.parse(address);
      if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
        return failure('unsendable', 'ERR_INVALID_URL', 'The endpoint is not an http or https address.');
      }
      const metadata = metadataOf(headers);
      if (metadata.kind === 'failure') return metadata;
      const aborting = abort === undefined ? {} : { abort };
      const startMs = clock.monotonicMs();

      const call = async (message: Uint8Array): Promise<ExportResult> => {
        const connection = await connections.connect({ url, network, timeoutMs, ...aborting });
        if (connection.kind === 'failure') return connection;
        if (abort?.aborted) return aborted(false);
        const leftMs = Math.max(1, timeoutMs - (clock.monotonicMs() - startMs));
        const unary = {
          host: url.host,
          headers: {
            ':method': 'POST',
            ':path': exportMethods[signal],
            'user-agent': `span-relay/${version}`,
            ...metadata.headers,
            te: 'trailers',
            'content-type': 'application/grpc',
            'grpc-timeout': `${Math.ceil(leftMs)}m`,
            'grpc-accept-encoding': 'identity,gzip',
            ...(compression === 'gzip' ? { 'grpc-encoding': 'gzip' } : {}),
          },
          frame: frameMessage(message, compression),
          timeoutMs: leftMs,
          ...aborting,
        };
        return callUnary(connection, unary, clock);
      };

      return compression === 'gzip' ? gzip.compress(body, call) : call(body);
    },
    closeIdle: () => connections.closeIdle(),
  };
}

/**
 * Headers as gRPC's metadata. What belongs to HTTP/1.1 or to gRPC itself stays behind.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Custom-Metadata"
 */
function metadataOf(
  headers: Readonly<Record<string, string>>,
): { readonly kind: 'metadata'; readonly headers: OutgoingHttpHeaders } | TransportFailure {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    if (!/^[0-9a-z_.-]+$/.test(key) || !/^[\x20-\x7e]*$/.test(value)) {
      // The value stays out of it.
      const message = `The header ${JSON.stringify(name)} has a character that gRPC does not allow. Check the config.`;
      return failure('unsendable', 'ERR_INVALID_CHAR', message);
    }
    if (!notMetadata.test(key)) metadata[key] = value;
  }
  return { kind: 'metadata', headers: metadata };
}

const notMetadata =
  /^(connection|keep-alive|transfer-encoding|upgrade|host|content-length|content-encoding|proxy-connection|grpc-.*)$/;
