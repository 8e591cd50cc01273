import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Connection, Connections, newConnection } from './connections.ts';
import type { Intake } from './intake.ts';

export interface HttpConnection extends Connection {
  /** The answer to the newest request. A client that pipelines is owed the ones before as well. */
  newest: ServerResponse | undefined;
  /** The request whose body is being read: over HTTP/1.1 at most one. */
  reading: { interrupt(cause: Interruption): boolean } | undefined;
  /** Ends with the answer to the newest request. */
  closing: boolean;
}

/** Why a body will never be complete. */
export type Interruption = 'timeout' | 'malformed';

export type HttpConnections = Connections<HttpConnection>;

export function httpConnections({ limits, clock }: Intake): HttpConnections {
  return new Connections({ ...limits, clock, end: ({ socket }) => socket.destroySoon() });
}

export function newHttpConnection(socket: Socket): HttpConnection {
  return { ...newConnection(socket), newest: undefined, reading: undefined, closing: false };
}
