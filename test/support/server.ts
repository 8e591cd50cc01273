import type { Server as HttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';

/** Starts listening, by default on any free port of 127.0.0.1; resolves with the port. Rejects where it cannot. */
export async function listen(server: Server, { host = '127.0.0.1', port = 0 } = {}): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Closes the port; resolves when the last connection has ended. */
export function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Closes the port and every connection. */
export function cutOff(server: HttpServer): Promise<void> {
  const closed = close(server);
  server.closeAllConnections();
  return closed;
}

/** The number of a server's socket; Node has no public word for it. */
export function descriptorOf(server: Server): number {
  const handle: unknown = Reflect.get(server, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof fd !== 'number') throw new Error('The socket has no descriptor.');
  return fd;
}
