import { isIP, type Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import { loadTls } from '../../node-tls.ts';
import type { ShownCertificate } from '../failure-words.ts';
import { happens } from './happens.ts';
import { shownCertificates } from './shown-certificates.ts';

export interface Handshake {
  /** A connection that stands; this end of it is given up to the secure one. */
  readonly socket: Socket;
  /** Whose certificate it has to be; a name is also told to the other side (SNI). */
  readonly hostname: string;
  readonly context: SecureContext;
  readonly alpn: readonly string[];
  /** Of an earlier connection to the same place with the same context: saves a round trip and the certificates. */
  readonly session: Buffer | undefined;
}

export interface Shaking {
  readonly socket: TLSSocket;
  /** Resolves with undefined when the connection is secure, else with what went wrong. */
  readonly done: Promise<unknown>;
  /** What the other side has shown so far, its own certificate first. */
  chain(): readonly ShownCertificate[];
}

/** Begins TLS on a connection that stands. */
export function shakeHands({ socket, hostname, context, alpn, session }: Handshake): Shaking {
  const name = hostname.replace(/\.$/, '');
  let chain: readonly ShownCertificate[] = [];
  const secure = loadTls().connect({
    socket,
    host: name,
    secureContext: context,
    // Said here, so that no variable of the environment (NODE_TLS_REJECT_UNAUTHORIZED) can say otherwise.
    rejectUnauthorized: true,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ALPNProtocols: [...alpn],
    ...(session === undefined ? {} : { session }),
  });
  // Node destroys a socket that it does not trust before anybody can ask whose certificate it was; this comes earlier.
  secure.prependOnceListener('secure', () => {
    chain = shownCertificates(secure.getPeerCertificate(true));
  });
  return { socket: secure, done: happens(secure, 'secureConnect'), chain: () => chain };
}
