import type { Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';
import type { Intake } from './intake.ts';
import { droppedConnectionRefusal } from './refusal.ts';

/** One client connection, and what it is at. */
export interface Connection {
  readonly socket: Socket;
  /** Requests that have begun and have no answer yet. */
  unanswered: number;
  /** Has asked for something before: at rest, it can be ended in order. */
  known: boolean;
  /** Came when all connections were taken: its first request is told so, unless there is room by then. */
  surplus: boolean;
  /** Nothing that still arrives is looked at. */
  deaf: boolean;
  /** Since when it has been at rest: since it came, or since its last answer. Monotonic. */
  restingSinceMs: number;
}

/** What every connection begins with. */
export function newConnection(socket: Socket): Connection {
  return { socket, unanswered: 0, known: false, surplus: false, deaf: false, restingSinceMs: 0 };
}

export interface ConnectionsOptions<C extends Connection> {
  readonly maxConnections: number;
  readonly maxSilentMs: number;
  readonly lingerMs: number;
  readonly clock: Clock;
  /** Ends a connection that is at rest, in the order of its protocol. */
  readonly end: (connection: C) => void;
}

/** Twice as many as are served can be told so. Those beyond are dropped unheard: Node resets them itself. */
export function limitConnections(
  server: Server,
  connections: { makeRoom(): boolean },
  { limits, refused }: Pick<Intake, 'limits' | 'refused'>,
): void {
  server.maxConnections = limits.maxConnections * 2;
  server.on('drop', () => {
    connections.makeRoom();
    refused(droppedConnectionRefusal, undefined, 0);
  });
}

/** All client connections of a receiver, over all of its addresses. */
export class Connections<C extends Connection> {
  readonly #maxConnections: number;
  readonly #maxSilentMs: number;
  readonly #lingerMs: number;
  readonly #clock: Clock;
  readonly #end: (connection: C) => void;
  readonly #all = new Map<Duplex, C>();
  /** Without a request, the longest at rest first. */
  readonly #resting = new Set<C>();
  #onEmpty: () => void = () => undefined;

  constructor(options: ConnectionsOptions<C>) {
    this.#maxConnections = options.maxConnections;
    this.#maxSilentMs = options.maxSilentMs;
    this.#lingerMs = options.lingerMs;
    this.#clock = options.clock;
    this.#end = options.end;
  }

  get size(): number {
    return this.#all.size;
  }

  add(connection: C): void {
    const { socket } = connection;
    connection.restingSinceMs = this.#clock.monotonicMs();
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

  of(socket: Duplex): C | undefined {
    return this.#all.get(socket);
  }

  all(): Iterable<C> {
    return this.#all.values();
  }

  /** Whether a connection that came as surplus may be served by now. */
  admit(connection: C): boolean {
    if (connection.surplus) connection.surplus = this.#all.size > this.#maxConnections && !this.makeRoom();
    return !connection.surplus;
  }

  requestBegins(connection: C): void {
    connection.unanswered++;
    connection.known = true;
    this.#resting.delete(connection);
  }

  requestIsAnswered(connection: C): void {
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
  linger(connection: C, lastWords?: Uint8Array): void {
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
      if (connection.known) this.#close(connection);
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
      const { known, socket, restingSinceMs } = connection;
      const isSilent = socket.bytesRead === 0 && !(spare && now - restingSinceMs < this.#maxSilentMs);
      if (!known && !isSilent) continue;
      this.#close(connection);
      return true;
    }
    return false;
  }

  #close(connection: C): void {
    this.#resting.delete(connection);
    connection.deaf = true;
    this.#end(connection);
  }
}
