import type { SecureContext } from 'node:tls';
import type { Log } from '../../log.ts';
import { loadTls } from '../../node-tls.ts';
import { failure, type TransportFailure } from '../transport.ts';
import { readAuthorities, readIdentity, stampOf } from './certificate-files.ts';
import type { NetworkSettings } from './network-settings.ts';

export type Trusted = { readonly kind: 'trusted'; readonly context: SecureContext } | TransportFailure;

/** Whom to trust, and as whom to appear, on TLS connections. */
export interface Trust {
  /** Reads the files of the settings again when they have changed. Never rejects: a file that cannot be used is a failure. */
  contextFor(network: NetworkSettings): Promise<Trusted>;
  /** Counts how often the set of known authorities has grown. */
  readonly generation: number;
  /** Adds the authorities that the system trusts and the runtime does not know. Never rejects. */
  widen(): Promise<void>;
}

export interface TrustOptions {
  readonly log: Log;
  /** PEM: what the system trusts and the runtime does not know. May take long. */
  readonly readSystem: () => Promise<readonly string[]>;
}

type Files = Pick<NetworkSettings, 'caFile' | 'clientCert' | 'clientKey'>;

/**
 * The authorities of the runtime (with those of NODE_EXTRA_CA_CERTS) and of `caFile`; those of the system from `widen` on.
 * A machine whose destinations have public certificates never needs more than the first, which Node shares among all.
 */
export function createTrust({ log, readSystem }: TrustOptions): Trust {
  const contexts = new Map<string, { readonly state: string; readonly trusted: Promise<Trusted> }>();
  let fromSystem: readonly string[] = [];
  let generation = 0;
  let widening: Promise<void> | undefined;

  async function build({ caFile, clientCert, clientKey }: Files): Promise<Trusted> {
    const own = caFile === undefined ? undefined : await readAuthorities(caFile);
    if (own?.kind === 'mistake') return unusable(own.message);
    const identity = clientCert === undefined ? undefined : await readIdentity(clientCert, clientKey);
    if (identity?.kind === 'mistake') return unusable(identity.message);
    const { createSecureContext, getCACertificates } = loadTls();
    const added = [...fromSystem, ...(own === undefined ? [] : [own.pem])];
    // To name any is to leave out the runtime's: they are named, too. One text is read twice as fast as a list.
    const ca = added.length === 0 ? {} : { ca: [...getCACertificates('default'), ...added].join('\n') };
    try {
      const context = createSecureContext({
        // Said here, so that no option of the runtime (--tls-min-v1.0) can say otherwise.
        minVersion: 'TLSv1.2',
        ...ca,
        // Whoever names the certificate of an intermediate authority or of the server itself means just that.
        ...(own === undefined ? {} : { allowPartialTrustChain: true }),
        ...(identity === undefined ? {} : { cert: identity.cert, key: identity.key }),
      });
      return { kind: 'trusted', context };
    } catch (error) {
      const files = [caFile, clientCert, clientKey].filter((file) => file !== undefined).join(', ');
      const reason = error instanceof Error ? error.message : String(error);
      return unusable(
        `The certificates cannot be used (${reason}). Look at ${files || 'the installation of the relay'}.`,
      );
    }
  }

  return {
    get generation() {
      return generation;
    },
    async contextFor({ caFile, clientCert, clientKey }) {
      const names = [caFile, clientCert, clientKey];
      const stamps = await Promise.all(names.map((file) => (file === undefined ? '' : stampOf(file))));
      const state = JSON.stringify([generation, stamps]);
      const key = JSON.stringify(names);
      const kept = contexts.get(key);
      if (kept?.state === state) return kept.trusted;
      const files = {
        ...(caFile === undefined ? {} : { caFile }),
        ...(clientCert === undefined ? {} : { clientCert }),
        ...(clientKey === undefined ? {} : { clientKey }),
      };
      const trusted = build(files);
      contexts.set(key, { state, trusted });
      return trusted;
    },
    widen() {
      widening ??= readSystem().then(
        (certificates) => {
          if (certificates.length === 0) return;
          fromSystem = certificates;
          generation++;
        },
        (error: unknown) => {
          widening = undefined;
          log.warn("the system's certificate authorities cannot be read", { error: String(error) });
        },
      );
      return widening;
    },
  };
}

function unusable(message: string): TransportFailure {
  return failure('certificate-file', 'CERTIFICATE_FILE', message);
}
