import type { ListenFacts } from '../../../shared/health.ts';
import { grpcFront } from './grpc-server.ts';
import { httpFront } from './http-server.ts';
import type { Intake, Protocol } from './intake.ts';
import { createMovableReceiver, type MovableReceiver } from './movable-receiver.ts';
import { createReceiver } from './receiver.ts';

export type Ports = Readonly<Record<Protocol, number>>;

export interface ReceiversOptions {
  readonly ports: Ports;
  readonly intake: Intake;
  /** Whether the spool is open by now. */
  readonly ready: () => boolean;
  /** Another relay may still have these ports, and is about to give them up. */
  readonly takeover: boolean;
  /** Sockets of a supervisor, used instead of the ports of that protocol. */
  readonly inheritedFds: Readonly<Record<Protocol, readonly number[]>>;
  /** How long requests in progress may take to finish when a port is left. */
  readonly drainMs: number;
}

/** The ports of one agent, one for each protocol. */
export interface Receivers {
  readonly ports: Ports;
  facts(): Readonly<Record<Protocol, ListenFacts>>;
  /** Resolves when the HTTP port is open and the first attempt on the gRPC port is decided: one that is taken keeps nobody waiting. */
  readonly listening: Promise<void>;
  /** Resolves when the first attempt on the HTTP port is decided; on both where another relay is about to give them up. */
  start(): Promise<void>;
  /** The ports of another config. Those of a supervisor's sockets are its own affair. */
  move(ports: Ports): Promise<void>;
  stop(options: { readonly drainMs: number }): Promise<void>;
}

const fronts = { http: httpFront, grpc: grpcFront } as const;

export function createReceivers(options: ReceiversOptions): Receivers {
  const { intake, ready, takeover, inheritedFds, drainMs } = options;
  const httpOpen = Promise.withResolvers<void>();
  const grpcDecided = Promise.withResolvers<void>();
  let wanted = options.ports;

  function ports(): Ports {
    return { http: http.port, grpc: grpc.port };
  }

  function receiverOf(protocol: Protocol): MovableReceiver {
    const firstPort = options.ports[protocol];
    return createMovableReceiver({
      port: firstPort,
      drainMs,
      create: (port, onStateChange) =>
        createReceiver({
          port,
          reusePort: process.platform === 'linux',
          // A port that both were given is for HTTP.
          takeover: takeover && port === firstPort && (protocol === 'http' || port !== options.ports.http),
          inheritedFds: inheritedFds[protocol],
          intake,
          front: fronts[protocol],
          ports,
          ready,
          onStateChange: (facts) => {
            onStateChange(facts);
            if (protocol === 'http' && facts.state === 'listening') httpOpen.resolve();
          },
        }),
    });
  }

  const http = receiverOf('http');
  const grpc = receiverOf('grpc');

  const movable = (protocol: Protocol) => inheritedFds[protocol].length === 0;

  return {
    get ports() {
      return ports();
    },
    facts: () => ({ http: http.facts(), grpc: grpc.facts() }),
    listening: Promise.all([httpOpen.promise, grpcDecided.promise]).then(() => undefined),
    async start() {
      await http.start();
      grpcDecided.resolve(grpc.start());
      if (takeover) await grpcDecided.promise;
    },
    async move(next) {
      const before = wanted;
      wanted = next;
      const httpMoves = movable('http') && next.http !== before.http;
      const changesHands = httpMoves && movable('grpc') && next.http === grpc.port;
      if (changesHands) await grpc.vacate();
      if (httpMoves) await http.move(next.http);
      if (changesHands || (movable('grpc') && next.grpc !== before.grpc)) await grpc.move(next.grpc);
    },
    async stop(within) {
      await Promise.all([http.stop(within), grpc.stop(within)]);
    },
  };
}
