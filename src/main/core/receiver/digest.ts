import type { Signal } from '../../../shared/signal.ts';
import { inspectRequest } from '../otlp/inspect.ts';
import { transcodeJson } from '../otlp/json.ts';
import type { OtlpContentType } from '../otlp/status.ts';

export type Digest =
  /** `body` is protobuf, whatever came in. */
  | { readonly ok: true; readonly body: Uint8Array; readonly points: number }
  /** What is wrong and where; never holds a value out of the request. */
  | { readonly ok: false; readonly problem: string };

/** Checks and counts a request, and transcodes it where it is JSON. */
export function digest(signal: Signal, contentType: OtlpContentType, body: Uint8Array): Digest {
  if (contentType === 'application/json') return transcodeJson(signal, body);
  const inspection = inspectRequest(signal, body);
  return inspection.ok ? { ok: true, body, points: inspection.points } : inspection;
}

/** The bytes in a buffer of their own: handing over a part of one would take its neighbours along. */
export function wholeBuffer(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = body;
  return buffer instanceof ArrayBuffer && body.byteLength === buffer.byteLength
    ? new Uint8Array(buffer)
    : new Uint8Array(body);
}
