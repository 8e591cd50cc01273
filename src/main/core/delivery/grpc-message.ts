import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { maxAnswerBytes } from './transport.ts';

const gunzipAsync = promisify(gunzip);

/** The flag that tells a compressed message, and the length. */
const prefixBytes = 5;

/**
 * One message as gRPC frames it, compressed or not.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message"
 */
export function frameMessage(message: Uint8Array, compression: 'gzip' | 'none'): Uint8Array {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame.writeUInt8(compression === 'gzip' ? 1 : 0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixBytes);
  return frame;
}

/** The one message that a unary answer has; empty where there is none, it is not whole, or it cannot be read. */
export async function unframeMessage(frame: Uint8Array, encoding: string | undefined): Promise<Uint8Array> {
  const nothing = new Uint8Array();
  if (frame.length < prefixBytes) return nothing;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const length = view.getUint32(1);
  if (frame.length < prefixBytes + length) return nothing;
  const content = frame.subarray(prefixBytes, prefixBytes + length);
  if (view.getUint8(0) === 0) return content;
  if (encoding !== 'gzip') return nothing;
  // What cannot be read says nothing; the status has said that the data was taken.
  return gunzipAsync(content, { maxOutputLength: maxAnswerBytes }).catch(() => nothing);
}
