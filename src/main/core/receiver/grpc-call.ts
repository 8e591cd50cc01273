import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Signal } from '../../../shared/signal.ts';
import { signalOfMethod } from '../otlp/grpc-methods.ts';
import { type ContentEncoding, contentEncoding } from './content.ts';
import { sendGrpcRefusal, sendGrpcSuccess } from './grpc-answer.ts';
import { endGrpcConnection, type GrpcConnection, type GrpcConnections, type OpenCall } from './grpc-connection.ts';
import { UnaryMessage } from './grpc-message.ts';
import { guard } from './guard.ts';
import { type Caller, IncomingExport } from './incoming-export.ts';
import type { Intake } from './intake.ts';
import type { Refusal } from './refusal.ts';
import * as refusals from './refusal.ts';

export interface GrpcContext {
  readonly intake: Intake;
  readonly connections: GrpcConnections;
}

/** NO_ERROR, RFC 9113, 7. */
const noError = 0;

/** One unary call, from its headers to its status. */
export class GrpcCall implements Caller, OpenCall {
  readonly protocol = 'grpc';
  /** About what an open stream costs. */
  readonly bytesPerRequest = 16 * 1024;
  readonly headers: IncomingHttpHeaders;
  readonly #context: GrpcContext;
  readonly #connection: GrpcConnection;
  readonly #stream: ServerHttp2Stream;
  /** When it began, then when it was answered. Monotonic. */
  #sinceMs: number;
  #read = false;
  #answered = false;

  constructor(
    context: GrpcContext,
    connection: GrpcConnection,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#stream = stream;
    this.headers = headers;
    this.#sinceMs = context.intake.clock.monotonicMs();
  }

  /** `rawHeaders` alternates names and values. */
  begin(rawHeaders: readonly string[]): void {
    const { intake, connections } = this.#context;
    const stream = this.#stream;
    this.#read = stream.endAfterHeaders;
    connections.requestBegins(this.#connection);
    this.#connection.calls.push(this);
    stream.on('error', ignore);
    const decision = decide(intake, rawHeaders, this.headers, connections.admit(this.#connection));
    if (decision.kind === 'refuse') {
      const { refusal, signal } = decision;
      stream.on('close', () => this.#leave());
      this.answerRefused(refusal);
      if (decision.forGood) endGrpcConnection(this.#connection);
      intake.refused(refusal, signal, signal !== undefined && !stream.endAfterHeaders ? 1 : 0);
      return;
    }
    this.#receive(decision.signal, decision.encoding);
  }

  checkTime(nowMs: number): boolean {
    if (nowMs - this.#sinceMs < this.#context.intake.limits.requestTimeoutMs) return true;
    if (this.#answered) return false;
    if (!this.#read) this.#timeOut();
    return true;
  }

  answerAccepted(): void {
    if (this.#canAnswer()) sendGrpcSuccess(this.#stream);
    this.#isAnswered();
  }

  answerRefused(refusal: Refusal): void {
    if (this.#canAnswer()) {
      sendGrpcRefusal(this.#stream, refusal);
      // What the client has not sent yet is not wanted any more (RFC 9113, 8.1).
      if (!this.#read) this.#stream.close(noError);
    }
    this.#isAnswered();
  }

  #receive(signal: Signal, encoding: ContentEncoding): void {
    const stream = this.#stream;
    const { intake } = this.#context;
    const incoming = new IncomingExport(intake, { signal, contentType: 'application/x-protobuf' }, this);
    const message = new UnaryMessage({ maxBytes: intake.limits.maxBodyBytes, mayBeCompressed: encoding === 'gzip' });
    this.#timeOut = () => incoming.refuse(refusals.timeoutRefusal);
    stream.on('close', () => {
      this.#leave();
      if (!this.#read) incoming.refuse(refusals.abortedRefusal);
    });
    if (!incoming.begin()) return;
    stream.on('data', (bytes: Buffer) => {
      if (incoming.settled) return;
      const step = message.read(bytes);
      if (!step.ok) incoming.refuse(step.refusal);
      else if (step.piece.length > 0) incoming.take(step.piece);
    });
    stream.on('end', () => {
      const refusal = message.end();
      // A stream that was reset looks as if it had ended.
      if (refusal && (stream.closed || stream.destroyed)) return;
      this.#read = true;
      if (refusal) incoming.refuse(refusal);
      else incoming.complete(message.compressed ? 'gzip' : 'identity');
    });
  }

  #timeOut: () => void = ignore;

  /** Its stream is closed. */
  #leave(): void {
    const { calls } = this.#connection;
    calls.splice(calls.indexOf(this), 1);
  }

  #canAnswer(): boolean {
    return !this.#stream.closed && !this.#stream.destroyed;
  }

  #isAnswered(): void {
    this.#answered = true;
    this.#sinceMs = this.#context.intake.clock.monotonicMs();
    this.#context.connections.requestIsAnswered(this.#connection);
  }
}

function ignore(): void {
  // A stream that breaks is told of by its end as well.
}

type Decision =
  | { readonly kind: 'read'; readonly signal: Signal; readonly encoding: ContentEncoding }
  /** `forGood`: the connection ends with it. */
  | {
      readonly kind: 'refuse';
      readonly refusal: Refusal;
      readonly signal: Signal | undefined;
      readonly forGood: boolean;
    };

/** All that can be said of a call before its message is read. */
function decide(
  { limits }: Intake,
  rawHeaders: readonly string[],
  headers: IncomingHttpHeaders,
  admitted: boolean,
): Decision {
  const signal = signalOfMethod(headers[':path'] ?? '');
  const refuse = (refusal: Refusal, forGood = false): Decision => ({ kind: 'refuse', refusal, signal, forGood });
  const problem = guard(rawHeaders);
  if (problem) return refuse(refusals.guardRefusal(problem), true);
  if (!admitted) return refuse(refusals.tooManyConnectionsRefusal, true);
  if (headerBytes(rawHeaders) > limits.maxHeaderBytes) return refuse(refusals.headersTooLargeRefusal);
  if (headers[':method'] !== 'POST') return refuse(refusals.methodRefusal('POST'));
  if (!isGrpc(headers['content-type'])) return refuse(refusals.grpcContentTypeRefusal);
  if (signal === undefined) return refuse(refusals.grpcMethodRefusal);
  const encodingHeader = headers['grpc-encoding'];
  const encoding = contentEncoding(typeof encodingHeader === 'object' ? encodingHeader.join() : encodingHeader);
  if (!encoding) return refuse(refusals.grpcEncodingRefusal(String(encodingHeader)));
  return { kind: 'read', signal, encoding };
}

/** Protobuf is what gRPC means when it says nothing more. */
function isGrpc(contentType: string | undefined): boolean {
  return contentType === 'application/grpc' || /^application\/grpc(?:\+proto)?(?:;|$)/i.test(contentType ?? '');
}

/** As HTTP/2 counts them, RFC 9113, 6.5.2. */
function headerBytes(rawHeaders: readonly string[]): number {
  let bytes = rawHeaders.length * 16;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}
