import { assertNever } from '../../../shared/assert-never.ts';
import type { DeliveryError } from '../../../shared/health.ts';
import { classifyFront } from './classify-front.ts';
import { classifyGrpc } from './classify-grpc.ts';
import type { ExportResult, NotGrpcAnswer } from './exporter.ts';
import { retryAfterMs } from './retry-after.ts';
import type { TransportAnswer, TransportFailure } from './transport.ts';

/** What a destination's answer means for the requests that were sent. */
export type Verdict =
  | { readonly kind: 'delivered'; readonly rejectedPoints: number; readonly message: string }
  | RetryVerdict
  | BlockedVerdict
  /** Fewer requests at once may pass. */
  | { readonly kind: 'too-large'; readonly error: AnswerError }
  /** At least one of the requests is called malformed. */
  | { readonly kind: 'malformed'; readonly error: AnswerError };

export interface RetryVerdict {
  readonly kind: 'retry';
  readonly error: DeliveryError;
  readonly retryAfterMs?: number;
  /** The outcome is unknown: what is sent again may arrive twice. */
  readonly possiblySent: boolean;
  /** A kept-alive connection was closed under the request: no sign of trouble, try again at once. */
  readonly staleConnection: boolean;
}

/** Somebody has to mend something first; the data is held. */
export interface BlockedVerdict {
  readonly kind: 'blocked';
  readonly by: 'credentials' | 'endpoint' | 'captive-portal' | 'proxy' | 'certificate-file' | 'client-certificate';
  readonly error: DeliveryError;
}

export interface AnswerError extends DeliveryError {
  readonly status: number;
}

/** The status of what the relay set aside by itself: no destination was asked. */
const unanswered = 0;

/** What is known beside the answer itself. */
export interface Reading {
  /** Who was asked: host and port. */
  readonly host: string;
  /** Wall time in milliseconds, for a Retry-After that is a date. */
  readonly now: number;
  /** From the body of a 2xx: points that the destination rejected for good, and why. */
  readonly rejectedPoints: number;
  /** The destination's own words, already bounded and without credentials. */
  readonly message: string | undefined;
}

type HttpAnswer = Omit<TransportAnswer, 'kind'>;

/** The table of what each answer does, row by row. Pure. */
export function classify(result: ExportResult, reading: Reading): Verdict {
  switch (result.kind) {
    case 'failure':
      return classifyFailure(result);
    case 'answer':
      return classifyAnswer(result, reading);
    case 'grpc':
      return classifyGrpc(result, reading);
    case 'not-grpc':
      return classifyNotGrpc(result, reading);
    case 'unencodable': {
      const message = `The request cannot be put into JSON, as ${reading.host} wants it: ${result.problem}.`;
      return { kind: 'malformed', error: { kind: 'malformed', status: unanswered, message } };
    }
    default:
      return assertNever(result);
  }
}

function classifyFailure(failure: TransportFailure): Verdict {
  const { reason, message, possiblySent, staleConnection } = failure;
  switch (reason) {
    case 'other-protocol':
      return { kind: 'blocked', by: 'endpoint', error: { kind: 'protocol', message } };
    case 'unsendable':
    case 'takes-tls':
      return { kind: 'blocked', by: 'endpoint', error: { kind: 'endpoint', message } };
    case 'proxy-refused':
      return { kind: 'blocked', by: 'proxy', error: { kind: 'proxy', message } };
    case 'certificate-file':
    case 'client-certificate':
      return { kind: 'blocked', by: reason, error: { kind: reason, message } };
    case 'dns':
    case 'connect':
    case 'tls':
    case 'tls-name':
    case 'tls-failed':
    case 'not-tls':
    case 'timeout':
    case 'reset':
    case 'garbage':
    case 'proxy':
    case 'aborted':
      return { kind: 'retry', error: { kind: reason, message }, possiblySent, staleConnection };
    default:
      return assertNever(reason);
  }
}

