import { connect as connectHttp2, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { exportMethods } from '../../src/main/core/otlp/grpc-methods.ts';
import { decodeStatusMessage } from '../../src/main/core/otlp/status.ts';
import { frame, frameTypes, preface, type ReceivedFrame, readFrames } from '../support/http2-frames.ts';
import { openRaw, type RawConnection } from './receiver-harness.ts';

export interface CallAnswer {
  /** HTTP's. */
  readonly status: number;
  /** gRPC's; NaN where there was none. */
  readonly code: number;
  readonly message: string;
  /** Headers and trailers together. */
  readonly headers: IncomingHttpHeaders;
  /** Of the google.rpc.Status. */
  readonly statusMessage: string | undefined;
  readonly body: Buffer;
  /** Of the RST_STREAM behind the answer. */
  readonly resetCode: number;
}

export interface Call {
  readonly headers?: OutgoingHttpHeaders;
  /** As it is: with the prefix of the message. */
  readonly body?: Buffer | readonly Buffer[];
  /** False: the call goes on for ever. */
  readonly end?: boolean;
}

/** A call by Node's HTTP/2 client, with any headers and any body. Rejects where no answer comes. */
export function callGrpc(port: number, { headers = {}, body = [], end = true }: Call = {}): Promise<CallAnswer> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': exportMethods.metrics,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    let all: IncomingHttpHeaders = {};
    const pieces: Buffer[] = [];
    stream.on('response', (received) => {
      all = { ...all, ...received };
    });
    stream.on('trailers', (received) => {
      all = { ...all, ...received };
    });
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    // A reset with a code is told by `resetCode`.
    stream.on('error', () => undefined);
    stream.on('close', () => {
      const details = all['grpc-status-details-bin'];
      const status = Buffer.from(typeof details === 'string' ? details : '', 'base64');
      resolve({
        status: Number(all[':status']),
        code: Number(all['grpc-status']),
        message: decodeURIComponent(String(all['grpc-message'] ?? '')),
        headers: all,
        statusMessage: decodeStatusMessage('application/grpc', status),
        body: Buffer.concat(pieces),
        resetCode: stream.rstCode ?? constants.NGHTTP2_NO_ERROR,
      });
      session.destroy();
    });
    for (const piece of Buffer.isBuffer(body) ? [body] : body) stream.write(piece);
    if (end) stream.end();
  });
}

/** A bare connection that has said that it speaks HTTP/2. */
export interface RawHttp2 extends RawConnection {
  readonly frames: () => readonly ReceivedFrame[];
}

export async function openRawHttp2(port: number): Promise<RawHttp2> {
  const raw = await openRaw(port);
  raw.socket.write(Buffer.concat([preface, frame(frameTypes.settings, 0, 0)]));
  return { ...raw, frames: () => readFrames(Buffer.from(raw.text(), 'latin1')) };
}
