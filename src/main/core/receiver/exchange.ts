import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { OtlpContentType } from '../otlp/status.ts';
import { sendRefusal, sendSuccess } from './answer.ts';
import type { ContentEncoding } from './content.ts';
import type { HttpConnection, HttpConnections, Interruption } from './http-connection.ts';
import { type Caller, type ExportKind, IncomingExport } from './incoming-export.ts';
import type { Intake } from './intake.ts';
import type { Refusal } from './refusal.ts';
import * as refusals from './refusal.ts';

/** What all exchanges of a server share. */
export interface ExchangeContext {
  readonly intake: Intake;
  readonly connections: HttpConnections;
  /** True while the receiver stops: every answer is the last of its connection. */
  readonly draining: () => boolean;
}

/** One export request over HTTP/1.1. */
export class Exchange implements Caller {
  readonly protocol = 'http';
  readonly bytesPerRequest = 1024;
  readonly #context: ExchangeContext;
  readonly #connection: HttpConnection;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #contentType: OtlpContentType;
  readonly #encoding: ContentEncoding;
  readonly #export: IncomingExport;
  /** The body has been read to its end. */
  #ended = false;

  constructor(
    context: ExchangeContext,
    connection: HttpConnection,
    request: IncomingMessage,
    response: ServerResponse,
    what: ExportKind & { readonly encoding: ContentEncoding },
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    this.#contentType = what.contentType;
    this.#encoding = what.encoding;
    this.#export = new IncomingExport(context.intake, what, this);
  }

  get headers(): IncomingHttpHeaders {
    return this.#request.headers;
  }

  read(): void {
    this.#connection.reading = this;
    if (!this.#export.begin()) return;
    this.#request.on('data', (piece: Buffer) => this.#export.take(piece));
    this.#request.on('end', () => this.#complete());
    this.#request.on('close', () => this.#leave());
  }

  /** The rest of the body will not be read. False when that does not matter to this request. */
  interrupt(cause: Interruption): boolean {
    // Complete although its end has not been read yet: the trouble is with what came behind it.
    if (this.#export.settled || this.#request.complete) return false;
    this.#export.refuse(cause === 'timeout' ? refusals.timeoutRefusal : refusals.incompleteRefusal);
    return true;
  }

  answerAccepted(): void {
    if (!this.#response.destroyed && !this.#connection.socket.destroyed) {
      sendSuccess(this.#response, this.#contentType, isLast(this.#context, this.#connection, this.#response));
    }
    this.#context.connections.requestIsAnswered(this.#connection);
  }

  answerRefused(refusal: Refusal): void {
    refuseExchange(this.#context, this.#connection, this.#request, this.#response, this.#contentType, refusal);
  }

  /** The request is over: after its end in the good case, before it when the client has gone. */
  #leave(): void {
    this.#isRead();
    if (!this.#ended) this.#export.refuse(refusals.abortedRefusal);
  }

  #complete(): void {
    this.#ended = true;
    this.#isRead();
    this.#export.complete(this.#encoding);
  }

  #isRead(): void {
    if (this.#connection.reading === this) this.#connection.reading = undefined;
  }
}

/**
 * Answers with a refusal. While the body is still on its way the connection ends with the answer, and the rest of
 * the body is thrown away.
 */
export function refuseExchange(
  context: Pick<ExchangeContext, 'connections' | 'draining'>,
  connection: HttpConnection,
  request: IncomingMessage,
  response: ServerResponse,
  contentType: OtlpContentType,
  refusal: Refusal,
  close = false,
): void {
  const { socket } = connection;
  const unread = !request.complete && hasBody(request);
  if (!response.destroyed && !socket.destroyed) {
    if (unread) {
      // Node calls this when the last answer of a connection is written.
      socket.destroySoon = () => context.connections.linger(connection);
    }
    sendRefusal(response, contentType, refusal, unread || close || isLast(context, connection, response));
  }
  context.connections.requestIsAnswered(connection);
}

/** Where a client pipelines, only the answer to its newest request may end the connection: the others are still owed. */
export function isLast(
  context: Pick<ExchangeContext, 'draining'>,
  connection: HttpConnection,
  response: ServerResponse,
): boolean {
  return (connection.closing || context.draining()) && connection.newest === response;
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}
