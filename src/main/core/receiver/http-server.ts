import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { assertNever } from '../../../shared/assert-never.ts';
import { createServer } from '../node-http.ts';
import type { OtlpContentType } from '../otlp/status.ts';
import { encodeRefusal, sendHealth } from './answer.ts';
import { limitConnections } from './connections.ts';
import { type ContentEncoding, contentEncoding, otlpContentType } from './content.ts';
import { Exchange, type ExchangeContext, hasBody, isLast, refuseExchange } from './exchange.ts';
import { classifyFirstBytes } from './first-bytes.ts';
import type { Front, FrontContext } from './front.ts';
import { guard } from './guard.ts';
import { type HttpConnection, httpConnections, newHttpConnection } from './http-connection.ts';
import { encodeHttp11Required } from './http2-frames.ts';
import type { ExportKind } from './incoming-export.ts';
import type { Refusal } from './refusal.ts';
import * as refusals from './refusal.ts';
import { type Route, routeOf } from './route.ts';

/** OTLP/HTTP. */
export function httpFront(context: FrontContext): Front {
  const connections = httpConnections(context.intake);
  let draining = false;
  return {
    protocol: 'http',
    createServer: () =>
      createHttpServer({
        ...context,
        connections,
        draining: () => draining,
        route: (target) => routeOf(target, context.ports().http),
      }),
    drain() {
      draining = true;
    },
    closeIdle: () => connections.closeIdle(),
    destroyAll: () => connections.destroyAll(),
    empty: () => connections.empty(),
  };
}

export interface HttpContext extends ExchangeContext, Pick<FrontContext, 'ports' | 'ready'> {
  readonly route: (target: string) => Route;
}

/** An HTTP server that does not listen yet. The same context may serve several addresses. */
export function createHttpServer(context: HttpContext): Server {
  const { connections } = context;
  const { limits } = context.intake;
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.max(20, Math.min(1000, limits.headersTimeoutMs / 2, limits.requestTimeoutMs / 2)),
    // The guard answers for a missing Host, with a Status.
    requireHostHeader: false,
  });
  // Node's switch for clients that end their side after the request and then wait for the answer; it has no type.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('connection', (socket) => connections.add(newHttpConnection(socket)));
  limitConnections(server, connections, context.intake);
  server.on('request', (request, response) => begin(context, request, response, 'nothing'));
  server.on('checkContinue', (request, response) => begin(context, request, response, 'continue'));
  server.on('checkExpectation', (request, response) => begin(context, request, response, 'unknown'));
  server.on('clientError', (error, socket) => clientError(context, error, socket));
  return server;
}

type Expectation = 'nothing' | 'continue' | 'unknown';

function begin(
  context: HttpContext,
  request: IncomingMessage,
  response: ServerResponse,
  expectation: Expectation,
): void {
  const { connections } = context;
  const connection = connections.of(request.socket);
  if (!connection || connection.deaf) return;
  connections.requestBegins(connection);
  connection.newest = response;

  const contentType = otlpContentType(request.headers['content-type']);
  const route = context.route(request.url ?? '');
  const decision = decide(context, request, route, contentType, expectation, connections.admit(connection));
  switch (decision.kind) {
    case 'read':
      if (expectation === 'continue') response.writeContinue();
      new Exchange(context, connection, request, response, decision).read();
      break;
    case 'health':
      sendHealth(response, context.ready(), isLast(context, connection, response));
      connections.requestIsAnswered(connection);
      break;
    case 'refuse': {
      const { refusal, close } = decision;
      refuseExchange(context, connection, request, response, contentType ?? 'application/json', refusal, close);
      const signal = 'signal' in route ? route.signal : undefined;
      // Without a body, or with any old body for nowhere in particular, somebody is looking around.
      const isExport = signal !== undefined || contentType === 'application/x-protobuf';
      context.intake.refused(refusal, signal, isExport && hasBody(request) ? 1 : 0);
      break;
    }
    default:
      assertNever(decision);
  }
}

