import { type Signal, signals } from '../../../shared/signal.ts';
import type { AttributeRule } from '../attribution/rules.ts';
import type { NetworkSettings } from './network/network-settings.ts';
import { systemNetwork } from './network/network-settings.ts';

/** How a destination wants OTLP, in the words of OTEL_EXPORTER_OTLP_PROTOCOL. */
export const protocols = ['http/protobuf', 'http/json', 'grpc'] as const;

export type Protocol = (typeof protocols)[number];

/** Where telemetry goes, as the config says it. */
export interface Destination {
  /** Unique among the destinations; its books are kept under this name. */
  readonly name: string;
  readonly protocol: Protocol;
  /** Base URL without a trailing slash; empty where none is known yet: data is held until one is. */
  readonly endpoint: string;
  /** Addresses of single signals: with HTTP used as they are, as OTLP says of a per-signal endpoint. */
  readonly signalEndpoints: Readonly<Partial<Record<Signal, string>>>;
  readonly compression: 'gzip' | 'none';
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly credential?: DestinationCredential;
  readonly signals: readonly Signal[];
  /** For one request in all: connecting, sending and the whole answer. */
  readonly timeoutMs: number;
  /** What is put on telemetry that lacks it. */
  readonly attributes: readonly AttributeRule[];
  /** The attribute by which this vendor tells whose telemetry it is; null where it needs none. */
  readonly identity: 'work_email' | 'user.email' | null;
  readonly network: NetworkSettings;
}

/** The header that carries a credential, and where its value may come from. */
export interface DestinationCredential {
  readonly header: string;
  /** Put before a token that does not start with it, such as `Bearer`; what Claude Code presents is a whole header value. */
  readonly scheme?: string;
  /** What policy and config say, in this order. Without one that is not refused: the file's, then what Claude Code presented. */
  readonly tokens: readonly { readonly source: 'policy' | 'config'; readonly token: string }[];
  /** A file whose text is the token; it is watched. */
  readonly tokenFile?: string;
}

/** A destination of which nothing else is known: what is owed to it is held. */
export function heldDestination(name: string, held: readonly Signal[] = signals): Destination {
  return {
    name,
    protocol: 'http/protobuf',
    endpoint: '',
    signalEndpoints: {},
    compression: 'gzip',
    headers: {},
    signals: held,
    timeoutMs: 30_000,
    attributes: [],
    identity: null,
    network: systemNetwork,
  };
}

/**
 * The address for a signal: with HTTP the base with `/v1/<signal>` appended, as OTLP/HTTP says of a base endpoint, with gRPC
 * the base itself; undefined where none is configured.
 */
export function signalUrl(destination: Destination, signal: Signal): string | undefined {
  const own = destination.signalEndpoints[signal];
  if (own !== undefined) return own;
  if (destination.endpoint === '') return undefined;
  return destination.protocol === 'grpc' ? destination.endpoint : `${destination.endpoint}/v1/${signal}`;
}

/** The endpoint for people: without a user name, password, query or fragment, which may hold credentials. */
export function publicEndpoint(destination: Destination): string | null {
  const { endpoint, signalEndpoints } = destination;
  const address = endpoint === '' ? Object.values(signalEndpoints)[0] : endpoint;
  if (address === undefined) return null;
  const url = URL.parse(address);
  return url === null ? '(not a URL)' : `${url.protocol}//${url.host}${url.pathname}`.replace(/\/+$/, '');
}
