import type { ServerSessionOptions } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { assertNever } from '../../../shared/assert-never.ts';
import { loadHttp2 } from '../node-http2.ts';
import { encodeRefusal } from './answer.ts';
import { limitConnections } from './connections.ts';
import { readFirstBytes } from './first-bytes.ts';
import type { Front, FrontContext } from './front.ts';
import { GrpcCall, type GrpcContext } from './grpc-call.ts';
import { endGrpcConnection, type GrpcConnection, grpcConnections, newGrpcConnection } from './grpc-connection.ts';
import { GrpcWatch } from './grpc-watch.ts';
import { httpConnections } from './http-connection.ts';
import { createHttpServer } from './http-server.ts';
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
      if (connection.deaf) return;
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

  const watch = new GrpcWatch(connections, intake);

  return {
    protocol: 'grpc',
    createServer() {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
      limitConnections(server, connections, intake);
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
