import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { type Connection, Connections, newConnection } from './connections.ts';
import type { Intake } from './intake.ts';

/** What the watch over a connection needs to know of a call. */
export interface OpenCall {
  /** Ends it with a status when it has been arriving for too long. False when its client does not read the answer. */
  checkTime(nowMs: number): boolean;
}

export interface GrpcConnection extends Connection {
  /** Undefined until the client has shown that it speaks HTTP/2. */
  session: ServerHttp2Session | undefined;
  /** Whose streams are not closed yet. */
  readonly calls: OpenCall[];
  /** Since when nothing more is expected of it. Monotonic. */
  overSinceMs: number | undefined;
}

export type GrpcConnections = Connections<GrpcConnection>;

export function grpcConnections({ limits, clock }: Intake): GrpcConnections {
  return new Connections({ ...limits, clock, end: endGrpcConnection });
}

export function newGrpcConnection(socket: Socket): GrpcConnection {
  return { ...newConnection(socket), session: undefined, calls: [], overSinceMs: undefined };
}

/** By GOAWAY: calls in progress finish, and what the client has sent too late it may safely send again elsewhere. */
export function endGrpcConnection({ session, socket }: GrpcConnection): void {
  if (session) session.close();
  else socket.destroySoon();
}
