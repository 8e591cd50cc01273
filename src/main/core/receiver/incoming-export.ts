import type { IncomingHttpHeaders } from 'node:http';
import { assertNever } from '../../../shared/assert-never.ts';
import type { Signal } from '../../../shared/signal.ts';
import type { OtlpContentType } from '../otlp/status.ts';
import { SpoolError } from '../spool/spool.ts';
import type { ContentEncoding } from './content.ts';
import { type Digest, digest } from './digest.ts';
import { type Inflation, inflate, inflateInline } from './inflate.ts';
import type { Intake, Protocol } from './intake.ts';
import type { Refusal } from './refusal.ts';
import * as refusals from './refusal.ts';

/** What is exported, and in which of OTLP's encodings. */
export interface ExportKind {
  readonly signal: Signal;
  readonly contentType: OtlpContentType;
}

/** The way back to the client, in its protocol. Exactly one of the two answers is given, once. */
export interface Caller {
  readonly protocol: Protocol;
  readonly headers: IncomingHttpHeaders;
  /** What an unread request stands for in the budget, besides its body: so that a flood of empty ones is bounded too. */
  readonly bytesPerRequest: number;
  answerAccepted(): void;
  answerRefused(refusal: Refusal): void;
}

/** One export request, from its headers to its outcome. Every one ends accepted or refused, exactly once. */
export class IncomingExport {
  readonly #intake: Intake;
  readonly #kind: ExportKind;
  readonly #caller: Caller;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #reservedBytes = 0;
  /** Accepted or refused. */
  #settled = false;

  constructor(intake: Intake, kind: ExportKind, caller: Caller) {
    this.#intake = intake;
    this.#kind = kind;
    this.#caller = caller;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** False where there is no room for it, and it is refused. */
  begin(): boolean {
    if (this.#reserve(this.#caller.bytesPerRequest)) return true;
    this.refuse(refusals.overloadedRefusal);
    return false;
  }

  /** A piece of the body. */
  take(piece: Uint8Array): void {
    if (this.#settled) return;
    this.#bytes += piece.length;
    if (this.#bytes > this.#intake.limits.maxBodyBytes) {
      this.refuse(refusals.tooLargeRefusal(this.#intake.limits.maxBodyBytes));
    } else if (!this.#reserve(piece.length)) {
      this.refuse(refusals.overloadedRefusal);
    } else {
      this.#pieces.push(piece);
    }
  }

  /** The body is complete. */
  complete(encoding: ContentEncoding): void {
    if (this.#settled) return;
    const [first] = this.#pieces;
    const body = first && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces, this.#bytes);
    this.#pieces = [];
    if (encoding === 'identity') this.#digest(body);
    else this.#inflate(body);
  }

  refuse(refusal: Refusal, points = 1): void {
    if (this.#settled) return;
    this.#settle();
    this.#caller.answerRefused(refusal);
    this.#intake.refused(refusal, this.#kind.signal, points);
  }

  #inflate(compressed: Uint8Array): void {
    const { maxBodyBytes, maxInlineCompressedBytes, maxInlineInflatedBytes } = this.#intake.limits;
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
        this.refuse(refusals.tooLargeRefusal(this.#intake.limits.maxBodyBytes));
        break;
      case 'overloaded':
        this.refuse(refusals.overloadedRefusal);
        break;
      case 'malformed':
        this.refuse(refusals.malformedGzipRefusal(inflation.problem));
        break;
      default:
        assertNever(inflation);
    }
  }

  #digest(body: Uint8Array): void {
    const { signal, contentType } = this.#kind;
    const { maxInlineJsonBytes, maxInlineProtobufBytes } = this.#intake.limits;
    const maxInlineBytes = contentType === 'application/json' ? maxInlineJsonBytes : maxInlineProtobufBytes;
    if (body.length <= maxInlineBytes) {
      try {
        this.#digested(digest(signal, contentType, body));
      } catch (error) {
        this.#fault(error, 1);
      }
      return;
    }
    this.#intake.digester.digest(signal, contentType, body).then(
      (result) => (result ? this.#digested(result) : this.refuse(refusals.workerFailedRefusal)),
      (error: unknown) => this.#fault(error, 1),
    );
  }

  #digested(result: Digest): void {
    if (result.ok) this.#store(result.body, result.points);
    else this.refuse(refusals.malformedRefusal(result.problem));
  }

  #store(body: Uint8Array, points: number): void {
    let commit: Promise<number>;
    try {
      commit = this.#intake.accept({ signal: this.#kind.signal, body, points });
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
    else if (error.kind === 'disk-full') this.refuse(refusals.diskFullRefusal, points);
    else this.refuse(refusals.spoolUnavailableRefusal, points);
  }

  #acknowledge(body: Uint8Array, points: number): void {
    this.#settle();
    const { protocol, headers } = this.#caller;
    // The client may be gone by now. What it sent is on disk all the same.
    this.#caller.answerAccepted();
    try {
      this.#intake.accepted({ protocol, signal: this.#kind.signal, points, body, headers });
    } catch (error) {
      this.#logFault(error);
    }
  }

  #fault(error: unknown, points: number): void {
    this.#logFault(error);
    this.refuse(refusals.internalRefusal, points);
  }

  #logFault(error: unknown): void {
    // Not the message: it may quote what was being read.
    this.#intake.log.error('receiver: a fault while handling a request', {
      signal: this.#kind.signal,
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

  readonly #reserve = (bytes: number): boolean => {
    // A body that is still being inflated when its client has gone is nobody's any more.
    if (this.#settled || !this.#intake.budget.take(bytes)) return false;
    this.#reservedBytes += bytes;
    return true;
  };

  #settle(): void {
    this.#settled = true;
    this.#pieces = [];
    this.#intake.budget.giveBack(this.#reservedBytes);
    this.#reservedBytes = 0;
  }
}
