import { createSecureContext, type SecureContext } from 'node:tls';
import type { TransportFailure } from '../transport.ts';
import type { NetworkSettings } from './network-settings.ts';

export type Trusted = { readonly kind: 'trusted'; readonly context: SecureContext } | TransportFailure;

/** Whom to trust, and as whom to appear, on TLS connections. */
export interface Trust {
  /** Never rejects: a file that cannot be used is a failure that names it. */
  contextFor(network: NetworkSettings): Promise<Trusted>;
}

export interface TrustOptions {
  /** PEM certificates of authorities to trust instead of the runtime's own. */
  readonly authorities?: readonly string[];
}

export function createTrust({ authorities }: TrustOptions = {}): Trust {
  const context = createSecureContext({
    minVersion: 'TLSv1.2',
    ...(authorities === undefined ? {} : { ca: [...authorities] }),
  });
  return { contextFor: async () => ({ kind: 'trusted', context }) };
}
