import type { ListenFacts } from '../../../shared/health.ts';
import type { Front, FrontContext } from './front.ts';
import type { Intake } from './intake.ts';
import { Listeners } from './listeners.ts';
import { findPortHolder } from './port-holder.ts';

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
  readonly intake: Intake;
  /** The protocol that is spoken here. */
  readonly front: (context: FrontContext) => Front;
  readonly ports: FrontContext['ports'];
  /** Default: always. */
  readonly ready?: FrontContext['ready'];
  onStateChange?(facts: ListenFacts): void;
}

/** An OTLP server on loopback. It acknowledges nothing that is not on disk, and waits for nothing else. */
export interface Receiver {
  /** The port in use, or the configured one where it does not listen yet. */
  readonly port: number;
  facts(): ListenFacts;
  /** Resolves when the first attempt to listen is decided. A port that is taken is tried again every second. */
  start(): Promise<void>;
  /** Stops listening. Connections go on until `stop`. */
  close(): Promise<void>;
  /** Stops listening, lets requests in progress finish for up to `drainMs`, then ends every connection. */
  stop(options: { readonly drainMs: number }): Promise<void>;
}

/** How long resting connections are left open while draining: a request may be on its way over one of them. */
const idleGraceMs = 200;

export function createReceiver(options: ReceiverOptions): Receiver {
  const { intake, ports, ready = () => true } = options;
  const { clock, log } = intake;
  const front = options.front({ intake, ports, ready });
  let stopped: Promise<void> | undefined;

  const listeners = new Listeners({
    port: options.port,
    hosts: options.hosts ?? ['127.0.0.1', '::1'],
    reusePort: options.reusePort ?? false,
    takeover: options.takeover ?? false,
    inheritedFds: options.inheritedFds ?? [],
    protocol: front.protocol,
    clock,
    log,
    findHolder: findPortHolder,
    onStateChange: (facts) => options.onStateChange?.(facts),
    createServer: () => front.createServer(),
  });

  async function stop(drainMs: number): Promise<void> {
    await listeners.close();
    // Not before: a client that is told to connect anew would do so to the socket that is about to close.
    front.drain();
    const empty = front.empty();
    const cancelIdle = clock.after(Math.min(idleGraceMs, drainMs), () => {
      // Once more past the point where sockets are read: on a busy machine a request may have been waiting there.
      setImmediate(() => front.closeIdle());
    });
    const cancelDrain = clock.after(drainMs, () => front.destroyAll());
    await empty;
    cancelIdle();
    cancelDrain();
    // Ends the servers' own timers; their ports and connections are gone already.
    for (const server of listeners.servers()) server.close();
  }

  return {
    get port() {
      return listeners.port;
    },
    facts: () => listeners.facts(),
    start: () => listeners.open(),
    close: () => listeners.close(),
    stop: ({ drainMs }) => {
      stopped ??= stop(drainMs);
      return stopped;
    },
  };
}
