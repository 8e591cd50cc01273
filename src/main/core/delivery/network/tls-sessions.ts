import type { SecureContext, TLSSocket } from 'node:tls';

const maxSessions = 50;

/** Sessions of TLS connections, to resume them: by the place and by the context, as a context stands for whom we trusted. */
export class TlsSessions {
  readonly #ofContext = new WeakMap<SecureContext, Map<string, Buffer>>();

  get(context: SecureContext, place: string): Buffer | undefined {
    return this.#ofContext.get(context)?.get(place);
  }

  /** Keeps what the other side gives, the latest; with TLS 1.3 that comes after the handshake. */
  keepFrom(socket: TLSSocket, context: SecureContext, place: string): void {
    const sessions = this.#ofContext.get(context) ?? new Map<string, Buffer>();
    this.#ofContext.set(context, sessions);
    socket.on('session', (session) => {
      sessions.delete(place);
      sessions.set(place, session);
      const [oldest] = sessions.keys();
      if (sessions.size > maxSessions && oldest !== undefined) sessions.delete(oldest);
    });
  }

  /** Whatever was wrong with it. */
  drop(context: SecureContext, place: string): void {
    this.#ofContext.get(context)?.delete(place);
  }
}
