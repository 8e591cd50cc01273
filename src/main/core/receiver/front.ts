import type { Server } from 'node:net';
import type { Intake, Protocol } from './intake.ts';

export interface FrontContext {
  readonly intake: Intake;
  /** Where this relay takes each protocol: what hints tell people to use. */
  readonly ports: () => { readonly http: number; readonly grpc: number };
  /** Whether `accept` is quick at this moment; only for `GET /healthz`. */
  readonly ready: () => boolean;
}

/** A protocol as a receiver speaks it to its clients, over all of its addresses. */
export interface Front {
  readonly protocol: Protocol;
  /** A server that does not listen yet. */
  createServer(): Server;
  /** No new connections come: whatever is still answered ends its connection. */
  drain(): void;
  /** Ends the connections that are between two requests. */
  closeIdle(): void;
  destroyAll(): void;
  /** Resolves when no connection is left. */
  empty(): Promise<void>;
}
