import type { Signal } from '../../../shared/signal.ts';
import { inspectRequest } from '../otlp/inspect.ts';
import { JsonEncoder } from '../otlp/to-json.ts';

export type JsonBody =
  | { readonly ok: true; readonly body: Uint8Array }
  /** What is wrong and where, in words; never holds a value out of the request. */
  | { readonly ok: false; readonly problem: string };

/** An encoded request as OTLP/JSON; others get their turn while a large one is made. */
export async function jsonBody(signal: Signal, request: Uint8Array): Promise<JsonBody> {
  const inspection = inspectRequest(signal, request);
  if (!inspection.ok) return inspection;
  const encoder = new JsonEncoder(signal, request);
  let body = encoder.step();
  while (body === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
    body = encoder.step();
  }
  return { ok: true, body };
}
