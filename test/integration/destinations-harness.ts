import { createServer, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { addBooks, type Books, emptyBooks, imbalance, type LedgerRow } from '../../src/shared/ledger.ts';
import { close, listen } from '../support/server.ts';

/** The books of one destination over all signals. */
export function booksOf(rows: readonly LedgerRow[], destination: string): Books {
  return rows.filter((row) => row.destination === destination).reduce<Books>(addBooks, emptyBooks);
}

/** accepted = delivered + pending + rejected + dropped, for each destination and signal. */
export function expectBalance(rows: readonly LedgerRow[]): void {
  expect(rows.filter((row) => imbalance(row) !== 0)).toEqual([]);
}

export interface BlackHole {
  readonly url: string;
  readonly port: number;
  connections(): number;
  close(): Promise<void>;
}

/** Takes every connection and never reads from it, as a firewall that drops what is inside. */
export async function ownBlackHole(): Promise<BlackHole> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
  });
  const port = await listen(server);
  const hole: BlackHole = {
    url: `http://127.0.0.1:${port}`,
    port,
    connections: () => connections,
    async close() {
      const closed = close(server);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  onTestFinished(() => hole.close());
  return hole;
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
