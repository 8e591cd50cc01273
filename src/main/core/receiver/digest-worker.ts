/** The worker thread for large bodies: digests one after the other; memory is handed over both ways instead of copied. */
import { parentPort } from 'node:worker_threads';
import type { Signal } from '../../../shared/signal.ts';
import type { OtlpContentType } from '../otlp/status.ts';
import { type Digest, digest, wholeBuffer } from './digest.ts';

export interface DigestJob {
  readonly id: number;
  readonly signal: Signal;
  readonly contentType: OtlpContentType;
  readonly body: Uint8Array;
}

export interface DigestDone {
  readonly id: number;
  readonly result: Digest;
}

parentPort?.on('message', ({ id, signal, contentType, body }: DigestJob) => {
  const result = digest(signal, contentType, body);
  if (result.ok) {
    const whole = wholeBuffer(result.body);
    parentPort?.postMessage({ id, result: { ...result, body: whole } } satisfies DigestDone, [whole.buffer]);
  } else {
    parentPort?.postMessage({ id, result } satisfies DigestDone);
  }
});
