import type { Socket } from 'node:net';
import { Agent } from '../node-http.ts';
import type { ForwardProxy, Opened } from './network/connector.ts';
import { type NetworkSettings, networkKey } from './network/network-settings.ts';
import { idleTimeoutMs } from './transport.ts';

/**
 * Kept-alive connections that lead to the same place. Node's agent keeps them; it is handed sockets that are open already,
 * so that what goes wrong while one is opened never passes through it.
 */
export class ConnectionPool extends Agent {
  /** At the other end is a proxy that forwards requests. */
  readonly forward: ForwardProxy | undefined;
  #handedOver: Socket | undefined;

  constructor(forward: ForwardProxy | undefined) {
    // Proxies are not Node's affair here, whatever NODE_USE_ENV_PROXY says.
    super({ keepAlive: true, timeout: idleTimeoutMs, proxyEnv: {} });
    this.forward = forward;
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
  readonly #pools = new Map<string, ConnectionPool[]>();

  /** One with an idle connection; undefined where a connection has to be opened. */
  withIdle(url: URL, network: NetworkSettings): ConnectionPool | undefined {
    return this.#of(url, network).find((pool) => pool.hasIdle);
  }

  /** The pool for connections such as this one, which was just opened: the next request gets it. */
  with(opened: OpenConnection, url: URL, network: NetworkSettings): ConnectionPool {
    const { socket, forward } = opened;
    const pools = this.#of(url, network);
    let pool = pools.find((one) => sameForward(one.forward, forward));
    if (pool === undefined) {
      pool = new ConnectionPool(forward);
      pools.push(pool);
    }
    pool.handOver(socket);
    return pool;
  }

  closeIdle(): void {
    for (const pool of [...this.#pools.values()].flat()) pool.closeIdle();
  }

  #of(url: URL, network: NetworkSettings): ConnectionPool[] {
    const key = `${url.origin} ${networkKey(network)}`;
    const pools = this.#pools.get(key) ?? [];
    this.#pools.set(key, pools);
    return pools;
  }
}

type OpenConnection = Extract<Opened, { kind: 'open' }>;

function sameForward(a: ForwardProxy | undefined, b: ForwardProxy | undefined): boolean {
  return a?.label === b?.label && a?.authorization === b?.authorization;
}
