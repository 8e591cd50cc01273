import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, type PeerCertificate, type SecureContext } from 'node:tls';
import type { Clock } from '../../clock.ts';
import { describeFailure } from '../failure-words.ts';
import { aborted, failure, type TransportFailure } from '../transport.ts';
import type { NetworkSettings } from './network-settings.ts';
import type { ProxyResolver } from './proxy-resolver.ts';
import type { Trust } from './trust.ts';

/** Opens connections, for whatever protocol is then spoken on them. */
export interface Connector {
  /** Opens a connection to the host of `url`: look-up, proxy (CONNECT), TLS handshake for https. Never rejects. */
  open(target: ConnectTarget): Promise<Opened>;
}

export interface ConnectTarget {
  readonly url: URL;
  readonly network: NetworkSettings;
  /** What is offered as the protocol to speak, in the order of preference; `alpnProtocol` of the socket tells the choice. */
  readonly alpn: readonly string[];
  /** Where less than the connector's own limit is left. */
  readonly timeoutMs?: number;
  readonly abort?: AbortSignal;
}

/** A socket may be destroyed by the time that it is looked at: `errored` tells why. */
export type Opened = { readonly kind: 'open'; readonly socket: Socket } | TransportFailure;

export interface ConnectorOptions {
  readonly clock: Clock;
  readonly proxyResolver: ProxyResolver;
  readonly trust: Trust;
  /** Default: the system's. */
  readonly lookup?: LookupFunction;
  /** For name look-up, connection and TLS handshake together. */
  readonly connectTimeoutMs?: number;
}

const defaultConnectTimeoutMs = 10_000;

/** Node's default of 250 ms gives a slow link (satellite, VPN to another continent) up before it could answer. */
const addressAttemptTimeoutMs = 2_500;

export function createConnector(options: ConnectorOptions): Connector {
  const { clock, trust, connectTimeoutMs = defaultConnectTimeoutMs } = options;
  return {
    async open(target) {
      const { url, network, abort } = target;
      if (abort?.aborted) return aborted(false);
      if (url.protocol === 'http:') return dial(target, undefined);
      const trusted = await trust.contextFor(network);
      return trusted.kind === 'failure' ? trusted : dial(target, trusted.context);
    },
  };

  function dial({ url, alpn, timeoutMs, abort }: ConnectTarget, context: SecureContext | undefined): Promise<Opened> {
    return new Promise((resolve) => {
      let certificate: Partial<PeerCertificate> | undefined;
      const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
      const address = {
        host,
        noDelay: true,
        port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
        autoSelectFamilyAttemptTimeout: addressAttemptTimeoutMs,
        ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
      };
      const tlsSocket =
        context === undefined
          ? undefined
          : connectTls({
              ...address,
              secureContext: context,
              rejectUnauthorized: true,
              ALPNProtocols: [...alpn],
              ...(isIP(host) === 0 ? { servername: host } : {}),
            });
      const socket = tlsSocket ?? connectTcp(address);
      const limitMs = Math.min(connectTimeoutMs, timeoutMs ?? connectTimeoutMs);
      const cancelTimer = clock.after(limitMs, () => {
        const message = `No connection to ${url.host} within ${Math.round(limitMs / 100) / 10} s: a firewall may be in between.`;
        finish(failure('connect', 'CONNECT_TIMEOUT', message));
      });
      const onAbort = () => finish(aborted(false));
      const onError = (error: unknown) => {
        const scene = { host: url.host, hostname: host, connected: false, certificate, now: clock.now() };
        const { reason, code, message } = describeFailure(error, scene);
        finish(failure(reason, code, message));
      };
      const onOpen = () => finish({ kind: 'open', socket });
      /** Later calls do nothing. */
      function finish(opened: Opened): void {
        cancelTimer();
        abort?.removeEventListener('abort', onAbort);
        socket.off('connect', onOpen).off('secureConnect', onOpen);
        if (opened.kind === 'failure') socket.destroy();
        resolve(opened);
      }
      abort?.addEventListener('abort', onAbort, { once: true });
      // It stays: an error may come before whoever gets the socket listens for one.
      socket.on('error', onError);
      if (tlsSocket === undefined) {
        socket.once('connect', onOpen);
        return;
      }
      tlsSocket.once('secureConnect', onOpen);
      // Node destroys a socket that it does not trust before anybody can ask whose certificate it was; this comes earlier.
      tlsSocket.prependOnceListener('secure', () => {
        certificate = tlsSocket.getPeerCertificate();
      });
    });
  }
}
