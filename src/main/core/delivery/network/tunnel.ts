import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { request } from '../../node-http.ts';
import { capital, describeFailure } from '../failure-words.ts';
import { failure, type TransportFailure } from '../transport.ts';
import { portOf } from './no-proxy.ts';
import { type KnownProxy, proxyParty, proxyRefusal } from './proxy-words.ts';

/**
 * Asks the proxy at the other end of `socket` to connect us to the host of `url` (RFC 9110, section 9.3.6). Afterwards what
 * is written to the socket goes there. Never rejects.
 *
 * @returns undefined when the tunnel stands.
 */
export function tunnel(socket: Socket, url: URL, proxy: KnownProxy): Promise<TransportFailure | undefined> {
  const { label, authorization } = proxy.address;
  return new Promise((resolve) => {
    // With a port always, and with the brackets of an IPv6 address.
    const target = `${url.hostname}:${portOf(url)}`;
    const asking = request({
      method: 'CONNECT',
      path: target,
      createConnection: () => socket,
      headers: {
        host: target,
        ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
      },
    });
    // For any status; a body, and what the other side said of its own accord, are in `head`.
    asking.on('connect', ({ statusCode = 0, headers }: IncomingMessage, _socket, head: Buffer) => {
      if (statusCode < 200 || statusCode > 299) {
        const answer = { status: statusCode, authenticate: headers['proxy-authenticate'] ?? '' };
        return resolve(proxyRefusal(answer, { ...proxy.address, from: proxy.from }, url.host));
      }
      // With TLS the client speaks first: these bytes are the proxy's own.
      if (head.length > 0 && url.protocol === 'https:') {
        const message = `The proxy ${label} sent something of its own instead of a connection to ${url.host}. Is it a proxy? Check ${proxy.from}.`;
        return resolve(failure('proxy', 'PROXY_EXTRA_BYTES', message));
      }
      if (head.length > 0) socket.unshift(head);
      resolve(undefined);
    });
    asking.on('error', (error) => {
      const { reason, code, message } = describeFailure(error, { ...proxyParty(proxy), connected: true });
      const broken = capital(
        `the proxy ${label} broke the connection off when it was asked to connect to ${url.host} (${code}).`,
      );
      resolve(failure('proxy', code, reason === 'reset' ? broken : message));
    });
    asking.end();
  });
}
