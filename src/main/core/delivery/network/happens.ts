import type { Socket } from 'node:net';

/**
 * Resolves with undefined when the socket has emitted the event, else with the error that came instead. From then on nobody
 * has to listen for errors: one that comes before the next owner does must not end the process.
 */
export function happens(socket: Socket, event: 'connect' | 'secureConnect'): Promise<unknown> {
  return new Promise((resolve) => {
    socket.once(event, () => resolve(undefined));
    socket.on('error', (error) => resolve(error));
    socket.once('close', () => resolve(new Error('The connection was closed.')));
  });
}
