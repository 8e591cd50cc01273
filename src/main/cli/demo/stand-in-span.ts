import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { type Signal, signals } from '../../../shared/signal.ts';
import type { Clock } from '../../core/clock.ts';
import { inspectRequest } from '../../core/otlp/inspect.ts';

export interface StandInSpan {
  /** The base URL; stays the same through `down` and `up`. */
  readonly url: string;
  /** Data points, log records or spans that were answered with 200, also those that came twice. */
  arrived(signal: Signal): number;
  /** Closes the port and breaks every connection: who calls is refused, as by a vendor that is down. */
  down(): Promise<void>;
  /** Opens the same port again. */
  up(): Promise<void>;
}

export interface StandInOptions {
  /** Requests without it get a 401. */
  readonly token: string;
  readonly clock: Clock;
  /** How long an answer takes: about what a vendor across the Internet needs. */
  readonly answerAfterMs: number;
}

const host = '127.0.0.1';

/** Somebody's outgoing connection may hold the port for a moment when it is to be opened again. */
const reopenAttempts = 50;
const reopenEveryMs = 100;

/** Takes OTLP/HTTP as Span does, on a loopback port of its own, and counts it. Rejects when it cannot listen. */
export async function startStandInSpan(options: StandInOptions): Promise<StandInSpan & AsyncDisposable> {
  const counts: Record<Signal, number> = { metrics: 0, logs: 0, traces: 0 };
  const server = createServer((request, response) => {
    answer(request, response, options, counts).catch(() => response.destroy());
  });
  const port = await listen(server, 0);

  async function down(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  return {
    url: `http://${host}:${port}`,
    arrived: (signal) => counts[signal],
    down,
    up: () => reopen(server, port),
    [Symbol.asyncDispose]: down,
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { token, clock, answerAfterMs }: StandInOptions,
  counts: Record<Signal, number>,
): Promise<void> {
  const body = await buffer(request);
  const signal = signals.find((name) => request.url === `/v1/${name}`);
  await new Promise<void>((resolve) => void clock.after(answerAfterMs, resolve));
  // Taken down meanwhile: the request has not been answered, so it does not count.
  if (response.destroyed) return;
  if (request.method !== 'POST' || signal === undefined) return void response.writeHead(404).end();
  if (request.headers['x-span-token'] !== token) return void response.writeHead(401).end();
  const inspection = inspectRequest(signal, request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
  if (!inspection.ok) return void response.writeHead(400).end();
  counts[signal] += inspection.points;
  // An empty message is OTLP's full success.
  response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end();
}

async function reopen(server: Server, port: number): Promise<void> {
  for (let attempt = 1; !server.listening; attempt++) {
    try {
      await listen(server, port);
    } catch (error) {
      if (attempt === reopenAttempts) throw error;
      await sleep(reopenEveryMs);
    }
  }
}

/** Resolves with the port. */
async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}
