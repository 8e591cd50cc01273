import { delimited, WireCursor } from './wire.ts';

const retryInfoType = 'google.rpc.RetryInfo';

/**
 * How long a server asks to wait, in milliseconds: the google.rpc.RetryInfo among the details of a google.rpc.Status.
 * Undefined where there is none, and for bytes that are something else.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-throttling
 */
export function retryDelayMs(status: Uint8Array): number | undefined {
  for (const detail of messagesIn(status, 3)) {
    const [type] = messagesIn(detail, 1);
    const [info] = messagesIn(detail, 2);
    if (type === undefined || Buffer.from(type).toString().split('/').at(-1) !== retryInfoType) continue;
    const [delay] = messagesIn(info ?? new Uint8Array(), 1);
    return delay === undefined ? undefined : durationMs(delay);
  }
  return undefined;
}

/** A google.protobuf.Duration. */
function durationMs(duration: Uint8Array): number {
  const cursor = new WireCursor(duration);
  let milliseconds = 0;
  while (cursor.at < duration.length) {
    const tag = cursor.varint();
    if (tag === 0x08) milliseconds += cursor.varint() * 1000;
    else if (tag === 0x10) milliseconds += cursor.varint() / 1e6;
    else cursor.skip(tag);
  }
  return milliseconds;
}

/** The contents of every length-delimited field of this number. */
function messagesIn(bytes: Uint8Array, number: number): Uint8Array[] {
  const cursor = new WireCursor(bytes);
  const found: Uint8Array[] = [];
  while (cursor.at < bytes.length) {
    const tag = cursor.varint();
    if (tag !== number * 8 + delimited) {
      cursor.skip(tag);
      continue;
    }
    const length = cursor.varint();
    found.push(bytes.subarray(cursor.at, cursor.at + length));
    cursor.at += length;
  }
  return found;
}
