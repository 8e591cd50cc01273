import type { NetworkSettings } from './network/network-settings.ts';

/** Brings one request to an address. The only thing in delivery that knows about sockets. */
export interface Transport {
  /** Never rejects: what went wrong is part of the result. */
  send(request: TransportRequest): Promise<TransportResult>;
  /** Closes connections that no request is using. After a sleep or a change of network they lead nowhere. */
  closeIdle(): void;
}

export interface TransportRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly network: NetworkSettings;
  /** For everything: connecting, sending and the whole answer. Monotonic time. */
  readonly timeoutMs: number;
  /** Ends the request at once, with the failure `aborted`. */
  readonly signal?: AbortSignal;
}

export type TransportResult = TransportAnswer | TransportFailure;

export interface TransportAnswer {
  readonly kind: 'answer';
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The body is not whole: it was over `maxAnswerBytes`, or broke off after a refusal's status was known. */
  readonly truncated: boolean;
}

export type FailureReason =
  | 'dns'
  | 'connect'
  /** The certificate is not trusted, or not valid at this time. */
  | 'tls'
  /** The certificate is for another host. */
  | 'tls-name'
  /** Both speak TLS, and do not agree: on a version, a cipher. */
  | 'tls-failed'
  /** TLS was begun, and what answers does not speak it. */
  | 'not-tls'
  | 'timeout'
  | 'reset'
  /** What came back is not HTTP. */
  | 'garbage'
  /** The other side speaks, and takes, another protocol: HTTP/2 instead of HTTP/1.1, or the reverse. */
  | 'other-protocol'
  /** It takes https, not http. */
  | 'takes-tls'
  /** The way through a proxy failed, which may pass. */
  | 'proxy'
  /** The proxy refuses us, or cannot be used as it is set. */
  | 'proxy-refused'
  /** A file of certificates or keys cannot be used. */
  | 'certificate-file'
  /** The other side asks for a client certificate, or refuses ours. */
  | 'client-certificate'
  | 'aborted'
  /** The address or a header's value cannot be put into an HTTP request. */
  | 'unsendable';

export interface TransportFailure {
  readonly kind: 'failure';
  readonly reason: FailureReason;
  /** The whole request left this process, so the other side may have taken it. */
  readonly possiblySent: boolean;
  /** A kept-alive connection turned out to be closed by the other side: worth another try at once. */
  readonly staleConnection: boolean;
  /** The system's or library's own word, such as `ECONNREFUSED`. */
  readonly code: string;
  /** In words; holds neither payload nor header values. */
  readonly message: string;
}

/** OTLP says that clients should not parse larger responses. */
export const maxAnswerBytes = 4 * 1024 * 1024;

/** Load balancers commonly close a connection that was idle for a minute: ours goes first. */
export const idleTimeoutMs = 50_000;

/** A request that certainly was not sent. */
export function failure(reason: FailureReason, code: string, message: string): TransportFailure {
  return { kind: 'failure', reason, possiblySent: false, staleConnection: false, code, message };
}

export function aborted(possiblySent: boolean): TransportFailure {
  return { ...failure('aborted', 'ABORTED', 'The attempt was cut short by the relay.'), possiblySent };
}
