import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { isSignal, type Signal } from '../../src/shared/signal.ts';
import { startGrpcVendor } from './grpc-vendor.ts';
import { close, cutOff, listen } from './server.ts';

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

/**
 * The same for gRPC: every byte of the client goes to the relay and to a stand-in as well, which tells what was exported. The
 * client hears the relay alone.
 */
export async function startGrpcRecorder(targetPort: () => number): Promise<Recorder> {
  const standIn = await startGrpcVendor();
  const sockets = new Set<Socket>();
  const server = createTcpServer((client) => {
    const relay = connect({ host: '127.0.0.1', port: targetPort() });
    const copy = connect({ host: '127.0.0.1', port: standIn.port });
    const all = [client, relay, copy];
    for (const socket of all) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    client.pipe(relay).pipe(client);
    client.pipe(copy).resume();
    const endAll = () => {
      for (const socket of all) socket.destroySoon();
    };
    client.on('close', endAll);
    relay.on('close', endAll);
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    get exported() {
      return standIn.accepted.flatMap(({ signal, ...request }) =>
        signal === undefined ? [] : [{ signal, ...request }],
      );
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await close(server);
      await standIn.stop();
    },
  };
}
