import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { assertNever } from '../../../shared/assert-never.ts';
import type { Signal } from '../../../shared/signal.ts';
import type { Log } from '../log.ts';
import type { OtlpContentType } from '../otlp/status.ts';
import { type IncomingRequest, SpoolError } from '../spool/spool.ts';
import { sendRefusal, sendSuccess } from './answer.ts';
import type { Connection, Connections, Interruption } from './connections.ts';
import type { ContentEncoding } from './content.ts';
import { type Digest, digest } from './digest.ts';
import type { Digester } from './digester.ts';
import { type Inflation, inflate, inflateInline } from './inflate.ts';
import type { ByteBudget, ReceiverLimits } from './limits.ts';
import type { Refusal } from './refusal.ts';
import * as refusals from './refusal.ts';

export interface AcceptedInfo {
  readonly signal: Signal;
  readonly points: number;
  /** Protobuf. Empty where `accept` has taken over its memory. */
  readonly body: Uint8Array;
  readonly headers: IncomingHttpHeaders;
}

/** What all exchanges of a receiver share. */
export interface ExchangeContext {
  readonly limits: ReceiverLimits;
  readonly budget: ByteBudget;
  readonly connections: Connections;
  readonly digester: Digester;
  readonly log: Log;
  /** True while the receiver stops: every answer is the last of its connection. */
  readonly draining: () => boolean;
  readonly accept: (request: IncomingRequest) => Promise<number>;
  readonly onRequest: (info: AcceptedInfo) => void;
  /** Books, logs and reports a refusal. `points` is 0 where no telemetry was lost by it. */
  readonly onRefusal: (refusal: Refusal, signal: Signal | undefined, points: number) => void;
}

/** What an unread request stands for in the budget, besides its body: so that a flood of empty ones is bounded too. */
const bytesPerRequest = 1024;

/** One export request, from its headers to its answer. Every one ends accepted or refused, exactly once. */
export class Exchange {
  readonly #context: ExchangeContext;
  readonly #connection: Connection;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #signal: Signal;
  readonly #contentType: OtlpContentType;
  readonly #encoding: ContentEncoding;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #reservedBytes = 0;
  /** The body has been read to its end. */
  #ended = false;
  /** Accepted or refused. */
  #settled = false;

  constructor(
    context: ExchangeContext,
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    what: { signal: Signal; contentType: OtlpContentType; encoding: ContentEncoding },
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    this.#signal = what.signal;
    this.#contentType = what.contentType;
    this.#encoding = what.encoding;
  }

  read(): void {
    this.#connection.reading = this;
    if (!this.#reserve(bytesPerRequest)) {
      this.#refuse(refusals.overloadedRefusal);
      return;
    }
    this.#request.on('data', (piece: Buffer) => this.#take(piece));
    this.#request.on('end', () => this.#complete());
    this.#request.on('close', () => this.#leave());
  }

