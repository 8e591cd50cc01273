import type { Signal } from '../../../shared/signal.ts';

/** Where telemetry goes, as the config says it. */
export interface Destination {
  /** Unique among the destinations; its books are kept under this name. */
  readonly name: string;
  /** Base URL without a trailing slash; empty where none is known yet: data is held until one is. */
  readonly endpoint: string;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** The header that carries the credential. Without a token, the last value that Claude Code presented is used. */
  readonly credential?: { readonly header: string; readonly token?: string; readonly source: 'config' };
  readonly signals: readonly Signal[];
  /** For one request in all: connecting, sending and the whole answer. */
  readonly timeoutMs: number;
}

/** The address for a signal: the base with `/v1/<signal>` appended, as OTLP/HTTP says of a base endpoint. */
export function signalUrl(destination: Destination, signal: Signal): string {
  return `${destination.endpoint}/v1/${signal}`;
}

/** The endpoint for people: without a user name, password, query or fragment, which may hold credentials. */
export function publicEndpoint(destination: Destination): string | null {
  if (destination.endpoint === '') return null;
  const url = URL.parse(destination.endpoint);
  return url === null ? '(not a URL)' : `${url.protocol}//${url.host}${url.pathname}`.replace(/\/+$/, '');
}
