import { rpcCode } from '../otlp/status.ts';
import { nameOfEncoding } from './content.ts';
import type { GuardProblem } from './guard.ts';

/** Stable words for the log and the books' readers. */
export type RefusalReason =
  | 'guard'
  | 'path'
  | 'grpc-on-http-port'
  | 'http-on-grpc-port'
  | 'tls'
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
  /** Where gRPC prescribes another one, https://grpc.github.io/grpc/core/md_doc_statuscodes.html. */
  readonly grpcCode?: number;
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

interface Ports {
  readonly http: number;
  readonly grpc: number;
}

export function grpcOnHttpPortRefusal({ http, grpc }: Ports): Refusal {
  return {
    reason: 'grpc-on-http-port',
    status: 505,
    code: rpcCode.UNIMPLEMENTED,
    message: `Port ${http} takes OTLP over HTTP, and this is gRPC. Set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${grpc}.`,
  };
}

export function httpOnGrpcPortRefusal({ http, grpc }: Ports): Refusal {
  return {
    reason: 'http-on-grpc-port',
    status: 400,
    code: rpcCode.INVALID_ARGUMENT,
    message: `Port ${grpc} takes OTLP over gRPC, and this is HTTP/1.1. Set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${http}, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc.`,
  };
}

export function tlsRefusal(port: number): Refusal {
  return {
    reason: 'tls',
    status: 400,
    code: rpcCode.INVALID_ARGUMENT,
    message: `Port ${port} takes no TLS: it is on loopback. Set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${port}, with http:// and not https://.`,
  };
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

export const grpcContentTypeRefusal: Refusal = {
  reason: 'content-type',
  status: 415,
  code: rpcCode.INVALID_ARGUMENT,
  message: 'The content-type must be application/grpc or application/grpc+proto.',
};

export function grpcEncodingRefusal(header: string): Refusal {
  return {
    reason: 'content-encoding',
    status: 415,
    code: rpcCode.UNIMPLEMENTED,
    message: `The grpc-encoding must be gzip or identity, not ${nameOfEncoding(header)}. Set OTEL_EXPORTER_OTLP_COMPRESSION to gzip or none.`,
  };
}

export const grpcMethodRefusal: Refusal = {
  reason: 'path',
  status: 404,
  code: rpcCode.UNIMPLEMENTED,
  message:
    'There is no such method here. Telemetry goes to Export of the MetricsService, LogsService and TraceService of opentelemetry.proto.collector, version v1.',
};

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

export function malformedGzipRefusal(problem: string): Refusal {
  return framingRefusal(problem);
}

/** The cardinality of a unary call is wrong: the table of gRPC's codes says UNIMPLEMENTED. */
function cardinalityRefusal(problem: string): Refusal {
  return { ...malformedRefusal(problem), grpcCode: rpcCode.UNIMPLEMENTED };
}

export const noMessageRefusal = cardinalityRefusal('it holds no message, and an export is exactly one');
export const secondMessageRefusal = cardinalityRefusal('it goes on behind its message, and an export is exactly one');

/** The framing of gRPC is broken. */
function framingRefusal(problem: string): Refusal {
  return { ...malformedRefusal(problem), grpcCode: rpcCode.INTERNAL };
}

export const truncatedMessageRefusal = framingRefusal('it ends before the end of its message');
export const messageFlagRefusal = framingRefusal(
  "the first byte of its message is neither 0 nor 1, gRPC's Compressed-Flag",
);
export const noGrpcEncodingRefusal = framingRefusal('its message is compressed, but grpc-encoding does not say how');

export const incompleteRefusal: Refusal = {
  reason: 'malformed-http',
  status: 400,
  code: rpcCode.INVALID_ARGUMENT,
  message: 'The request is not well-formed HTTP/1.1, or its body ends early.',
};

export const notHttp2Refusal: Refusal = {
  reason: 'malformed-http',
  status: 400,
  code: rpcCode.INTERNAL,
  message: 'What the client sends is not well-formed HTTP/2, or far too much of it at once.',
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