type Decision =
  | ({ readonly kind: 'read'; readonly encoding: ContentEncoding } & ExportKind)
  | { readonly kind: 'health' }
  /** `close`: whatever else this connection has to say is not listened to. */
  | { readonly kind: 'refuse'; readonly refusal: Refusal; readonly close: boolean };

/** All that can be said of a request before its body is read. */
function decide(
  { intake: { limits }, ports }: HttpContext,
  { rawHeaders, headers, method }: IncomingMessage,
  route: Route,
  contentType: OtlpContentType | undefined,
  expectation: Expectation,
  admitted: boolean,
): Decision {
  const problem = guard(rawHeaders);
  if (problem) return refusedForGood(refusals.guardRefusal(problem));
  if (!admitted) return refusedForGood(refusals.tooManyConnectionsRefusal);
  if (expectation === 'unknown') return refused(refusals.expectationRefusal);
  if (route.kind === 'proxy') return refusedForGood(refusals.proxyRefusal);
  if (route.kind === 'other-protocol') return refusedForGood(refusals.httpOnGrpcPortRefusal(ports()));
  if (route.kind === 'unknown') return refused(refusals.pathRefusal(route.hint));
  if (route.kind === 'health') {
    return method === 'GET' || method === 'HEAD' ? route : refused(refusals.methodRefusal('GET, HEAD'));
  }
  if (method !== 'POST') return refused(refusals.methodRefusal('POST'));
  if (!contentType) return refused(refusals.contentTypeRefusal);
  const encodingHeader = headers['content-encoding'];
  const encoding = contentEncoding(encodingHeader);
  if (!encoding) return refused(refusals.contentEncodingRefusal(encodingHeader ?? ''));
  if (Number(headers['content-length'] ?? 0) > limits.maxBodyBytes) {
    return refused(refusals.tooLargeRefusal(limits.maxBodyBytes));
  }
  return { kind: 'read', signal: route.signal, contentType, encoding };
}

const refused = (refusal: Refusal): Decision => ({ kind: 'refuse', refusal, close: false });
const refusedForGood = (refusal: Refusal): Decision => ({ kind: 'refuse', refusal, close: true });

/** Bytes that are not HTTP, a request that takes too long, a connection that broke. */
function clientError(context: HttpContext, error: NodeJS.ErrnoException, socket: Duplex): void {
  const connection = context.connections.of(socket);
  if (!connection) {
    socket.destroy();
    return;
  }
  if (connection.deaf) return;
  const timedOut = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const silent = connection.socket.bytesRead === 0;
  const isHttp = timedOut || error.code?.startsWith('HPE_');
  if (!isHttp || silent || !connection.socket.writable) {
    socket.destroy();
    return;
  }
  connection.closing = true;
  if (!connection.known && speaksOtherwise(context, error, connection)) return;
  if (connection.reading?.interrupt(timedOut ? 'timeout' : 'malformed')) return;
  // Answers that are owed go first; the last of them ends the connection.
  if (connection.unanswered > 0) return;
  const refusal = timedOut
    ? refusals.timeoutRefusal
    : error.code === 'HPE_HEADER_OVERFLOW'
      ? refusals.headersTooLargeRefusal
      : refusals.incompleteRefusal;
  context.connections.linger(connection, encodeRefusal(refusal));
  context.intake.refused(refusal, undefined, 0);
}

/** An exporter that is set to gRPC, or to https: it is told in its own words where it has any, and what it sends is lost. */
function speaksOtherwise(
  { connections, intake, ports }: HttpContext,
  error: Error,
  connection: HttpConnection,
): boolean {
  if (!('rawPacket' in error) || !(error.rawPacket instanceof Uint8Array)) return false;
  if ('code' in error && error.code === 'HPE_PAUSED_H2_UPGRADE') {
    const refusal = refusals.grpcOnHttpPortRefusal(ports());
    connections.linger(connection, encodeHttp11Required(refusal.message));
    intake.refused(refusal, undefined, 1);
    return true;
  }
  if (classifyFirstBytes(error.rawPacket) === 'tls') {
    const refusal = refusals.tlsRefusal(ports().http);
    connections.linger(connection, encodeRefusal(refusal));
    intake.refused(refusal, undefined, 1);
    return true;
  }
  return false;
}
