import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { loadHttp2 } from '../node-http2.ts';
import { describeBreak, errorCode, seconds } from './failure-words.ts';
import type { NetworkSettings } from './network/network-settings.ts';
import { aborted, failure, idleTimeoutMs, type TransportFailure } from './transport.ts';

/** After this much silence a connection may be dead without anybody having said so: it is asked first. */
const quietMs = 10_000;

const pingTimeoutMs = 5_000;

export type Spoken = GrpcConnection | TransportFailure;

/** One HTTP/2 connection, for any number of calls at once. */
export class GrpcConnection {
  readonly kind = 'connection';
  readonly #session: ClientHttp2Session;
  readonly #clock: Clock;
  #heardAtMs: number;
  #calls = 0;
  #answered = false;
  #retired = false;
  #lastProcessedId = Number.POSITIVE_INFINITY;
  #checking: Promise<boolean> | undefined;

  /** Use `speakHttp2`. */
  constructor(session: ClientHttp2Session, clock: Clock) {
    this.#session = session;
    this.#clock = clock;
    this.#heardAtMs = clock.monotonicMs();
    session.on('goaway', (_code, lastStreamId) => {
      this.#lastProcessedId = lastStreamId;
    });
    session.setTimeout(idleTimeoutMs, () => {
      if (this.#calls === 0) this.retire();
    });
  }

  /** Whether new calls can be made; the other side may have seen to it that they cannot. */
  get open(): boolean {
    return !this.#retired && !this.#session.closed && !this.#session.destroyed;
  }

  /** It has answered before: that it breaks off says nothing of the destination. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Whether the other side still hears us. Asks only after a silence: gRPC servers do not like to be asked often. */
  async alive(): Promise<boolean> {
    if (!this.open) return false;
    if (this.#clock.monotonicMs() - this.#heardAtMs < quietMs) return true;
    this.#checking ??= this.#ping().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** Throws where the headers cannot be sent, or the connection has ended a moment ago. */
  start(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const stream = this.#session.request(headers);
    this.#calls++;
    stream.once('close', () => this.#calls--);
    return stream;
  }

  heard(): void {
    this.#answered = true;
    this.#heardAtMs = this.#clock.monotonicMs();
  }

  /** Whether the other side has said that it did nothing with a call. */
  leftOut(streamId: number | undefined): boolean {
    return streamId === undefined || streamId > this.#lastProcessedId;
  }

  /** Takes no new calls; ends when those under way have ended. */
  retire(): void {
    this.#retired = true;
    if (!this.#session.destroyed) this.#session.close();
  }

  #ping(): Promise<boolean> {
    return new Promise((resolve) => {
      const cancelTimer = this.#clock.after(pingTimeoutMs, () => settle(false));
      const settle = (alive: boolean) => {
        cancelTimer();
        if (alive) this.#heardAtMs = this.#clock.monotonicMs();
        else this.#session.destroy();
        resolve(alive && this.open);
      };
      if (!this.#session.ping((error) => settle(error === null))) settle(false);
    });
  }
}

/** Between an open connection and the other side's first word in HTTP/2. */
const settingsTimeoutMs = 10_000;

export interface Http2Target {
  readonly url: URL;
  readonly network: NetworkSettings;
  readonly clock: Clock;
  readonly abort: AbortSignal;
}

/** Begins HTTP/2. Waits for the other side's settings, so that no telemetry goes to what speaks something else. Never rejects. */
export function speakHttp2(socket: Socket, { url, network, clock, abort }: Http2Target): Promise<Spoken> {
  if (socket.destroyed) return Promise.resolve(brokenOff(socket.errored, { url, network, clock }));
  return new Promise((resolve) => {
    const session = loadHttp2().connect(url, { createConnection: () => socket, settings: { enablePush: false } });
    // After an alert of TLS, Node 24.21 destroys the session alone, which then waits for its socket to close before it says so.
    socket.once('error', () => socket.destroy());
    let problem: unknown;
    // Stays: those who have calls on the connection are told by them.
    session.on('error', (error) => {
      problem = error;
    });
    const onClose = () => settle(brokenOff(problem, { url, network, clock }));
    const onAbort = () => settle(aborted(false));
    const cancelTimer = clock.after(settingsTimeoutMs, () => {
      settle(silent(url.host, settingsTimeoutMs));
    });
    const settle = (spoken: Spoken) => {
      cancelTimer();
      session.off('close', onClose);
      abort.removeEventListener('abort', onAbort);
      if (spoken.kind === 'failure') session.destroy();
      resolve(spoken);
    };
    abort.addEventListener('abort', onAbort, { once: true });
    session.once('close', onClose);
    session.once('remoteSettings', () => settle(new GrpcConnection(session, clock)));
  });
}

/** A connection stands, and nothing that gRPC needs has come over it. */
export function silent(host: string, waitedMs: number): TransportFailure {
  const message = `${host} takes the connection, but does not begin HTTP/2, which gRPC needs, within ${seconds(waitedMs)}: is it a port for gRPC (commonly 4317)?`;
  return failure('timeout', 'HTTP2_TIMEOUT', message);
}

/** Before a word of HTTP/2 has come. */
function brokenOff(problem: unknown, { url, network, clock }: Omit<Http2Target, 'abort'>): TransportFailure {
  const { host } = url;
  const plain = url.protocol === 'http:';
  if (errorCode(problem) === 'ERR_HTTP2_ERROR') {
    const message = `What answers at ${host} does not speak HTTP/2${plain ? ' without TLS' : ''}, which gRPC needs. Check the port (for gRPC commonly 4317)${plain ? ' and whether it takes https' : ''}, or set the protocol of this destination to http/protobuf.`;
    return failure('other-protocol', 'ERR_HTTP2_ERROR', message);
  }
  const about = { url, network, now: clock.now(), mayWantTls: plain };
  const { reason, code, message } = describeBreak(problem, about);
  return failure(reason, code, message);
}
