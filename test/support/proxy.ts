import { createServer, request as forwardRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';
import type { KeyPair } from './certificates.ts';
import { close, listen } from './server.ts';

/**
 * An HTTP proxy on 127.0.0.1 that connects (CONNECT) and forwards (a request for a whole URL), and does wrong what a test
 * asks for:
 *
 *     const proxy = await startProxy({ login: 'user:secret' });
 *     // send by proxy.url, then look at proxy.connects
 *     proxy.setFault({ kind: 'status', status: 503 });
 */
export interface TestProxy {
  /** Without a login. */
  readonly url: string;
  readonly port: number;
  /** Host and port of each CONNECT that was let through, oldest first. */
  readonly connects: readonly string[];
  /** The URL of each request that was forwarded. */
  readonly forwarded: readonly string[];
  /** How many requests came, whatever became of them. */
  asked(): number;
  /** For every request from now on; undefined for none. */
  setFault(fault: ProxyFault | undefined): void;
  setLogin(login: string | undefined): void;
  /** Breaks every connection. */
  breakConnections(): void;
  stop(): Promise<void>;
}

export type ProxyFault =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** These bytes instead of an answer, and nothing more. */
  | { readonly kind: 'bytes'; readonly bytes: string }
  /** Closes without an answer. */
  | { readonly kind: 'close' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'hang' }
  /** Lets us through, with these bytes behind its answer. */
  | { readonly kind: 'extra'; readonly bytes: string };

const noLogin: ProxyFault = {
  kind: 'status',
  status: 407,
  headers: { 'proxy-authenticate': 'Basic realm="corp"' },
  body: 'Log in.',
};

export interface ProxyOptions {
  /** `user:password`, without which nobody gets through. */
  readonly login?: string;
  /** PEM; the connection to the proxy itself is TLS then. */
  readonly tls?: KeyPair;
  /** Opens TLS connections with this certificate, and shows the other side none. */
  readonly intercept?: KeyPair;
  /** Where names lead, as they do in a company's own DNS: `vendor.test` to `127.0.0.1`. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Default: any free one. */
  readonly port?: number;
}

export async function startProxy(options: ProxyOptions = {}): Promise<TestProxy> {
  const { tls, intercept, hosts = {} } = options;
  const connects: string[] = [];
  const forwarded: string[] = [];
  const sockets = new Set<Socket>();
  let { login } = options;
  let fault: ProxyFault | undefined;
  let asked = 0;

  const keep = <S extends Socket>(socket: S): S => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // Either side may go away at any moment.
    socket.on('error', () => socket.destroy());
    return socket;
  };
  const mayPass = ({ headers }: IncomingMessage) =>
    login === undefined || headers['proxy-authorization'] === `Basic ${Buffer.from(login).toString('base64')}`;
  const wayTo = (authority: string) => {
    const url = new URL(`http://${authority}`);
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    return { host: hosts[host] ?? host, port: Number(url.port) || 80 };
  };

  function connected(incoming: IncomingMessage, socket: Socket): void {
    asked++;
    const wrong = mayPass(incoming) ? fault : noLogin;
    if (wrong !== undefined && wrong.kind !== 'extra') {
      misbehave(wrong, socket);
      return;
    }
    const authority = incoming.url ?? '';
    connects.push(authority);
    const extra = wrong?.kind === 'extra' ? wrong.bytes : '';
    const { host, port } = wayTo(authority);
    if (intercept === undefined) {
      const upstream = keep(connect({ host, port }));
      upstream.on('error', () => socket.destroy());
      upstream.once('connect', () => {
        socket.write(`HTTP/1.1 200 Connection established\r\n\r\n${extra}`);
        upstream.pipe(socket).pipe(upstream);
      });
      return;
    }
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    const inner = keep(new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(intercept) }));
    const upstream = keep(connectTls({ host, port, rejectUnauthorized: false }));
    upstream.pipe(inner).pipe(upstream);
  }

  function forward(incoming: IncomingMessage, response: ServerResponse): void {
    asked++;
    const wrong = mayPass(incoming) ? fault : noLogin;
    if (wrong !== undefined && wrong.kind !== 'extra') {
      if (wrong.kind === 'status') response.writeHead(wrong.status, wrong.headers).end(wrong.body);
      else misbehave(wrong, incoming.socket);
      return;
    }
    const url = URL.parse(incoming.url ?? '');
    if (url === null) {
      response.writeHead(400).end('not a proxy request');
      return;
    }
    forwarded.push(url.href);
    const { 'proxy-authorization': _, ...headers } = incoming.headers;
    const onward = forwardRequest(
      { ...wayTo(url.host), method: incoming.method, path: url.pathname + url.search, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.writeHead(502).end());
    incoming.pipe(onward);
  }

  const server = tls === undefined ? createServer(forward) : createTlsServer(tls, forward);
  server.on('connect', (incoming: IncomingMessage, socket: Socket) => connected(incoming, socket));
  server.on('connection', keep);
  server.on('tlsClientError', () => undefined);
  const port = await listen(server, { port: options.port ?? 0 });

  return {
    url: tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    port,
    connects,
    forwarded,
    asked: () => asked,
    setFault(next) {
      fault = next;
    },
    setLogin(next) {
      login = next;
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

function misbehave(fault: Exclude<ProxyFault, { kind: 'extra' }>, socket: Socket): void {
  switch (fault.kind) {
    case 'status': {
      const { status, headers = {}, body = '' } = fault;
      const lines = Object.entries({ ...headers, 'content-length': String(body.length) });
      socket.end(
        `HTTP/1.1 ${status} No\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
      );
      return;
    }
    case 'bytes':
      socket.end(fault.bytes);
      return;
    case 'close':
      socket.end();
      return;
    case 'reset':
      socket.resetAndDestroy();
      return;
    case 'hang':
      return;
  }
}
