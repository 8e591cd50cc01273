import type { Socket } from 'node:net';

/** What a client speaks, by the first bytes that it sends. */
export type FirstBytes = 'http1' | 'http2' | 'tls' | 'other';

/** RFC 9113, 3.4. */
const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** The ContentType of a handshake and the major version, RFC 8446, 5.1. */
const tlsHandshake = Buffer.from([0x16, 0x03]);

/** Undefined while it can still be one thing or another. */
export function classifyFirstBytes(bytes: Uint8Array): FirstBytes | undefined {
  if (bytes.length === 0) return undefined;
  if (startsLike(bytes, http2Preface)) return bytes.length < http2Preface.length ? undefined : 'http2';
  if (startsLike(bytes, tlsHandshake)) return bytes.length < tlsHandshake.length ? undefined : 'tls';
  const [first = 0] = bytes;
  // HTTP/1.1 begins with a method in capital letters; an empty line before it is tolerated (RFC 9112, 2.2).
  return (first >= 0x41 && first <= 0x5a) || first === 0x0d || first === 0x0a ? 'http1' : 'other';
}

function startsLike(bytes: Uint8Array, whole: Buffer): boolean {
  const length = Math.min(bytes.length, whole.length);
  return whole.compare(bytes, 0, length, 0, length) === 0;
}

/** Reads until it is clear what the client speaks; what was read is put back. */
export function readFirstBytes(socket: Socket, onKnown: (kind: FirstBytes) => void): void {
  let bytes = Buffer.alloc(0);
  const onReadable = () => {
    const more: Buffer | null = socket.read();
    if (more === null || socket.destroyed) return;
    bytes = Buffer.concat([bytes, more]);
    const kind = classifyFirstBytes(bytes);
    if (kind === undefined) return;
    socket.off('readable', onReadable);
    socket.off('end', onEnd);
    socket.unshift(bytes);
    onKnown(kind);
  };
  const onEnd = () => socket.destroy();
  socket.on('readable', onReadable);
  socket.on('end', onEnd);
  // Without a listener an error would end the process. What follows it is the end of the connection.
  socket.on('error', () => socket.destroy());
}
