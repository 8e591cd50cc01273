import type { Protocol } from '../delivery/destination.ts';

/** The endpoint as it is stored: without a trailing slash, and without `/v1/<signal>`, which the relay appends itself. */
export function normaliseEndpoint(endpoint: string): string {
  return endpoint
    .trim()
    .replace(/\/+$/, '')
    .replace(/(?:\/v1\/(?:metrics|logs|traces))+$/, '')
    .replace(/\/+$/, '');
}

export interface EndpointRules {
  readonly protocol: Protocol;
  /** It is used as it is, not as a base that something is appended to. */
  readonly verbatim: boolean;
  readonly allowInsecure: boolean;
  /** The relay's own ports on loopback. */
  readonly ownPorts: readonly number[];
}

/** What is wrong with an endpoint, as the words after "expected"; undefined when nothing is. */
export function endpointMistake(endpoint: string, rules: EndpointRules): string | undefined {
  const isGrpc = rules.protocol === 'grpc';
  const url = URL.parse(endpoint);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return isGrpc
      ? 'an address with its scheme, such as https://otel.example.com:4317 (http:// is without TLS)'
      : 'an http(s) URL such as https://otel.example.com';
  }
  if (url.username !== '' || url.password !== '') return 'a URL without user name and password (put them into headers)';
  if (url.hash !== '' || endpoint.includes('#')) return 'a URL without query and fragment';
  if (endpoint.includes('?') && (isGrpc || !rules.verbatim)) return 'a URL without query and fragment';
  if (isGrpc && url.pathname !== '/') {
    return 'an address without a path, such as https://otel.example.com:4317 (gRPC has paths of its own)';
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !rules.allowInsecure) {
    return 'https, or "allowInsecure": true to send telemetry and credentials unencrypted';
  }
  // Telemetry that the relay sends to itself would go round for ever.
  return isOwnAddress(endpoint, rules.ownPorts) ? "another address than the relay's own" : undefined;
}

/** Whether an address leads to one of these ports on this machine. */
export function isOwnAddress(address: string, ownPorts: readonly number[]): boolean {
  const url = URL.parse(address);
  return url !== null && isThisMachine(url.hostname) && ownPorts.includes(portOf(url));
}

function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

export function isLoopback(hostname: string): boolean {
  return /^(?:(?:.*\.)?localhost\.?|\[::1\]|127\.\d+\.\d+\.\d+)$/.test(hostname);
}

/** Also by the addresses that stand for any of its own, and by IPv4 written as IPv6. */
function isThisMachine(hostname: string): boolean {
  return isLoopback(hostname) || hostname === '0.0.0.0' || hostname === '[::]' || /^\[::ffff:(7f|0:0)/.test(hostname);
}

export const proxyWords = '"system", "none" or the URL of a proxy such as http://proxy.example.com:3128';

/** Whether a text is what `proxy` takes. A URL may hold a user name and a password. */
export function isProxy(text: string): boolean {
  if (text === 'system' || text === 'none') return true;
  const url = URL.parse(text);
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  return isHttp && url.pathname === '/' && url.search === '' && url.hash === '';
}
