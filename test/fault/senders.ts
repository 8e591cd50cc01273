import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Signal, signals } from '../../src/shared/signal.ts';
import { type GrpcClient, grpcClient } from '../support/grpc-client.ts';
import { numberedRequest, post } from '../support/numbered-requests.ts';

/** Clients that export all the time, each one request after the other, over connections that they keep. */
export interface Senders {
  /** Numbers up to here, exclusive, have been sent. */
  readonly sent: number;
  /** Numbers whose 200, or OK of gRPC, arrived. */
  readonly acknowledged: ReadonlySet<number>;
  /** Requests that got another status, by status; by gRPC's code where it asked to come back. */
  readonly refused: Readonly<Record<number, number>>;
  /** Requests whose connection failed, by the error's code; or by gRPC's. */
  readonly broken: Readonly<Record<string, number>>;
  /** Resolves when the last request has its answer. */
  stop(): Promise<void>;
}

export interface SendersOptions {
  readonly port: number;
  /** Every second sender exports by gRPC to this port. */
  readonly grpcPort?: number;
  readonly count: number;
  /** A new connection for each request. */
  readonly shortConnections?: boolean;
  /** How long each rests between two requests. */
  readonly pauseMs?: number;
  /** Of the request with this number. */
  readonly headers?: (number: number) => Readonly<Record<string, string>>;
}

const pauseAfterFailureMs = 20;

/** Never rejects. */
type Send = (
  signal: Signal,
  body: Buffer,
  ownHeaders: Readonly<Record<string, string>>,
) => Promise<'ok' | { readonly refused: number } | { readonly broken: string }>;

export function startSenders(options: SendersOptions): Senders {
  const { port, grpcPort, count, shortConnections = false, pauseMs = 0, headers = () => ({}) } = options;
  const agent = new Agent({ keepAlive: !shortConnections, maxSockets: count });
  const acknowledged = new Set<number>();
  const refused: Record<number, number> = {};
  const broken: Record<string, number> = {};
  const clients = new Set<GrpcClient>();
  let next = 0;
  let stopping = false;

  const byHttp: Send = async (signal, body, ownHeaders) => {
    try {
      const status = await post(port, signal, body, { agent, headers: ownHeaders });
      return status === 200 ? 'ok' : { refused: status };
    } catch (error) {
      return { broken: error instanceof Error && 'code' in error ? String(error.code) : String(error) };
    }
  };

  function byGrpc(to: number): Send {
    let client = grpcClient(to, { reconnectsWithinMs: 100 });
    clients.add(client);
    return async (signal, body, ownHeaders) => {
      const { code, retryDelayMs } = await client.export(signal, body, { metadata: ownHeaders });
      if (shortConnections) {
        client[Symbol.dispose]();
        clients.delete(client);
        client = grpcClient(to);
        clients.add(client);
      }
      if (code === 0) return 'ok';
      return retryDelayMs === undefined ? { broken: `gRPC ${code}` } : { refused: code };
    };
  }

  async function sendOne(send: Send): Promise<'ok' | 'failed'> {
    const number = next++;
    const signal = signals[number % signals.length] ?? 'metrics';
    const outcome = await send(signal, numberedRequest(signal, number), headers(number));
    if (outcome === 'ok') {
      acknowledged.add(number);
      return 'ok';
    }
    if ('refused' in outcome) refused[outcome.refused] = (refused[outcome.refused] ?? 0) + 1;
    else broken[outcome.broken] = (broken[outcome.broken] ?? 0) + 1;
    return 'failed';
  }

  const all = Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const send = grpcPort !== undefined && index % 2 === 1 ? byGrpc(grpcPort) : byHttp;
      while (!stopping) {
        const outcome = await sendOne(send);
        const restMs = outcome === 'failed' ? pauseAfterFailureMs : pauseMs;
        if (restMs > 0) await sleep(restMs);
      }
    }),
  );
  return {
    get sent() {
      return next;
    },
    acknowledged,
    refused,
    broken,
    async stop() {
      stopping = true;
      await all;
      agent.destroy();
      for (const client of clients) client[Symbol.dispose]();
      clients.clear();
    },
  };
}
