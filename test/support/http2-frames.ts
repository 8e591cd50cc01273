import { exportMethods } from '../../src/main/core/otlp/grpc-methods.ts';

/** HTTP/2 by hand (RFC 9113), for what no client would send. */

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flags = { none: 0, endStream: 1, acknowledged: 1, endHeaders: 4, padded: 8 } as const;

export function frame(type: number, flag: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flag;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Header fields as literals without index, RFC 7541, 6.2.2: no state, no Huffman code. */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), stringLiteral(name), stringLiteral(value)]),
  );
}

function stringLiteral(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const length: number[] = [];
  if (bytes.length < 127) {
    length.push(bytes.length);
  } else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** What an exporter's call begins with. `changed` replaces fields, adds them, or with undefined leaves them out. */
export function callFields(changed: Readonly<Record<string, string | undefined>> = {}): [string, string][] {
  const usual = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': exportMethods.metrics,
    ':authority': '127.0.0.1:14317',
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  return Object.entries({ ...usual, ...changed }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] satisfies [string, string]],
  );
}

export function call(
  streamId: number,
  options: { readonly fields?: readonly (readonly [string, string])[]; readonly endStream?: boolean } = {},
): Buffer {
  const flag = flags.endHeaders | (options.endStream ? flags.endStream : 0);
  return frame(frameTypes.headers, flag, streamId, headerBlock(options.fields ?? callFields()));
}

/** A message with its prefix, as the body of a call. */
export function message(body: Buffer, { compressed = 0, length = body.length } = {}): Buffer {
  return Buffer.concat([Buffer.from([compressed]), uint32(length), body]);
}

export interface ReceivedFrame {
  readonly type: number;
  readonly flag: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** The whole frames at the start of what was received. */
export function readFrames(bytes: Buffer): ReceivedFrame[] {
  const frames: ReceivedFrame[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    frames.push({
      type: bytes[at + 3] ?? 0,
      flag: bytes[at + 4] ?? 0,
      streamId: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return frames;
}
