/** What an OTLP server says of a request that it refuses, and what we read out of a vendor's refusal. */
import { printableLine } from './printable.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

export type OtlpContentType = 'application/x-protobuf' | 'application/json';

/** The codes of google.rpc.Code, https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto. */
export const rpcCode = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type RpcCodeName = keyof typeof rpcCode;

/** Encodes a google.rpc.Status in the encoding of the request that it answers. */
export function encodeStatus(contentType: OtlpContentType, code: number, message: string): Uint8Array {
  if (contentType === 'application/json') return Buffer.from(JSON.stringify({ code, message }));
  return encodeRpcStatus(code, message);
}

/**
 * A google.rpc.Status in protobuf. With `retryAfterSeconds` it carries a google.rpc.RetryInfo: over gRPC that is how a server
 * says that trying again is worth while, and when (opentelemetry-proto, docs/specification.md, "OTLP/gRPC Throttling").
 */
export function encodeRpcStatus(code: number, message: string, retryAfterSeconds?: number): Buffer {
  const status = [varintField(1, code), bytesField(2, Buffer.from(message))];
  if (retryAfterSeconds !== undefined) {
    const duration = varintField(1, retryAfterSeconds);
    const any = [bytesField(1, Buffer.from(retryInfoType)), bytesField(2, bytesField(1, duration))];
    status.push(bytesField(3, Buffer.concat(any)));
  }
  return Buffer.concat(status);
}

const retryInfoType = 'type.googleapis.com/google.rpc.RetryInfo';

function varintField(number: number, value: number): Buffer {
  const writer = new ProtobufWriter(16);
  writer.tag(number, 0);
  writer.varint(value);
  return Buffer.from(writer.finish());
}

function bytesField(number: number, bytes: Uint8Array): Buffer {
  const writer = new ProtobufWriter(bytes.length + 16);
  writer.tag(number, 2);
  writer.varint(bytes.length);
  writer.bytes(bytes, 0, bytes.length);
  return Buffer.from(writer.finish());
}

/** An error body larger than this is not read any further: its start has to do. */
const maxReadBytes = 16 * 1024;

/**
 * The human part of an error answer: of a google.rpc.Status, of the JSON shapes that vendors use instead, of a web page's
 * title, or of plain text. At most 300 printable characters; undefined when there is nothing to read.
 */
export function decodeStatusMessage(contentType: string | undefined, body: Uint8Array): string | undefined {
  const start = body.subarray(0, maxReadBytes);
  const type = contentType?.toLowerCase() ?? '';
  if (/protobuf|grpc/.test(type)) {
    const message = protobufStatusMessage(start);
    if (message !== undefined) return printableLine(message);
  }
  const text = new TextDecoder().decode(start);
  const trimmed = text.trim();
  if (trimmed.startsWith('{') || trimmed.startsWith('[')) {
    const message = jsonMessage(parseJson(trimmed), 0);
    if (message !== undefined) return printableLine(message);
  }
  if (trimmed.startsWith('<')) return printableLine(/<title[^>]*>([^<]*)/i.exec(trimmed)?.[1] ?? '');
  return printableLine(text);
}

/** Field 2 of a google.rpc.Status that is well formed up to there, or undefined. */
function protobufStatusMessage(body: Uint8Array): string | undefined {
  let at = 0;
  while (at < body.length) {
    const tag = body[at++] ?? 0;
    if (tag === 0x08) {
      while ((body[at] ?? 0) >= 0x80) at++;
      at++;
      continue;
    }
    let length = 0;
    for (let scale = 1; scale < 2 ** 32; scale *= 0x80) {
      const byte = body[at++] ?? 0;
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    // A status that was cut at our reading limit still has its message's start.
    if (tag === 0x12) return at < body.length ? new TextDecoder().decode(body.subarray(at, at + length)) : undefined;
    if (tag !== 0x1a) return undefined;
    at += length;
  }
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const messageKeys = ['message', 'error_description', 'error', 'errors', 'detail', 'details', 'reason', 'title'];

function jsonMessage(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return value.trim() === '' ? undefined : value;
  if (depth === 4 || typeof value !== 'object' || value === null) return undefined;
  const inner = Array.isArray(value)
    ? value.slice(0, 1)
    : messageKeys.map((key) => Object.entries(value).find(([name]) => name.toLowerCase() === key)?.[1]);
  for (const candidate of inner) {
    const message = jsonMessage(candidate, depth + 1);
    if (message !== undefined) return message;
  }
  return undefined;
}
