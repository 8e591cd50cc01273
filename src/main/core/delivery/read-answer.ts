import { assertNever } from '../../../shared/assert-never.ts';
import type { Signal } from '../../../shared/signal.ts';
import { printableLine } from '../otlp/printable.ts';
import { parseExportResponse } from '../otlp/response.ts';
import { decodeStatusMessage } from '../otlp/status.ts';
import { classify, type Verdict } from './classify.ts';
import type { ExportResult } from './exporter.ts';
import { scrub } from './scrub.ts';

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
  result: ExportResult,
  { signal, host, now, secrets }: AnswerContext,
): Promise<Verdict> {
  const { rejectedPoints = 0, message } = await wordsOf(result, signal);
  return classify(result, {
    host,
    now,
    rejectedPoints,
    message: message === undefined ? undefined : scrub(message, secrets),
  });
}

async function wordsOf(
  result: ExportResult,
  signal: Signal,
): Promise<{ readonly rejectedPoints?: number; readonly message?: string | undefined }> {
  switch (result.kind) {
    case 'failure':
    case 'unencodable':
      return {};
    case 'grpc':
      if (result.code !== 'OK') return { message: printableLine(result.message) };
      return (await parseExportResponse(signal, 'application/x-protobuf', result.body)) ?? {};
    case 'answer':
    case 'not-grpc': {
      const contentType = result.headers['content-type'];
      if (result.status < 200 || result.status >= 300) {
        return { message: decodeStatusMessage(contentType, result.body) };
      }
      // What was too large to be kept whole would not parse; the status alone says that the data has arrived.
      if (result.truncated) return {};
      return (await parseExportResponse(signal, contentType, result.body)) ?? {};
    }
    default:
      return assertNever(result);
  }
}
