/** The two frames of HTTP/2 that the HTTP port needs to answer a gRPC client in its own words (RFC 9113, 6.5 and 6.8). */

const settings = 0x4;
const goAway = 0x7;
/** RFC 9113, 7: HTTP_1_1_REQUIRED. */
const http11Required = 0xd;

/** Says that this is no HTTP/2 server; gRPC clients show the message in their errors. */
export function encodeHttp11Required(message: string): Uint8Array {
  const debugData = Buffer.from(message);
  const payload = Buffer.alloc(8 + debugData.length);
  // The first four bytes: no stream was processed.
  payload.writeUInt32BE(http11Required, 4);
  debugData.copy(payload, 8);
  return Buffer.concat([frame(settings, Buffer.alloc(0)), frame(goAway, payload)]);
}

/** On stream 0, without flags. */
function frame(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  return Buffer.concat([head, payload]);
}
