import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { validateHeaderName, validateHeaderValue } from '../node-http.ts';
import { ConnectionPools } from './connection-pools.ts';
import { type Broken, describeBreak, errorCode } from './failure-words.ts';
import { exchange } from './http-exchange.ts';
import type { Connector } from './network/connector.ts';
import { aborted, failure, type Transport, type TransportFailure } from './transport.ts';

export interface HttpTransportOptions {
  readonly clock: Clock;
  /** For the User-Agent. */
  readonly version: string;
  readonly connector: Connector;
}

const alpn = ['http/1.1'];

/** HTTP/1.1 with kept-alive connections. Follows no redirect. */
export function createHttpTransport({ clock, version, connector }: HttpTransportOptions): Transport {
  const pools = new ConnectionPools();
  return {
    async send(request) {
      const { network, timeoutMs, signal } = request;
      if (signal?.aborted) return aborted(false);
      const url = URL.parse(request.url);
      if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
        return failure('unsendable', 'ERR_INVALID_URL', 'The endpoint is not an http or https address.');
      }
      const mistake = headerMistake(request.headers);
      if (mistake !== undefined) return mistake;
      const startMs = clock.monotonicMs();
      let pool = pools.withIdle(url, network);
      if (pool === undefined) {
        const abort = signal === undefined ? {} : { abort: signal };
        const opened = await connector.open({ url, network, alpn, mayForward: true, timeoutMs, ...abort });
        if (opened.kind === 'failure') return opened;
        if (opened.socket.destroyed)
          return broken(opened.socket, { url, network, now: clock.now(), mayWantTls: false });
        pool = pools.with(opened, url, network);
      }
      const leftMs = Math.max(0, timeoutMs - (clock.monotonicMs() - startMs));
      const result = await exchange({ url, request, pool, version, clock, timeoutMs: leftMs });
      // What the other side did to one idle connection it has likely done to all.
      if (result.kind === 'failure' && result.staleConnection) pool.closeIdle();
      return result;
    },
    closeIdle: () => pools.closeIdle(),
  };
}

/** It ended in the moment between being opened and being used; Node would wait for it all the same. */
function broken({ errored }: Socket, about: Broken): TransportFailure {
  const { reason, code, message } = describeBreak(errored, about);
  return failure(reason, code, message);
}

/** Of headers that cannot be sent. The value stays out of it. */
function headerMistake(headers: Readonly<Record<string, string>>): TransportFailure | undefined {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (error) {
      const message = `The header ${JSON.stringify(name)} has a character that HTTP does not allow. Check the config.`;
      return failure('unsendable', errorCode(error), message);
    }
  }
  return undefined;
}
