/** How connections to a destination are made. Files are PEM; all paths are absolute. */
export interface NetworkSettings {
  /** `system`: as the environment (or the desktop's resolver) says; `none`: directly; else the URL of a proxy. */
  readonly proxy: string;
  /** `proxy` was set for all destinations (`network.proxy`): such a one is never used for loopback. */
  readonly proxyOfAll?: true;
  /** Authorities to trust besides those of the runtime and the system. */
  readonly caFile?: string;
  /** Mutual TLS: our certificate, with its chain, and its key. */
  readonly clientCert?: string;
  /** Default: it stands in `clientCert`, too. */
  readonly clientKey?: string;
}

export const systemNetwork: NetworkSettings = { proxy: 'system' };

/** The same text for the same settings. */
export function networkKey({ proxy, proxyOfAll, caFile, clientCert, clientKey }: NetworkSettings): string {
  return JSON.stringify([proxy, proxyOfAll, caFile, clientCert, clientKey]);
}
