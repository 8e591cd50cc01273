import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';

/** One client connection, and what it is at. */
export interface Connection {
  readonly socket: Socket;
  /** Requests that have begun and have no answer yet: more than one where the client pipelines. */
  unanswered: number;
  /** The answer to the newest request. */
  newest: ServerResponse | undefined;
  /** The request whose body is being read: over HTTP/1.1 at most one. */
  reading: { interrupt(cause: Interruption): boolean } | undefined;
  /** Came when all connections were taken: its first request is told so, unless there is room by then. */
  surplus: boolean;
  /** Ends with the answer to the newest request. */
  closing: boolean;
  /** Nothing that still arrives is looked at. */
  deaf: boolean;
  /** Since when it has been at rest: since it came, or since its last answer. Monotonic. */
  restingSinceMs: number;
}

/** Why a body will never be complete. */
export type Interruption = 'timeout' | 'malformed';

/** All client connections of the receiver, over all of its addresses. */
export class Connections {
  readonly #maxConnections: number;
  readonly #maxSilentMs: number;
  readonly #lingerMs: number;
  readonly #clock: Clock;
  readonly #all = new Map<Duplex, Connection>();
  /** Without a request, the longest at rest first. */
  readonly #resting = new Set<Connection>();
  #onEmpty: () => void = () => undefined;

  constructor(options: { maxConnections: number; maxSilentMs: number; lingerMs: number; clock: Clock }) {
    this.#maxConnections = options.maxConnections;
    this.#maxSilentMs = options.maxSilentMs;
    this.#lingerMs = options.lingerMs;
    this.#clock = options.clock;
  }

  get size(): number {
    return this.#all.size;
  }

  add(socket: Socket): void {
    const connection: Connection = {
      socket,
      unanswered: 0,
      newest: undefined,
      reading: undefined,
      surplus: false,
      closing: false,
      deaf: false,
      restingSinceMs: this.#clock.monotonicMs(),
    };
    connection.surplus = this.#all.size >= this.#maxConnections && !this.makeRoom();
    this.#all.set(socket, connection);
    this.#resting.add(connection);
    socket.once('close', () => {
      this.#all.delete(socket);
      this.#resting.delete(connection);
      connection.deaf = true;
      if (this.#all.size === 0) this.#onEmpty();
    });
  }

  of(socket: Duplex): Connection | undefined {
    return this.#all.get(socket);
  }

  /** Whether a connection that came as surplus may be served by now. */
  admit(connection: Connection): boolean {
    if (connection.surplus) connection.surplus = this.#all.size > this.#maxConnections && !this.makeRoom();
    return !connection.surplus;
  }

  requestBegins(connection: Connection, response: ServerResponse): void {
    connection.unanswered++;
    connection.newest = response;
    this.#resting.delete(connection);
  }

  requestIsAnswered(connection: Connection): void {
    connection.unanswered--;
    if (connection.unanswered > 0 || connection.deaf) return;
    connection.restingSinceMs = this.#clock.monotonicMs();
    this.#resting.add(connection);
  }

  /**
   * Ends the connection so that the client can read the answer: a socket that is closed with unread input resets the
   * connection, and takes an answer along that the client has not read yet. So our side ends, and what the client
   * still sends is thrown away for a moment.
   */
  linger(connection: Connection, lastWords?: Uint8Array): void {
    const { socket } = connection;
    connection.deaf = true;
    this.#resting.delete(connection);
    if (lastWords) socket.end(lastWords);
    else socket.end();
    const cancel = this.#clock.after(this.#lingerMs, () => socket.destroy());
    socket.once('close', cancel);
  }

  /** Ends the connections that are between two requests. */
  closeIdle(): void {
    for (const connection of this.#resting) {
      if (connection.newest !== undefined) this.#close(connection);
    }
  }

  destroyAll(): void {
    for (const { socket } of this.#all.values()) socket.destroy();
  }

  /** Resolves when no connection is left. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      if (this.#all.size === 0) resolve();
    });
  }

  /**
   * Ends the connection that has been at rest the longest: between two requests, or without a byte ever. One that came just
   * now may have its first request on the way, so it is spared while there are not too many by half.
   */
  makeRoom(): boolean {
    const spare = this.#all.size <= this.#maxConnections * 1.5;
    const now = this.#clock.monotonicMs();
    for (const connection of this.#resting) {
      const { newest, socket, restingSinceMs } = connection;
      const isSilent = socket.bytesRead === 0 && !(spare && now - restingSinceMs < this.#maxSilentMs);
      if (newest === undefined && !isSilent) continue;
      this.#close(connection);
      return true;
    }
    return false;
  }

  #close(connection: Connection): void {
    this.#resting.delete(connection);
    connection.deaf = true;
    connection.socket.destroySoon();
  }
}
