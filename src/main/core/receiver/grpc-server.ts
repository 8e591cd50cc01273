import type { ServerSessionOptions } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { assertNever } from '../../../shared/assert-never.ts';
import type { Clock } from '../clock.ts';
import { loadHttp2 } from '../node-http2.ts';
import { encodeRefusal } from './answer.ts';
import { classifyFirstBytes, type FirstBytes } from './first-bytes.ts';
import type { Front, FrontContext } from './front.ts';
import { GrpcCall, type GrpcContext } from './grpc-call.ts';
import { endGrpcConnection, type GrpcConnection, grpcConnections, newGrpcConnection } from './grpc-connection.ts';
import { httpConnections } from './http-connection.ts';
import { createHttpServer } from './http-server.ts';
import type { Intake } from './intake.ts';
import type { ReceiverLimits } from './limits.ts';
import type { Refusal } from './refusal.ts';
import * as refusals from './refusal.ts';
import { misdirectedRoute } from './route.ts';

/** OTLP/gRPC. */
export function grpcFront(context: FrontContext): Front {
  const { intake, ports, ready } = context;
  const { limits } = intake;
  const connections = grpcConnections(intake);
  const grpc: GrpcContext = { intake, connections };
  let draining = false;

  // Clients of HTTP/1.1 are told where to go by the server that knows how to talk to them.
  const misdirected = createHttpServer({
    intake,
    ports,
    ready,
    connections: httpConnections(intake),
    draining: () => true,
    route: (target) => misdirectedRoute(target, ports().http),
  });

  function accept(socket: Socket): void {
    const connection = newGrpcConnection(socket);
    connections.add(connection);
    watch.begin();
    readFirstBytes(socket, (kind) => {
      switch (kind) {
        case 'http2':
          speakHttp2(connection);
          return;
        case 'http1':
          misdirected.emit('connection', socket);
          return;
        case 'tls':
          // TLS libraries name plain text as the cause when they are answered in it.
          refuseUnread(connection, refusals.tlsRefusal(ports().grpc), 1);
          return;
        case 'other':
          refuseUnread(connection, refusals.notHttp2Refusal, 0);
          return;
        default:
          assertNever(kind);
      }
    });
  }

  function refuseUnread(connection: GrpcConnection, refusal: Refusal, points: number): void {
    connection.socket.resume();
    connections.linger(connection, encodeRefusal(refusal));
    intake.refused(refusal, undefined, points);
  }

  function speakHttp2(connection: GrpcConnection): void {
    const { socket } = connection;
    socket.allowHalfOpen = false;
    const session = loadHttp2().performServerHandshake(socket, sessionOptions(limits));
    connection.session = session;
    connection.known = true;
    session.setLocalWindowSize(limits.connectionWindowBytes);
    session.on('error', (error) => {
      if ('code' in error && String(error.code).startsWith('ERR_HTTP2_')) {
        intake.refused(refusals.notHttp2Refusal, undefined, 0);
      }
    });
    session.on('stream', (stream, headers, _flags, rawHeaders) =>
      new GrpcCall(grpc, connection, stream, headers).begin(rawHeaders),
    );
    // What has arrived by now is still answered.
    if (draining) setImmediate(() => session.close());
  }

  const watch = new Watch(intake, () => {
    for (const connection of connections.all()) checkConnection(connection, intake);
    return connections.size > 0;
  });

  return {
    protocol: 'grpc',
    createServer() {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
      server.maxConnections = limits.maxConnections * 2;
      server.on('drop', () => {
        connections.makeRoom();
        intake.refused(refusals.droppedConnectionRefusal, undefined, 0);
      });
      return server;
    },
    drain() {
      draining = true;
      for (const connection of connections.all()) {
        if (connection.session) endGrpcConnection(connection);
      }
    },
    closeIdle: () => connections.closeIdle(),
    destroyAll: () => connections.destroyAll(),
    empty: () => connections.empty(),
  };
}

/** Reads until it is clear what the client speaks; what was read is put back. */
function readFirstBytes(socket: Socket, onKnown: (kind: FirstBytes) => void): void {
  let bytes = Buffer.alloc(0);
  const onReadable = () => {
    const more: Buffer | null = socket.read();
    if (more === null) return;
    bytes = Buffer.concat([bytes, more]);
    const kind = classifyFirstBytes(bytes);
    if (kind === undefined) return;
    socket.off('readable', onReadable);
    socket.off('end', onEnd);
    socket.unshift(bytes);
    onKnown(kind);
  };
  const onEnd = () => socket.destroy();
  socket.on('readable', onReadable);
  socket.on('end', onEnd);
  // Without a listener an error would end the process. What follows it is the end of the connection.
  socket.on('error', () => socket.destroy());
}

function sessionOptions(limits: ReceiverLimits): ServerSessionOptions {
  return {
    // A little more is let through than is allowed, so that it can be refused in words.
    maxHeaderListPairs: 512,
    settings: {
      enablePush: false,
      maxConcurrentStreams: limits.maxCallsPerConnection,
      initialWindowSize: limits.callWindowBytes,
      maxHeaderListSize: limits.maxHeaderBytes * 2,
    },
  };
}

/** Ends what takes too long: the first bytes, a call, an answer that nobody reads, a rest. */
function checkConnection(connection: GrpcConnection, intake: Intake): void {
  const { limits, clock } = intake;
  const { socket, session, calls, restingSinceMs } = connection;
  const now = clock.monotonicMs();
  const restedMs = now - restingSinceMs;
  if (session === undefined) {
    if (restedMs < limits.headersTimeoutMs) return;
    if (socket.bytesRead > 0) intake.refused(refusals.timeoutRefusal, undefined, 0);
    socket.destroy();
  } else if (calls.size > 0) {
    for (const call of calls) {
      if (!call.checkTime(now)) socket.destroy();
    }
  } else if (session.closed) {
    // The client does not end its side, or has stopped in the middle of a call's headers.
    connection.overSinceMs ??= now;
    if (now - connection.overSinceMs >= limits.lingerMs) socket.destroy();
  } else if (restedMs >= limits.keepAliveTimeoutMs) {
    endGrpcConnection(connection);
  }
}

/** Repeats a check while it is asked for. */
class Watch {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #check: () => boolean;
  #running = false;

  /** `check` says whether to go on. */
  constructor({ limits, clock }: Pick<Intake, 'limits' | 'clock'>, check: () => boolean) {
    const { headersTimeoutMs, requestTimeoutMs } = limits;
    this.#everyMs = Math.max(20, Math.min(1000, headersTimeoutMs / 2, requestTimeoutMs / 2));
    this.#clock = clock;
    this.#check = check;
  }

  begin(): void {
    if (this.#running) return;
    this.#running = true;
    this.#clock.after(this.#everyMs, () => {
      this.#running = false;
      if (this.#check()) this.begin();
    });
  }
}
