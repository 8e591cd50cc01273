import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { systemClock } from '../../src/main/core/clock.ts';
import { lineLog } from '../../src/main/core/log.ts';
import { decodeStatusMessage } from '../../src/main/core/otlp/status.ts';
import { grpcFront } from '../../src/main/core/receiver/grpc-server.ts';
import { httpFront } from '../../src/main/core/receiver/http-server.ts';
import {
  type AcceptedInfo,
  createIntake,
  type Intake,
  type IntakeOptions,
  type Protocol,
  type RefusedInfo,
} from '../../src/main/core/receiver/intake.ts';
import { createReceiver, type Receiver, type ReceiverOptions } from '../../src/main/core/receiver/receiver.ts';
import type { IncomingRequest } from '../../src/main/core/spool/spool.ts';
import type { ListenFacts } from '../../src/shared/health.ts';
import type { Signal } from '../../src/shared/signal.ts';

export const protobuf = { 'content-type': 'application/x-protobuf' };
export const json = { 'content-type': 'application/json' };

export interface Harness extends AsyncDisposable {
  readonly receiver: Receiver;
  readonly intake: Intake;
  readonly port: number;
  readonly accepted: IncomingRequest[];
  readonly refused: { signal: Signal; points: number }[];
  readonly acknowledged: AcceptedInfo[];
  readonly answeredWithRefusal: RefusedInfo[];
  readonly states: ListenFacts[];
  readonly log: string[];
  /** What requests hold at this moment. */
  readonly usedBytes: () => number;
}

type ListenOptions = Partial<Omit<ReceiverOptions, 'front' | 'intake' | 'ports'>>;

const fronts = { http: httpFront, grpc: grpcFront } as const;

/** Another port to the same intake. */
export async function openFront(
  intake: Intake,
  protocol: Protocol,
  options: ListenOptions = {},
): Promise<Receiver & AsyncDisposable> {
  const receiver: Receiver = createReceiver({
    port: 0,
    intake,
    front: fronts[protocol],
    ports: () => ({ http: 14_318, grpc: 14_317, [protocol]: receiver.port }),
    ...options,
  });
  await receiver.start();
  return Object.assign(receiver, { [Symbol.asyncDispose]: () => receiver.stop({ drainMs: 0 }) });
}

/** A receiver with real sockets whose spool only remembers. */
export async function startReceiver(
  options: ListenOptions & Partial<IntakeOptions> = {},
  protocol: Protocol = 'http',
): Promise<Harness> {
  const accepted: IncomingRequest[] = [];
  const refused: { signal: Signal; points: number }[] = [];
  const acknowledged: AcceptedInfo[] = [];
  const answeredWithRefusal: RefusedInfo[] = [];
  const states: ListenFacts[] = [];
  const log: string[] = [];
  const intake = createIntake({
    clock: systemClock,
    log: lineLog((line) => log.push(line)),
    accept: async (request) => accepted.push(request),
    refuse: (signal, points) => refused.push({ signal, points }),
    onRequest: (info) => acknowledged.push(info),
    onRefused: (info) => answeredWithRefusal.push(info),
    ...options,
  });
  const receiver = await openFront(intake, protocol, { onStateChange: (facts) => states.push(facts), ...options });
  return {
    receiver,
    intake,
    get port() {
      return receiver.port;
    },
    accepted,
    refused,
    acknowledged,
    answeredWithRefusal,
    states,
    log,
    usedBytes: () => intake.budget.usedBytes,
    async [Symbol.asyncDispose]() {
      await receiver.stop({ drainMs: 0 });
      await intake.close();
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Of the google.rpc.Status, in whichever encoding. */
  readonly message: string | undefined;
}

export interface Sent {
  readonly host?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** An array goes chunked, a buffer with a Content-Length. */
  readonly body?: Buffer | readonly Buffer[];
  readonly agent?: Agent;
}

export function send(port: number, path: string, sent: Sent = {}): Promise<Answer> {
  const { host = '127.0.0.1', method = 'POST', headers = {}, body, agent } = sent;
  return new Promise((resolve, reject) => {
    const length = Buffer.isBuffer(body) ? { 'content-length': String(body.length) } : {};
    const request = httpRequest({
      host,
      port,
      path,
      method,
      agent: agent ?? false,
      headers: { ...length, ...headers },
    });
    request.on('response', (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        const all = Buffer.concat(pieces);
        const message = decodeStatusMessage(response.headers['content-type'], all);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: all, message });
      });
    });
    request.on('error', reject);
    if (Buffer.isBuffer(body)) request.write(body);
    else for (const piece of body ?? []) request.write(piece);
    request.end();
  });
}

export function keepAliveAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 });
}

/** A bare connection, for what no HTTP client would do. */
export interface RawConnection extends Disposable {
  readonly socket: Socket;
  readonly text: () => string;
  /** Resolves when the connection has ended from the other side, in order or by a reset. */
  readonly closed: Promise<'end' | 'reset'>;
}

export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  let text = '';
  socket.on('data', (piece) => {
    text += piece.toString('latin1');
  });
  const closed = new Promise<'end' | 'reset'>((resolve) => {
    socket.on('end', () => resolve('end'));
    socket.on('error', () => resolve('reset'));
    socket.on('close', () => resolve('reset'));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return { socket, text: () => text, closed, [Symbol.dispose]: () => socket.destroy() };
}

export function head(path: string, headers: Readonly<Record<string, string | number>> = {}): string {
  const fields = { Host: '127.0.0.1', 'Content-Type': 'application/x-protobuf', ...headers };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
