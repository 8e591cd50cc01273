import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { encodeRpcStatus } from '../otlp/status.ts';
import type { Refusal } from './refusal.ts';

const successHeaders: OutgoingHttpHeaders = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': 'identity,gzip',
};
const successTrailers: OutgoingHttpHeaders = { 'grpc-status': '0' };
/** An Export…ServiceResponse whose partial_success is unset, as a message: nothing, not compressed, behind its prefix. */
const successMessage = Buffer.alloc(5);

/** The answer to a request that is on disk. */
export function sendGrpcSuccess(stream: ServerHttp2Stream): void {
  stream.on('wantTrailers', sendSuccessTrailers);
  stream.respond(successHeaders, { waitForTrailers: true });
  stream.end(successMessage);
}

function sendSuccessTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers(successTrailers);
}

/** A refusal in one frame, gRPC's Trailers-Only. */
export function sendGrpcRefusal(stream: ServerHttp2Stream, refusal: Refusal): void {
  stream.respond(grpcRefusalHeaders(refusal), { endStream: true });
}

export function grpcRefusalHeaders(refusal: Refusal): OutgoingHttpHeaders {
  const { reason, status, code, grpcCode = code, message, retryAfterSeconds, allow } = refusal;
  return {
    // What is not gRPC at all gets its answer in HTTP's terms as well.
    ':status': reason === 'content-type' || reason === 'method' ? status : 200,
    'content-type': 'application/grpc',
    'grpc-accept-encoding': 'identity,gzip',
    'grpc-status': String(grpcCode),
    'grpc-message': percentEncode(message),
    'grpc-status-details-bin': encodeRpcStatus(grpcCode, message, retryAfterSeconds)
      .toString('base64')
      .replace(/=+$/, ''),
    ...(allow !== undefined && { allow }),
  };
}

/** Percent-Encoded as gRPC wants it: printable ASCII but for the percent sign stands for itself. */
export function percentEncode(message: string): string {
  let encoded = '';
  for (const byte of Buffer.from(message)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
