import { endGrpcConnection, type GrpcConnection, type GrpcConnections } from './grpc-connection.ts';
import type { Intake } from './intake.ts';
import * as refusals from './refusal.ts';

/** Keeps the time of all gRPC connections, while there are any: node:http2 has no time limits. */
export class GrpcWatch {
  readonly #connections: GrpcConnections;
  readonly #intake: Intake;
  readonly #everyMs: number;
  #running = false;

  constructor(connections: GrpcConnections, intake: Intake) {
    const { headersTimeoutMs, requestTimeoutMs } = intake.limits;
    this.#connections = connections;
    this.#intake = intake;
    this.#everyMs = Math.max(20, Math.min(1000, headersTimeoutMs / 2, requestTimeoutMs / 2));
  }

  begin(): void {
    if (this.#running) return;
    this.#running = true;
    this.#intake.clock.after(this.#everyMs, () => {
      this.#running = false;
      for (const connection of this.#connections.all()) checkConnection(connection, this.#intake);
      if (this.#connections.size > 0) this.begin();
    });
  }
}

/** Ends what takes too long: the first bytes, a call, an answer that nobody reads, a rest. */
function checkConnection(connection: GrpcConnection, intake: Intake): void {
  const { limits, clock } = intake;
  const { socket, session, calls, restingSinceMs } = connection;
  const now = clock.monotonicMs();
  const restedMs = now - restingSinceMs;
  if (session === undefined) {
    if (restedMs < limits.headersTimeoutMs) return;
    if (socket.bytesRead > 0) intake.refused(refusals.timeoutRefusal, undefined, 0);
    socket.destroy();
  } else if (calls.length > 0) {
    for (const call of [...calls]) {
      if (!call.checkTime(now)) socket.destroy();
    }
  } else if (session.closed) {
    // The client does not end its side, or has stopped in the middle of a call's headers.
    connection.overSinceMs ??= now;
    if (now - connection.overSinceMs >= limits.lingerMs) socket.destroy();
  } else if (restedMs >= limits.keepAliveTimeoutMs) {
    endGrpcConnection(connection);
  }
}
