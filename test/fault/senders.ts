import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { signals } from '../../src/shared/signal.ts';
import { numberedRequest, post } from '../support/numbered-requests.ts';

/** Clients that export all the time, each one request after the other, over connections that they keep. */
export interface Senders {
  /** Numbers up to here, exclusive, have been sent. */
  readonly sent: number;
  /** Numbers whose 200 arrived. */
  readonly acknowledged: ReadonlySet<number>;
  /** Requests that got another status, by status. */
  readonly refused: Readonly<Record<number, number>>;
  /** Requests whose connection failed, by the error's code. */
  readonly broken: Readonly<Record<string, number>>;
  /** Resolves when the last request has its answer. */
  stop(): Promise<void>;
}

export interface SendersOptions {
  readonly port: number;
  readonly count: number;
  /** A new connection for each request. */
  readonly shortConnections?: boolean;
  /** How long each rests between two requests. */
  readonly pauseMs?: number;
}

const pauseAfterFailureMs = 20;

export function startSenders({ port, count, shortConnections = false, pauseMs = 0 }: SendersOptions): Senders {
  const agent = new Agent({ keepAlive: !shortConnections, maxSockets: count });
  const acknowledged = new Set<number>();
  const refused: Record<number, number> = {};
  const broken: Record<string, number> = {};
  let next = 0;
  let stopping = false;

  async function sendOne(): Promise<'ok' | 'failed'> {
    const number = next++;
    const signal = signals[number % signals.length] ?? 'metrics';
    try {
      const status = await post(port, signal, numberedRequest(signal, number), { agent });
      if (status === 200) {
        acknowledged.add(number);
        return 'ok';
      }
      refused[status] = (refused[status] ?? 0) + 1;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      broken[code] = (broken[code] ?? 0) + 1;
    }
    return 'failed';
  }

  const all = Promise.all(
    Array.from({ length: count }, async () => {
      while (!stopping) {
        const outcome = await sendOne();
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
    },
  };
}
