import type { OtlpContentType } from '../otlp/status.ts';

/** The OTLP encoding that a Content-Type names, parameters aside; undefined when it is none of OTLP's two. */
export function otlpContentType(header: string | undefined): OtlpContentType | undefined {
  if (header === 'application/x-protobuf' || header === 'application/json') return header;
  switch (header?.split(';', 1)[0]?.trim().toLowerCase()) {
    case 'application/x-protobuf':
      return 'application/x-protobuf';
    case 'application/json':
      return 'application/json';
    default:
      return undefined;
  }
}

export type ContentEncoding = 'identity' | 'gzip';

/** The encoding that a Content-Encoding names; undefined when the receiver does not know it. */
export function contentEncoding(header: string | undefined): ContentEncoding | undefined {
  if (header === undefined) return 'identity';
  switch (header.trim().toLowerCase()) {
    case '':
    case 'identity':
      return 'identity';
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    default:
      return undefined;
  }
}

/** The value as it may stand in a message: as it is when it looks like the name of an encoding, else not at all. */
export function nameOfEncoding(header: string): string {
  const name = header.trim().toLowerCase();
  return /^[a-z][a-z0-9-]{0,15}$/.test(name) ? `"${name}"` : 'what the request has';
}
