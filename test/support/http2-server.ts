import {
  createServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { close, listen } from './server.ts';

/** What a peer below gRPC does with a call: anything that HTTP/2 allows, and some that it does not. */
export type OnStream = (call: {
  readonly stream: ServerHttp2Stream;
  readonly session: Http2Session;
  readonly socket: Socket;
  readonly headers: IncomingHttpHeaders;
  /** Counts calls from 0. */
  readonly n: number;
}) => void;

export interface Http2Peer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly connections: readonly Socket[];
  /** Headers of every call, oldest first. */
  readonly calls: readonly IncomingHttpHeaders[];
  /** Frames of the PING type that came. */
  pings(): number;
}

export interface Http2PeerOptions {
  readonly onStream?: OnStream;
  readonly settings?: Settings;
  /** PEM; makes it https. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** What is chosen from what the client offers; none: the server does not know ALPN. */
  readonly alpn?: readonly string[];
}

/** A server of node:http2 whose connections are in the test's hands. */
export async function startHttp2Peer(options: Http2PeerOptions = {}): Promise<Http2Peer> {
  const connections: Socket[] = [];
  const calls: IncomingHttpHeaders[] = [];
  let pings = 0;
  const http2 = createServer({ settings: options.settings ?? {} });
  http2.on('session', (session) => {
    session.on('error', () => session.destroy());
    session.on('ping', () => pings++);
  });
  http2.on('stream', (stream, headers) => {
    const { session } = stream;
    const socket = connections.at(-1);
    if (session === undefined || socket === undefined) throw new Error('A stream without a connection.');
    // What goes wrong here is what the test is about.
    stream.on('error', () => undefined);
    calls.push(headers);
    (options.onStream ?? (({ stream: one }) => answerOk(one)))({
      stream,
      session,
      socket,
      headers,
      n: calls.length - 1,
    });
  });
  const onConnection = (socket: Socket) => {
    connections.push(socket);
    socket.on('error', () => socket.destroy());
    http2.emit('connection', socket);
  };
  const { tls, alpn } = options;
  const server = tls
    ? createTlsServer({ ...tls, ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }) }, onConnection)
    : createTcpServer(onConnection);
  const port = await listen(server);
  return {
    url: tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    port,
    connections,
    calls,
    pings: () => pings,
    async [Symbol.asyncDispose]() {
      const closed = close(server);
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

/** Reads the request, then answers with these bytes and trailers. */
export function answer(
  stream: ServerHttp2Stream,
  { body = Buffer.alloc(5), trailers = { 'grpc-status': '0' }, headers = {} }: AnswerParts = {},
): void {
  stream.resume();
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...headers }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
  stream.end(body);
}

export interface AnswerParts {
  readonly body?: Buffer;
  readonly trailers?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export function answerOk(stream: ServerHttp2Stream): void {
  answer(stream);
}
