import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { TlsOptions } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { isSignal, type Signal } from '../../src/shared/signal.ts';
import type { KeyPair } from './certificates.ts';
import { close, listen } from './server.ts';
import { varint } from './varint.ts';

/**
 * A scripted OTLP vendor on 127.0.0.1. Every request is shown to `answer`, which says what happens to it:
 *
 *     const vendor = await startVendor({ answer: (request, n) => (n === 0 ? status(503) : ok()) });
 *     // point a destination at vendor.url, then look at vendor.accepted
 *     await vendor.stop();
 */
export interface Vendor {
  /** The base URL, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Requests that were answered with a 2xx of OTLP's, oldest first. */
  readonly accepted: readonly VendorRequest[];
  /** Every request that was read to its end, oldest first, whatever became of it. */
  readonly seen: readonly VendorRequest[];
  /** How many connections were made. */
  connections(): number;
  /** Replaces the script, from the next request on. */
  setAnswer(answer: AnswerScript): void;
  /** Breaks every connection, as a vendor that restarts does. */
  breakConnections(): void;
  stop(): Promise<void>;
}

export interface VendorRequest {
  readonly path: string;
  /** By the path; undefined for another path. */
  readonly signal: Signal | undefined;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** Decompressed. */
  readonly body: Buffer;
}

export type VendorAnswer =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Uint8Array | string;
    }
  /** Reads the request and never answers. */
  | { readonly kind: 'hang' }
  /** Answers 200, and then a byte now and then, for ever. */
  | { readonly kind: 'trickle' }
  /** A TCP reset instead of an answer. */
  | { readonly kind: 'reset' }
  /** A TCP reset in the middle of the answer's body. */
  | { readonly kind: 'reset-mid-response'; readonly status: number }
  /** Closes its own direction without an answer, and keeps the other one open. */
  | { readonly kind: 'half-close' }
  /** These bytes instead of an HTTP answer. */
  | { readonly kind: 'bytes'; readonly bytes: string };

/** `n` counts requests from 0. A script may wait for anything before it answers. */
export type AnswerScript = (request: VendorRequest, n: number) => VendorAnswer | Promise<VendorAnswer>;

export interface VendorOptions {
  /** Default: takes everything. */
  readonly answer?: AnswerScript;
  /** Asked as soon as the headers are in; an answer given here comes before the body is read (which it never is). */
  readonly early?: (headers: IncomingHttpHeaders, n: number) => VendorAnswer | undefined;
  /** PEM; makes it https. */
  readonly tls?: KeyPair & Pick<TlsOptions, 'ca' | 'requestCert' | 'minVersion' | 'maxVersion' | 'ciphers'>;
  /** An address of this machine. Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: any free one. */
  readonly port?: number;
  /** False where many requests would fill the memory: then only `answer` sees them. */
  readonly record?: boolean;
}

export async function startVendor(options: VendorOptions = {}): Promise<Vendor> {
  const accepted: VendorRequest[] = [];
  const seen: VendorRequest[] = [];
  const sockets = new Set<Socket>();
  const record = options.record ?? true;
  let script = options.answer ?? (() => ok());
  let connections = 0;
  let count = 0;

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const n = count++;
    const early = options.early?.(incoming.headers, n);
    if (early !== undefined) return perform(early, incoming.socket, response);
    const request = await readRequest(incoming);
    if (record) seen.push(request);
    const answer = await script(request, n);
    const isSuccess = answer.kind === 'status' && answer.status >= 200 && answer.status < 300 && !isHtml(answer);
    // Whoever has hung up gets no answer.
    if (record && isSuccess && !incoming.socket.destroyed) accepted.push(request);
    perform(answer, incoming.socket, response);
  }

  const listener: RequestListener = (incoming, response) => {
    // A client that goes away in the middle is part of many scripts.
    serve(incoming, response).catch(() => incoming.socket.destroy());
  };
  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  const host = options.host ?? '127.0.0.1';
  const port = await listen(server, { host, port: options.port ?? 0 });

  return {
    // A certificate is made out to a name.
    url: options.tls ? `https://localhost:${port}` : `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    accepted,
    seen,
    connections: () => connections,
    setAnswer(answer) {
      script = answer;
    },
    breakConnections() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    stop() {
      const closed = close(server);
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
}

async function readRequest(incoming: IncomingMessage): Promise<VendorRequest> {
  const raw = await buffer(incoming);
  const path = incoming.url ?? '';
  const signal = path.split('/').at(-1);
  return {
    path,
    signal: isSignal(signal) ? signal : undefined,
    headers: incoming.headers,
    body: incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw,
  };
}

function perform(answer: VendorAnswer, socket: Socket, response: ServerResponse): void {
  switch (answer.kind) {
    case 'status':
      response.writeHead(answer.status, answer.headers).end(answer.body);
      return;
    case 'hang':
      return;
    case 'trickle': {
      response.writeHead(200, { 'content-type': 'application/x-protobuf' });
      response.write('\n');
      const timer = setInterval(() => response.write('\n'), 20);
      socket.on('close', () => clearInterval(timer));
      return;
    }
    case 'reset':
      socket.resetAndDestroy();
      return;
    case 'reset-mid-response':
      response.writeHead(answer.status, { 'content-type': 'application/x-protobuf', 'content-length': '100' });
      response.write('half', () => socket.resetAndDestroy());
      return;
    case 'half-close':
      socket.end();
      return;
    case 'bytes':
      socket.end(answer.bytes);
      return;
  }
}

function isHtml(answer: VendorAnswer): boolean {
  return answer.kind === 'status' && /html/.test(answer.headers['content-type'] ?? '');
}

const protobuf = { 'content-type': 'application/x-protobuf' };

/** Full success: an empty Export…ServiceResponse. */
export function ok(): VendorAnswer {
  return { kind: 'status', status: 200, headers: protobuf, body: '' };
}

/** Success but for some points. */
export function partialSuccess(rejected: number, message: string): VendorAnswer {
  return { kind: 'status', status: 200, headers: protobuf, body: partialSuccessBody(rejected, message) };
}

/** An Export…ServiceResponse. Its wire form is the same for all signals: `1 { 1: rejected, 2: message }`. */
export function partialSuccessBody(rejected: number, message: string): Buffer {
  const text = Buffer.from(message);
  const partial = Buffer.concat([Buffer.from([0x08, ...varint(rejected), 0x12, ...varint(text.length)]), text]);
  return Buffer.concat([Buffer.from([0x0a, ...varint(partial.length)]), partial]);
}

/** Any status; a body that is text gets the content type text/plain unless the headers say otherwise. */
export function status(
  code: number,
  headers: Readonly<Record<string, string>> = {},
  body: Uint8Array | string = '',
): VendorAnswer {
  const type = { 'content-type': 'text/plain' };
  return { kind: 'status', status: code, headers: body === '' ? headers : { ...type, ...headers }, body };
}

/** What a captive portal does. */
export function htmlPage(code = 200): VendorAnswer {
  const body = '<!DOCTYPE html><html><head><title>Log in to Airport Wi-Fi</title></head></html>';
  return { kind: 'status', status: code, headers: { 'content-type': 'text/html; charset=utf-8' }, body };
}

/** 401 for a request without the right token, else what `inner` says. */
export function requireToken(header: string, token: () => string, inner: AnswerScript = () => ok()): AnswerScript {
  return (request, n) =>
    request.headers[header.toLowerCase()] === token() ? inner(request, n) : status(401, {}, 'unknown token');
}
