import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Clock } from '../clock.ts';
import { request as startHttp } from '../node-http.ts';
import type { ConnectionPool } from './connection-pools.ts';
import { describeBreak, seconds } from './failure-words.ts';
import { proxyRefusal } from './network/proxy-words.ts';
import {
  aborted,
  type FailureReason,
  failure,
  maxAnswerBytes,
  type TransportFailure,
  type TransportRequest,
  type TransportResult,
} from './transport.ts';

export interface Exchange {
  readonly url: URL;
  readonly request: TransportRequest;
  /** Has a connection for this request. */
  readonly pool: ConnectionPool;
  /** For the User-Agent. */
  readonly version: string;
  readonly clock: Clock;
  /** For sending and the whole answer. Monotonic time. */
  readonly timeoutMs: number;
}

/** How who never took it for a request fails one that was sent. */
const unheard: readonly FailureReason[] = ['client-certificate', 'other-protocol', 'takes-tls'];

/** One request and its answer on a connection that stands. Never rejects. */
export function exchange({ url, request, pool, version, clock, timeoutMs }: Exchange): Promise<TransportResult> {
  return new Promise((resolve) => {
    const { forward } = pool;
    let response: IncomingMessage | undefined;
    const chunks: Buffer[] = [];
    let received = 0;

    const requestOptions: RequestOptions = {
      method: 'POST',
      agent: pool,
      // A proxy that forwards is told the whole address.
      path: forward === undefined ? url.pathname + url.search : `${url.origin}${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        'user-agent': `span-relay/${version}`,
        ...(forward?.authorization === undefined ? {} : { 'proxy-authorization': forward.authorization }),
        ...request.headers,
        'content-length': request.body.length,
      },
    };
    const outgoing = startHttp(requestOptions);
    pool.dropUnused();

    const cancelTimer = clock.after(timeoutMs, () => {
      const message = `${url.host} did not complete its answer within ${seconds(request.timeoutMs)}.`;
      finish(refusalSoFar() ?? failed('timeout', 'TIMEOUT', message));
    });
    const abort = () => finish(aborted(outgoing.writableFinished));
    request.signal?.addEventListener('abort', abort, { once: true });

    let finished = false;
    function finish(result: TransportResult): void {
      if (finished) return;
      finished = true;
      cancelTimer();
      request.signal?.removeEventListener('abort', abort);
      // An exchange that ended in any other way than both sides being done leaves a connection that is of no more use.
      if (response?.complete !== true || !outgoing.writableFinished) outgoing.destroy();
      resolve(result);
    }

    function failed(reason: FailureReason, code: string, message: string): TransportFailure {
      return {
        ...failure(reason, code, message),
        // True when all of the request has been handed to the system: less than that nobody can have taken for a request,
        // nor who turns our certificate down or speaks another protocol.
        possiblySent: outgoing.writableFinished && !unheard.includes(reason),
        staleConnection: reason === 'reset' && outgoing.reusedSocket && response === undefined,
      };
    }

    function answer(from: IncomingMessage, truncated: boolean): TransportResult {
      if (forward !== undefined && from.statusCode === 407) {
        const authenticate = from.headers['proxy-authenticate'] ?? '';
        return proxyRefusal({ status: 407, authenticate }, forward, url.host);
      }
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
      const first = response === undefined && !outgoing.reusedSocket;
      const mayWantTls = url.protocol === 'http:' && forward === undefined && first;
      const { reason, code, message } = describeBreak(error, {
        url,
        network: request.network,
        now: clock.now(),
        mayWantTls,
      });
      finish(refusalSoFar() ?? failed(reason, code, message));
    }

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