function classifyAnswer(answer: HttpAnswer, reading: Reading): Verdict {
  const { status } = answer;
  if (status >= 200 && status < 300) {
    if (isWebPage(answer)) return captivePortal(status, reading.host);
    return { kind: 'delivered', rejectedPoints: reading.rejectedPoints, message: reading.message ?? '' };
  }
  if (status >= 300 && status < 400) return redirected(answer, reading.host);
  if (status === 401 || status === 403) {
    const error = answerError('credentials', 'refuses the credentials', status, reading);
    return { kind: 'blocked', by: 'credentials', error };
  }
  if (status === 404 || status === 405) {
    const error = answerError('endpoint', 'does not accept telemetry at this address', status, reading);
    return { kind: 'blocked', by: 'endpoint', error };
  }
  if (status === 407) {
    // A proxy's word about itself, not the destination's about the data: setting the data aside would help nobody.
    const error = answerError('proxy', 'was not reached: a proxy in between asks for a login', status, reading);
    return { kind: 'blocked', by: 'proxy', error };
  }
  if (status === 413) {
    return { kind: 'too-large', error: answerError('too-large', 'calls the request too large', status, reading) };
  }
  if (status === 408 || status === 429 || status < 200 || status >= 500) {
    const wait = retryAfterMs(answer.headers, reading.now);
    return {
      kind: 'retry',
      error: answerError('http', status === 429 ? 'asks to slow down' : 'cannot take data now', status, reading),
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
      possiblySent: false,
      staleConnection: false,
    };
  }
  const front = status === 400 ? classifyFront(status, answer.body, reading.host) : undefined;
  return (
    front ?? { kind: 'malformed', error: answerError('malformed', 'calls the request malformed', status, reading) }
  );
}

/** Who does not speak gRPC has not understood the data, so has neither taken it nor anything to say against it. */
function classifyNotGrpc(answer: NotGrpcAnswer, reading: Reading): Verdict {
  const verdict = classifyAnswer(answer, reading);
  const isUnknownPath = answer.status === 404 || answer.status === 405;
  if (verdict.kind !== 'delivered' && verdict.kind !== 'malformed' && !isUnknownPath) return verdict;
  if (verdict.kind === 'delivered' && /^application\/grpc\b/i.test(answer.headers['content-type'] ?? '')) {
    const message = `${reading.host} sent no gRPC status: a proxy in between may take the trailers of HTTP/2 away.`;
    return { kind: 'retry', error: { kind: 'garbage', message }, possiblySent: true, staleConnection: false };
  }
  const error = answerError('protocol', 'does not speak gRPC at this address', answer.status, reading);
  // The status of a success would mislead: nothing was taken.
  const told = verdict.kind === 'delivered' ? { kind: error.kind, message: error.message } : error;
  return { kind: 'blocked', by: 'endpoint', error: told };
}

function answerError(kind: string, does: string, status: number, { host, message }: Reading): AnswerError {
  const words = `${host} ${does} (HTTP ${status})`;
  return { kind, status, message: message === undefined ? `${words}.` : `${words}: ${message}` };
}

function captivePortal(status: number, host: string): BlockedVerdict {
  const message = `A web page answers instead of ${host} (HTTP ${status} with HTML): a captive portal, a proxy, or a wrong endpoint.`;
  return { kind: 'blocked', by: 'captive-portal', error: { kind: 'captive-portal', status, message } };
}

/** Redirects are not followed: the credential would go to whoever is named. */
function redirected(answer: HttpAnswer, host: string): BlockedVerdict {
  const location = answer.headers.location;
  const target = location === undefined ? null : URL.parse(location, `http://${host}`);
  const to = target === null ? 'elsewhere' : `to ${target.host}`;
  const message = `${host} redirects ${to} (HTTP ${answer.status}). Redirects are not followed: put the final address into the config.`;
  return { kind: 'blocked', by: 'endpoint', error: { kind: 'endpoint', status: answer.status, message } };
}

/** By its type, or by how it starts: portals do not always say what they send. */
function isWebPage(answer: HttpAnswer): boolean {
  if (/^\s*(text\/html|application\/xhtml\+xml)\b/i.test(answer.headers['content-type'] ?? '')) return true;
  const start = new TextDecoder().decode(answer.body.subarray(0, 512));
  return /^\s*(<\?xml[^>]*>\s*)?(<!--[\s\S]*?-->\s*)*<(!doctype\s+html|html|head|body|meta|script|title)\b/i.test(
    start,
  );
}
