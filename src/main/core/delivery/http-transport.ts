import type { Agent as HttpAgent, IncomingMessage, RequestOptions } from 'node:http';
import { request as startHttps, Agent as TlsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { type PeerCertificate, TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';
import { Agent, request as startHttp } from '../node-http.ts';
import { describeFailure, errorCode } from './failure-words.ts';
import {
  aborted,
  maxAnswerBytes,
  type Transport,
  type TransportFailure,
  type TransportRequest,
  type TransportResult,
} from './transport.ts';

export interface HttpTransportOptions {
  readonly clock: Clock;
  /** For the User-Agent. */
  readonly version: string;
  /** PEM certificates of authorities to trust instead of the runtime's own. */
  readonly trustedCertificates?: readonly string[];
  /** For name look-up, connection and TLS handshake together. */
  readonly connectTimeoutMs?: number;
}

/** Load balancers commonly close a connection that was idle for a minute: ours goes first. */
const idleTimeoutMs = 50_000;

/** Node's default of 250 ms gives a slow link (satellite, VPN to another continent) up before it could answer. */
const addressAttemptTimeoutMs = 2_500;

/** HTTP/1.1 by node:http and node:https with kept-alive connections. Follows no redirect, uses no proxy. */
export function createHttpTransport(options: HttpTransportOptions): Transport {
  const shared = {
    keepAlive: true,
    timeout: idleTimeoutMs,
    autoSelectFamilyAttemptTimeout: addressAttemptTimeoutMs,
    maxCachedSessions: 20,
  };
  const ca = options.trustedCertificates;
  const agent = new Agent(shared);
  const tlsAgent = new TlsAgent({ ...shared, ...(ca === undefined ? {} : { ca: [...ca] }) });
  return {
    send(request) {
      if (request.signal?.aborted) return Promise.resolve(aborted(false));
      const url = URL.parse(request.url);
      if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
        return Promise.resolve(unsendable('ERR_INVALID_URL', 'The endpoint is not an http or https address.'));
      }
      const chosen = url.protocol === 'https:' ? tlsAgent : agent;
      return exchange(url, request, chosen, options).then((result) => {
        // What the other side did to one idle connection it has likely done to all.
        if (result.kind === 'failure' && result.staleConnection) closeIdle(chosen);
        return result;
      });
    },
    closeIdle() {
      closeIdle(agent);
      closeIdle(tlsAgent);
    },
  };
}

function closeIdle(agent: HttpAgent): void {
  for (const sockets of Object.values(agent.freeSockets)) {
    for (const socket of sockets ?? []) socket.destroy();
  }
}

function unsendable(code: string, message: string): TransportFailure {
  return { kind: 'failure', reason: 'unsendable', possiblySent: false, staleConnection: false, code, message };
}

const defaultConnectTimeoutMs = 10_000;

function exchange(
  url: URL,
  request: TransportRequest,
  agent: HttpAgent,
  { clock, version, connectTimeoutMs = defaultConnectTimeoutMs }: HttpTransportOptions,
): Promise<TransportResult> {
  return new Promise((resolve) => {
    let connected = false;
    let certificate: Partial<PeerCertificate> | undefined;
    let response: IncomingMessage | undefined;
    const chunks: Buffer[] = [];
    let received = 0;

    const start = url.protocol === 'https:' ? startHttps : startHttp;
    const requestOptions: RequestOptions = {
      method: 'POST',
      agent,
      headers: {
        'user-agent': `span-relay/${version}`,
        ...request.headers,
        'content-length': request.body.length,
      },
    };
    let outgoing: ReturnType<typeof start>;
    try {
      outgoing = start(url, requestOptions);
    } catch (error) {
      // Node names the header or the part of the address that it cannot send; the value stays out of it.
      const reason = errorCode(error) === 'ERR_INVALID_CHAR' ? 'a header has a character that HTTP does not allow' : '';
      resolve(unsendable(errorCode(error), `The request cannot be built${reason && `: ${reason}`}. Check the config.`));
      return;
    }

    const cancelConnectTimer = clock.after(Math.min(connectTimeoutMs, request.timeoutMs), () => {
      const message = `No connection to ${url.host} within ${seconds(connectTimeoutMs)}: a firewall may be in between.`;
      finish({ ...failed('connect', 'CONNECT_TIMEOUT', message), possiblySent: false });
    });
    const cancelTimer = clock.after(request.timeoutMs, () => {
      const message = `${url.host} did not complete its answer within ${seconds(request.timeoutMs)}.`;
      finish(refusalSoFar() ?? failed('timeout', 'TIMEOUT', message));
    });
    const abort = () => finish(aborted(wentOut()));
    request.signal?.addEventListener('abort', abort, { once: true });

    let finished = false;
    function finish(result: TransportResult): void {
      if (finished) return;
      finished = true;
      cancelConnectTimer();
      cancelTimer();
      request.signal?.removeEventListener('abort', abort);
      // An exchange that ended in any other way than both sides being done leaves a connection that is of no more use.
      if (response?.complete !== true || !outgoing.writableFinished) outgoing.destroy();
      resolve(result);
    }

    /** True when all of the request has been handed to the system: less than that nobody can have taken for a request. */
    function wentOut(): boolean {
      return connected && outgoing.writableFinished;
    }

    function failed(reason: TransportFailure['reason'], code: string, message: string): TransportFailure {
      const staleConnection = reason === 'reset' && outgoing.reusedSocket && response === undefined;
      return { kind: 'failure', reason, possiblySent: wentOut(), staleConnection, code, message };
    }

    function answer(from: IncomingMessage, truncated: boolean): TransportResult {
      return {
        kind: 'answer',
        status: from.statusCode ?? 0,
        headers: plainHeaders(from),
        body: Buffer.concat(chunks),
        truncated,
      };
    }

    /** A refusal stands once its status is known, whether or not its body arrives; a 2xx has to be whole. */
    function refusalSoFar(): TransportResult | undefined {
      const status = response?.statusCode ?? 0;
      return response !== undefined && status >= 300 ? answer(response, true) : undefined;
    }

    function fail(error: unknown): void {
      const scene = { host: url.host, hostname: url.hostname, connected, certificate, now: clock.now() };
      const { reason, code, message } = describeFailure(error, scene);
      finish(refusalSoFar() ?? failed(reason, code, message));
    }

    function onConnected(): void {
      connected = true;
      cancelConnectTimer();
    }

    outgoing.on('socket', (socket: Socket) => {
      if (outgoing.reusedSocket) return onConnected();
      if (!(socket instanceof TLSSocket)) {
        socket.once('connect', onConnected);
        return;
      }
      socket.once('secureConnect', onConnected);
      // Node destroys a socket that it does not trust before anybody can ask whose certificate it was; this comes earlier.
      socket.prependOnceListener('secure', () => {
        certificate = socket.getPeerCertificate();
      });
    });
    outgoing.on('error', fail);
    outgoing.on('upgrade', (from, socket) => {
      socket.destroy();
      finish(answer(from, true));
    });
    outgoing.on('response', (from) => {
      response = from;
      from.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received > maxAnswerBytes) return finish(answer(from, true));
        chunks.push(chunk);
      });
      from.on('error', fail);
      from.on('end', () => finish(answer(from, false)));
    });
    outgoing.end(request.body);
  });
}

function plainHeaders(from: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(from.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
