import type { Signal } from '../../../shared/signal.ts';
import { parseExportResponse } from '../otlp/response.ts';
import { decodeStatusMessage } from '../otlp/status.ts';
import { classify, type Verdict } from './classify.ts';
import { scrub } from './scrub.ts';
import type { TransportResult } from './transport.ts';

export interface AnswerContext {
  readonly signal: Signal;
  /** Who was asked: host and port. */
  readonly host: string;
  /** Wall time in milliseconds. */
  readonly now: number;
  /** Header values that were sent; a destination that echoes one must not get it into our texts. */
  readonly secrets: readonly string[];
}

/** Reads what the body of an answer says, and classifies the answer by it. */
export async function readAnswer(
  result: TransportResult,
  { signal, host, now, secrets }: AnswerContext,
): Promise<Verdict> {
  if (result.kind === 'failure') return classify(result, { host, now, rejectedPoints: 0, message: undefined });
  const contentType = result.headers['content-type'];
  const succeeded = result.status >= 200 && result.status < 300;
  // What was too large to be kept whole would not parse; the status alone says that the data has arrived.
  const partial =
    succeeded && !result.truncated ? await parseExportResponse(signal, contentType, result.body) : undefined;
  const message = succeeded ? partial?.message : decodeStatusMessage(contentType, result.body);
  return classify(result, {
    host,
    now,
    rejectedPoints: partial?.rejectedPoints ?? 0,
    message: message === undefined ? undefined : scrub(message, secrets),
  });
}
