import type { Socket } from 'node:net';
import { Agent } from '../node-http.ts';
import type { NetworkSettings } from './network/network-settings.ts';

/** Load balancers commonly close a connection that was idle for a minute: ours goes first. */
const idleTimeoutMs = 50_000;

/**
 * Kept-alive connections that lead to the same place. Node's agent keeps them; it is handed sockets that are open already,
 * so that what goes wrong while one is opened never passes through it.
 */
export class ConnectionPool extends Agent {
  #handedOver: Socket | undefined;

  constructor() {
    super({ keepAlive: true, timeout: idleTimeoutMs });
  }

  /** The next request gets this connection, unless another one has become idle since. */
  handOver(socket: Socket): void {
    this.#handedOver = socket;
  }

  /** Called by Node when a request finds no idle connection. */
  override createConnection(): Socket | undefined {
    const socket = this.#handedOver;
    this.#handedOver = undefined;
    return socket;
  }

  /** Closes what was handed over and found no use: a request took a connection that had become idle. */
  dropUnused(): void {
    this.#handedOver?.destroy();
    this.#handedOver = undefined;
  }

  get hasIdle(): boolean {
    return this.#idle().some((socket) => !socket.destroyed);
  }

  closeIdle(): void {
    for (const socket of this.#idle()) socket.destroy();
  }

  #idle(): Socket[] {
    return Object.values(this.freeSockets).flatMap((sockets) => sockets ?? []);
  }
}

/** The pools of one transport: by origin and by how connections to it are made. */
export class ConnectionPools {
  readonly #pools = new Map<string, ConnectionPool>();

  /** One with an idle connection; undefined where a connection has to be opened. */
  withIdle(url: URL, network: NetworkSettings): ConnectionPool | undefined {
    const pool = this.#pools.get(keyOf(url, network));
    return pool?.hasIdle ? pool : undefined;
  }

  /** The pool for a connection that was just opened, with that connection in it. */
  add(url: URL, network: NetworkSettings, { socket }: { readonly socket: Socket }): ConnectionPool {
    const key = keyOf(url, network);
    const pool = this.#pools.get(key) ?? new ConnectionPool();
    this.#pools.set(key, pool);
    pool.handOver(socket);
    return pool;
  }

  closeIdle(): void {
    for (const pool of this.#pools.values()) pool.closeIdle();
  }
}

function keyOf(url: URL, { proxy, caFile, clientCert, clientKey }: NetworkSettings): string {
  return JSON.stringify([url.origin, proxy, caFile, clientCert, clientKey]);
}
