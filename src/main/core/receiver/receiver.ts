import type { ListenFacts } from '../../../shared/health.ts';
import type { Signal } from '../../../shared/signal.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { IncomingRequest } from '../spool/spool.ts';
import { Connections } from './connections.ts';
import { Digester } from './digester.ts';
import type { AcceptedInfo } from './exchange.ts';
import { createHttpServer } from './http-server.ts';
import { ByteBudget, defaultLimits, type ReceiverLimits } from './limits.ts';
import { Listeners } from './listeners.ts';
import { findPortHolder } from './port-holder.ts';
import type { RefusalReason } from './refusal.ts';
import { RefusalLog } from './refusal-log.ts';

export type { AcceptedInfo } from './exchange.ts';
export type { ReceiverLimits } from './limits.ts';
export type { RefusalReason } from './refusal.ts';

export interface RefusedInfo {
  readonly status: number;
  readonly reason: RefusalReason;
  /** What the client was told. Can name a field of a malformed request, never a value. */
  readonly message: string;
  readonly signal?: Signal;
  /** What was lost by it: 0 where that was no telemetry, 1 where it could not be counted. */
  readonly points: number;
}

export interface ReceiverOptions {
  /** 0: any free port, told by `port` after `start`. */
  readonly port: number;
  /** Default 127.0.0.1 and ::1. The first is the one that counts. */
  readonly hosts?: readonly string[];
  /** Lets the next version listen on the same port before this one stops (Linux; ignored elsewhere). */
  readonly reusePort?: boolean;
  /** With `reusePort`: this is that next version, so the port may be in use. */
  readonly takeover?: boolean;
  /** Sockets that already listen (systemd socket activation), used instead of `hosts` and `port`. */
  readonly inheritedFds?: readonly number[];
  readonly limits?: Partial<ReceiverLimits>;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether `accept` is quick at this moment; only for `GET /healthz`. */
  readonly ready?: () => boolean;
  /** Puts a request on disk. The client is told 200 when this resolves, 503 when it rejects with a SpoolError. */
  accept(request: IncomingRequest): Promise<number>;
  /** Books points that were not acknowledged; 1 where they could not be counted. */
  refuse(signal: Signal, points: number): void;
  /** Called after every acknowledged request. */
  onRequest?(info: AcceptedInfo): void;
  /** Called for every refused request that was answered, and for every connection that was dropped unheard. */
  onRefused?(info: RefusedInfo): void;
  onStateChange?(facts: ListenFacts): void;
}

/** The OTLP/HTTP server on loopback. It acknowledges nothing that is not on disk, and waits for nothing else. */
export interface Receiver {
  /** The port in use, or the configured one where it does not listen yet. */
  readonly port: number;
  facts(): ListenFacts;
  /** Resolves when the first attempt to listen is decided. A port that is taken is tried again every second. */
  start(): Promise<void>;
  /** Stops listening, lets requests in progress finish for up to `drainMs`, then ends every connection. */
  stop(options: { readonly drainMs: number }): Promise<void>;
}

/** How long resting connections are left open while draining: a request may be on its way over one of them. */
const idleGraceMs = 200;

export function createReceiver(options: ReceiverOptions): Receiver {
  const { clock, log } = options;
  const limits: ReceiverLimits = { ...defaultLimits, ...options.limits };
  const connections = new Connections({ ...limits, clock });
  const digester = new Digester({ idleMs: limits.workerIdleMs, clock, log });
  const refusalLog = new RefusalLog({ clock, log });
  let draining = false;
  let stopped: Promise<void> | undefined;

  const listeners: Listeners = new Listeners({
    port: options.port,
    hosts: options.hosts ?? ['127.0.0.1', '::1'],
    reusePort: options.reusePort ?? false,
    takeover: options.takeover ?? false,
    inheritedFds: options.inheritedFds ?? [],
    clock,
    log,
    findHolder: findPortHolder,
    onStateChange: (facts) => options.onStateChange?.(facts),
    createServer: () =>
      createHttpServer({
        limits,
        budget,
        connections,
        digester,
        log,
        port: () => listeners.port,
        ready: options.ready ?? (() => true),
        draining: () => draining,
        accept: (request) => options.accept(request),
        onRequest: (info) => options.onRequest?.(info),
        onRefusal: (refusal, signal, points) => {
          refusalLog.note(refusal, signal);
          if (signal && points > 0) options.refuse(signal, points);
          const { status, reason, message } = refusal;
          if (reason !== 'aborted') options.onRefused?.({ status, reason, message, points, ...(signal && { signal }) });
        },
      }),
  });
  const budget = new ByteBudget(limits.maxBytesInFlight);

  async function stop(drainMs: number): Promise<void> {
    await listeners.close();
    // Not before: a client that is told to connect anew would do so to the socket that is about to close.
    draining = true;
    const empty = connections.empty();
    const cancelIdle = clock.after(Math.min(idleGraceMs, drainMs), () => {
      // Once more past the point where sockets are read: on a busy machine a request may have been waiting there.
      setImmediate(() => connections.closeIdle());
    });
    const cancelDrain = clock.after(drainMs, () => connections.destroyAll());
    await empty;
    cancelIdle();
    cancelDrain();
    // Ends the servers' own timers; their ports and connections are gone already.
    for (const server of listeners.servers()) server.close();
    await digester.close();
    refusalLog.close();
  }

  return {
    get port() {
      return listeners.port;
    },
    facts: () => listeners.facts(),
    start: () => listeners.open(),
    stop: ({ drainMs }) => {
      stopped ??= stop(drainMs);
      return stopped;
    },
  };
}
