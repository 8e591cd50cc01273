import { createServer, type ListenOptions, Server } from 'node:net';

export type Bound =
  | { readonly ok: true; readonly server: Server; readonly port: number }
  | { readonly ok: false; readonly code: string };

/** Makes a server listen; the error code, such as `EADDRINUSE`, where that fails. */
export function bind(server: Server, where: ListenOptions | { readonly fd: number }): Promise<Bound> {
  return new Promise((resolve) => {
    const onError = (error: NodeJS.ErrnoException) => resolve({ ok: false, code: error.code ?? error.name });
    server.once('error', onError);
    server.listen(where, () => {
      server.off('error', onError);
      // Accepting can fail for a moment, such as with too many open files. The server lives on.
      server.on('error', () => undefined);
      const address = server.address();
      resolve({ ok: true, server, port: typeof address === 'object' && address !== null ? address.port : 0 });
    });
  });
}

/** Stops listening at once and leaves the connections alone: an HTTP server's own `close` would cut idle ones. */
export function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // Called back when the last connection has ended; the port is free at once.
    Server.prototype.close.call(server, () => undefined);
    setImmediate(resolve);
  });
}

/** Whether a port is free for the taking, found out by taking it: `EADDRINUSE` and the like, or undefined when it is free. */
export async function tryExclusively(host: string, port: number): Promise<string | undefined> {
  const bound = await bind(createServer(), { host, port, exclusive: true });
  if (!bound.ok) return bound.code;
  await new Promise((resolve) => bound.server.close(resolve));
  return undefined;
}
