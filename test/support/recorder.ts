import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { isSignal, type Signal } from '../../src/shared/signal.ts';
import { cutOff, listen } from './server.ts';

/** Stands between an exporter and the relay: knows what was exported, and passes it on byte for byte. */
export interface Recorder extends AsyncDisposable {
  /** The base URL, without a trailing slash. */
  readonly url: string;
  /** What was answered with 200, in the order of arrival. */
  readonly exported: readonly ExportedRequest[];
}

export interface ExportedRequest {
  readonly signal: Signal;
  readonly headers: IncomingHttpHeaders;
  /** Decompressed. */
  readonly body: Buffer;
}

/** `targetPort` is asked for each request: a relay that was restarted may listen elsewhere. */
export async function startRecorder(targetPort: () => number): Promise<Recorder> {
  const exported: ExportedRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const raw = await buffer(incoming);
    const { method, url: path, headers } = incoming;
    const onward = httpRequest({ host: '127.0.0.1', port: targetPort(), method, path, headers }, (answer) => {
      const signal = path?.split('/').at(-1);
      if (answer.statusCode === 200 && isSignal(signal)) {
        exported.push({ signal, headers, body: headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw });
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => incoming.socket.destroy());
    onward.end(raw);
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    exported,
    [Symbol.asyncDispose]: () => cutOff(server),
  };
}
