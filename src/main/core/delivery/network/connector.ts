import type { LookupFunction, Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import { isLoopback } from '../../policy/endpoint.ts';
import { aborted, type TransportFailure } from '../transport.ts';
import { BadProxies } from './bad-proxies.ts';
import { type NetworkSettings, networkKey } from './network-settings.ts';
import { openBy, type Way } from './open-by.ts';
import { readProxyAddress } from './proxy-address.ts';
import { direct, type ProxyChoice, type ProxyResolver } from './proxy-resolver.ts';
import { unusableProxy } from './proxy-words.ts';
import { TlsSessions } from './tls-sessions.ts';
import { isDistrust } from './tls-words.ts';
import type { Trust } from './trust.ts';

/** Opens connections, for whatever protocol is then spoken on them. */
export interface Connector {
  /** Opens a connection to the host of `url`: look-up, proxy (CONNECT), TLS handshake for https. Never rejects. */
  open(target: ConnectTarget): Promise<Opened>;
  /** The proxy by which a connection was last opened, as host and port; null where it was opened directly, or not yet. */
  via(url: URL, network: NetworkSettings): string | null;
}

export interface ConnectTarget {
  readonly url: URL;
  readonly network: NetworkSettings;
  /** What is offered as the protocol to speak, in the order of preference; `alpnProtocol` of the socket tells the choice. */
  readonly alpn: readonly string[];
  /**
   * The caller speaks plain HTTP/1.1 and can do so with a proxy: an http address behind one then gives a connection to the
   * proxy itself (many proxies allow CONNECT for https only), and `forward` tells how to speak to it.
   */
  readonly mayForward?: boolean;
  /** Where less than the connector's own limit is left. */
  readonly timeoutMs?: number;
  readonly abort?: AbortSignal;
}

/** A socket may be destroyed by the time that it is looked at: `errored` tells why. */
export type Opened =
  | { readonly kind: 'open'; readonly socket: Socket; readonly forward?: ForwardProxy }
  | TransportFailure;

/** At the other end of the connection is a proxy: requests name the whole URL (RFC 9112, section 3.2.2). */
export interface ForwardProxy {
  readonly label: string;
  /** The value of Proxy-Authorization. A secret. */
  readonly authorization?: string;
  /** Where it is set, for people. */
  readonly from: string;
}

export interface ConnectorOptions {
  readonly clock: Clock;
  readonly proxyResolver: ProxyResolver;
  readonly trust: Trust;
  /** Default: the system's. */
  readonly lookup?: LookupFunction;
  /** For name look-up, connection and TLS handshake together; anew for every proxy that is tried. */
  readonly connectTimeoutMs?: number;
}

const defaultConnectTimeoutMs = 10_000;

export function createConnector(options: ConnectorOptions): Connector {
  const { clock, trust, connectTimeoutMs = defaultConnectTimeoutMs } = options;
  const sessions = new TlsSessions();
  const badProxies = new BadProxies(clock);
  const lastLabels = new Map<string, string | null>();

  async function openByOne(way: Way, target: ConnectTarget): Promise<Opened> {
    const limitMs = Math.min(connectTimeoutMs, target.timeoutMs ?? connectTimeoutMs);
    const trusted = trust.generation;
    const tools = { ...options, sessions, limitMs };
    const opened = await openBy(way, target, tools);
    if (opened.kind === 'open' || !isDistrust(opened.code)) return opened;
    // Most machines never get here: what the runtime trusts is enough, and reading the system's own is slow on some.
    await trust.widen();
    return trust.generation === trusted || target.abort?.aborted ? opened : openBy(way, target, tools);
  }

  return {
    async open(target) {
      const { url, network, abort } = target;
      if (abort?.aborted) return aborted(false);
      const choice = await chooseWays(url, network, options.proxyResolver);
      let first: TransportFailure | undefined;
      for (const way of badProxies.last(choice.map(readWay))) {
        if (way.kind === 'unusable') {
          first ??= way.failure;
          continue;
        }
        const opened = await openByOne(way, target);
        const proxy = way.kind === 'proxy' ? way.proxy.address : undefined;
        if (opened.kind === 'open') {
          if (proxy !== undefined) badProxies.works(proxy.label);
          lastLabels.set(labelKey(url, network), proxy?.label ?? null);
          return opened;
        }
        first ??= opened;
        if (opened.reason === 'aborted' || (proxy !== undefined && opened.reason !== 'proxy')) break;
        if (proxy !== undefined) badProxies.fails(proxy.label);
      }
      return first ?? aborted(false);
    },
    via: (url, network) => lastLabels.get(labelKey(url, network)) ?? null,
  };
}

type ReadWay = Way | { readonly kind: 'unusable'; readonly failure: TransportFailure };

async function chooseWays(url: URL, network: NetworkSettings, resolver: ProxyResolver): Promise<ProxyChoice> {
  const { proxy, proxyOfAll } = network;
  if (proxy === 'none') return [direct];
  const isOwn = proxy !== 'system' && proxyOfAll !== true;
  // What is on this machine no proxy elsewhere can reach.
  if (!isOwn && isLoopback(url.hostname)) return [direct];
  if (proxy === 'system') return resolver.resolve(url);
  const from = isOwn ? '"proxy" of this destination' : '"network.proxy"';
  return [{ kind: 'proxy', url: proxy, from }];
}

function readWay(way: ProxyChoice[number]): ReadWay {
  if (way.kind === 'direct') return way;
  const reading = readProxyAddress(way.url);
  return reading.kind === 'unusable'
    ? { kind: 'unusable', failure: unusableProxy(way.from, reading.is) }
    : { kind: 'proxy', proxy: { address: reading.address, from: way.from } };
}

function labelKey(url: URL, network: NetworkSettings): string {
  return `${url.origin} ${networkKey(network)}`;
}