  /** The rest of the body will not be read. False when that does not matter to this request. */
  interrupt(cause: Interruption): boolean {
    // Complete although its end has not been read yet: the trouble is with what came behind it.
    if (this.#settled || this.#request.complete) return false;
    this.#refuse(cause === 'timeout' ? refusals.timeoutRefusal : refusals.incompleteRefusal);
    return true;
  }

  /** The request is over: after its end in the good case, before it when the client has gone. */
  #leave(): void {
    if (this.#connection.reading === this) this.#connection.reading = undefined;
    if (!this.#ended) this.#refuse(refusals.abortedRefusal);
  }

  #take(piece: Buffer): void {
    if (this.#settled) return;
    this.#bytes += piece.length;
    if (this.#bytes > this.#context.limits.maxBodyBytes) {
      this.#refuse(refusals.tooLargeRefusal(this.#context.limits.maxBodyBytes));
    } else if (!this.#reserve(piece.length)) {
      this.#refuse(refusals.overloadedRefusal);
    } else {
      this.#pieces.push(piece);
    }
  }

  #complete(): void {
    this.#ended = true;
    if (this.#connection.reading === this) this.#connection.reading = undefined;
    if (this.#settled) return;
    const [first] = this.#pieces;
    const body = first && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces, this.#bytes);
    this.#pieces = [];
    if (this.#encoding === 'identity') this.#digest(body);
    else this.#inflate(body);
  }

  #inflate(compressed: Uint8Array): void {
    const { maxBodyBytes, maxInlineCompressedBytes, maxInlineInflatedBytes } = this.#context.limits;
    if (compressed.length <= maxInlineCompressedBytes) {
      const inflation = inflateInline(compressed, Math.min(maxBodyBytes, maxInlineInflatedBytes), this.#reserve);
      if (inflation.outcome !== 'too-large') {
        this.#inflated(inflation);
        return;
      }
    }
    inflate(compressed, maxBodyBytes, this.#reserve).then(
      (inflation) => this.#inflated(inflation),
      (error: unknown) => this.#fault(error, 1),
    );
  }

  #inflated(inflation: Inflation): void {
    switch (inflation.outcome) {
      case 'inflated':
        this.#digest(inflation.body);
        break;
      case 'too-large':
        this.#refuse(refusals.tooLargeRefusal(this.#context.limits.maxBodyBytes));
        break;
      case 'overloaded':
        this.#refuse(refusals.overloadedRefusal);
        break;
      case 'malformed':
        this.#refuse(refusals.malformedRefusal(inflation.problem));
        break;
      default:
        assertNever(inflation);
    }
  }

  #digest(body: Uint8Array): void {
    const { maxInlineJsonBytes, maxInlineProtobufBytes } = this.#context.limits;
    const maxInlineBytes = this.#contentType === 'application/json' ? maxInlineJsonBytes : maxInlineProtobufBytes;
    if (body.length <= maxInlineBytes) {
      try {
        this.#digested(digest(this.#signal, this.#contentType, body));
      } catch (error) {
        this.#fault(error, 1);
      }
      return;
    }
    this.#context.digester.digest(this.#signal, this.#contentType, body).then(
      (result) => (result ? this.#digested(result) : this.#refuse(refusals.workerFailedRefusal)),
      (error: unknown) => this.#fault(error, 1),
    );
  }

  #digested(result: Digest): void {
    if (result.ok) this.#store(result.body, result.points);
    else this.#refuse(refusals.malformedRefusal(result.problem));
  }

  #store(body: Uint8Array, points: number): void {
    let commit: Promise<number>;
    try {
      commit = this.#context.accept({ signal: this.#signal, body, points });
    } catch (error) {
      this.#notStored(error, points);
      return;
    }
    commit.then(
      () => this.#acknowledge(body, points),
      (error: unknown) => this.#notStored(error, points),
    );
  }

  #notStored(error: unknown, points: number): void {
    if (!(error instanceof SpoolError)) this.#fault(error, points);
    else if (error.kind === 'disk-full') this.#refuse(refusals.diskFullRefusal, points);
    else this.#refuse(refusals.spoolUnavailableRefusal, points);
  }

  #acknowledge(body: Uint8Array, points: number): void {
    this.#settle();
    // The client may be gone by now. What it sent is on disk all the same.
    if (!this.#response.destroyed && !this.#connection.socket.destroyed) {
      sendSuccess(this.#response, this.#contentType, isLast(this.#context, this.#connection, this.#response));
    }
    this.#context.connections.requestIsAnswered(this.#connection);
    try {
      this.#context.onRequest({ signal: this.#signal, points, body, headers: this.#request.headers });
    } catch (error) {
      this.#logFault(error);
    }
  }

  #fault(error: unknown, points: number): void {
    this.#logFault(error);
    this.#refuse(refusals.internalRefusal, points);
  }

  #logFault(error: unknown): void {
    // Not the message: it may quote what was being read.
    this.#context.log.error('receiver: a fault while handling a request', {
      signal: this.#signal,
      error: error instanceof Error ? error.name : typeof error,
      at:
        error instanceof Error
          ? error.stack
              ?.split('\n')
              .find((line) => line.startsWith('    at '))
              ?.trim()
          : undefined,
    });
  }

  #refuse(refusal: Refusal, points = 1): void {
    if (this.#settled) return;
    this.#settle();
    refuseExchange(this.#context, this.#connection, this.#request, this.#response, this.#contentType, refusal);
    this.#context.onRefusal(refusal, this.#signal, points);
  }

  readonly #reserve = (bytes: number): boolean => {
    // A body that is still being inflated when its client has gone is nobody's any more.
    if (this.#settled || !this.#context.budget.take(bytes)) return false;
    this.#reservedBytes += bytes;
    return true;
  };

  #settle(): void {
    this.#settled = true;
    this.#pieces = [];
    this.#context.budget.giveBack(this.#reservedBytes);
    this.#reservedBytes = 0;
  }
}

/**
 * Answers with a refusal. While the body is still on its way the connection ends with the answer, and the rest of
 * the body is thrown away.
 */
export function refuseExchange(
  context: Pick<ExchangeContext, 'connections' | 'draining'>,
  connection: Connection,
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
  connection: Connection,
  response: ServerResponse,
): boolean {
  return (connection.closing || context.draining()) && connection.newest === response;
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}
