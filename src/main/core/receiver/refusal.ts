import { rpcCode } from '../otlp/status.ts';
import { nameOfEncoding } from './content.ts';
import type { GuardProblem } from './guard.ts';

/** Stable words for the log and the books' readers. */
export type RefusalReason =
  | 'guard'
  | 'path'
  | 'method'
  | 'expectation'
  | 'content-type'
  | 'content-encoding'
  | 'too-large'
  | 'malformed'
  | 'malformed-http'
  | 'timeout'
  | 'aborted'
  | 'overloaded'
  | 'too-many-connections'
  | 'connection-dropped'
  | 'disk-full'
  | 'spool-unavailable'
  | 'internal';

/** An answer other than 200: what the client is told. Messages never hold header values or payload. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly status: number;
  /** google.rpc.Code. */
  readonly code: number;
  readonly message: string;
  readonly retryAfterSeconds?: number;
  readonly allow?: string;
}

export function guardRefusal({ status, message }: GuardProblem): Refusal {
  return {
    reason: 'guard',
    status,
    code: status === 400 ? rpcCode.INVALID_ARGUMENT : rpcCode.PERMISSION_DENIED,
    message,
  };
}

export const proxyRefusal: Refusal = guardRefusal({
  status: 403,
  message: 'This is not a proxy: Span Relay only takes telemetry that is addressed to it. Correct HTTP_PROXY.',
});

export function pathRefusal(hint: string): Refusal {
  return { reason: 'path', status: 404, code: rpcCode.NOT_FOUND, message: `There is nothing at this path. ${hint}` };
}

export function methodRefusal(allow: string): Refusal {
  return {
    reason: 'method',
    status: 405,
    code: rpcCode.UNIMPLEMENTED,
    message: `This path takes ${allow} only.`,
    allow,
  };
}

export const expectationRefusal: Refusal = {
  reason: 'expectation',
  status: 417,
  code: rpcCode.INVALID_ARGUMENT,
  message: 'The only Expect header that is understood is 100-continue.',
};

export const contentTypeRefusal: Refusal = {
  reason: 'content-type',
  status: 415,
  code: rpcCode.INVALID_ARGUMENT,
  message:
    'The Content-Type must be application/x-protobuf or application/json. Set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf or http/json.',
};

export function contentEncodingRefusal(header: string): Refusal {
  return {
    reason: 'content-encoding',
    status: 415,
    code: rpcCode.INVALID_ARGUMENT,
    message: `The Content-Encoding must be gzip or none, not ${nameOfEncoding(header)}. Set OTEL_EXPORTER_OTLP_COMPRESSION to gzip or none.`,
  };
}

export function tooLargeRefusal(maxBodyBytes: number): Refusal {
  return {
    reason: 'too-large',
    status: 413,
    code: rpcCode.RESOURCE_EXHAUSTED,
    message: `The request is larger than ${maxBodyBytes} bytes after decompression. Export smaller batches.`,
  };
}

export function malformedRefusal(problem: string): Refusal {
  return {
    reason: 'malformed',
    status: 400,
    code: rpcCode.INVALID_ARGUMENT,
    message: `The request is malformed: ${problem}`,
  };
}

export const incompleteRefusal: Refusal = {
  reason: 'malformed-http',
  status: 400,
  code: rpcCode.INVALID_ARGUMENT,
  message: 'The request is not well-formed HTTP/1.1, or its body ends early.',
};

export const headersTooLargeRefusal: Refusal = {
  reason: 'malformed-http',
  status: 431,
  code: rpcCode.RESOURCE_EXHAUSTED,
  message: 'The request headers are too large. Shorten OTEL_EXPORTER_OTLP_HEADERS.',
};

export const timeoutRefusal: Refusal = {
  reason: 'timeout',
  status: 408,
  code: rpcCode.DEADLINE_EXCEEDED,
  message: 'The request did not arrive in time.',
};

/** Nobody is there to read it; for the books and the log. */
export const abortedRefusal: Refusal = {
  reason: 'aborted',
  status: 400,
  code: rpcCode.INVALID_ARGUMENT,
  message: 'The client closed the connection before its request was complete.',
};

export const overloadedRefusal: Refusal = {
  reason: 'overloaded',
  status: 503,
  code: rpcCode.UNAVAILABLE,
  message: 'Too much data is being received at this moment. Try again.',
  retryAfterSeconds: 1,
};

export const tooManyConnectionsRefusal: Refusal = {
  reason: 'too-many-connections',
  status: 503,
  code: rpcCode.UNAVAILABLE,
  message: 'Too many connections are open. Try again, and reuse connections (keep-alive).',
  retryAfterSeconds: 1,
};

/** Nobody is told: for the books and the log. */
export const droppedConnectionRefusal: Refusal = {
  ...tooManyConnectionsRefusal,
  reason: 'connection-dropped',
  message:
    'A connection was closed unheard: far too many are open. See which program opens so many and leaves them open.',
};

export const diskFullRefusal: Refusal = {
  reason: 'disk-full',
  status: 503,
  code: rpcCode.UNAVAILABLE,
  message: 'The disk is full: telemetry cannot be stored. Free some space; the relay resumes by itself.',
  retryAfterSeconds: 5,
};

export const spoolUnavailableRefusal: Refusal = {
  reason: 'spool-unavailable',
  status: 503,
  code: rpcCode.UNAVAILABLE,
  message: 'Telemetry cannot be stored at this moment. See `span-relay status`.',
  retryAfterSeconds: 1,
};

export const workerFailedRefusal: Refusal = {
  reason: 'internal',
  status: 503,
  code: rpcCode.UNAVAILABLE,
  message:
    'The request could not be read for lack of memory or because of a fault in Span Relay. Export smaller batches.',
  retryAfterSeconds: 1,
};

export const internalRefusal: Refusal = {
  reason: 'internal',
  status: 500,
  code: rpcCode.INTERNAL,
  message: 'A fault in Span Relay: see its log.',
};
