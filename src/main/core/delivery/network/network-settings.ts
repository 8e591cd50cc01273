/** How connections to a destination are made. Files are PEM; all paths are absolute. */
export interface NetworkSettings {
  /** `system`: as the environment (or the desktop's resolver) says; `none`: directly; else the URL of a proxy. */
  readonly proxy: string;
  /** Authorities to trust besides those of the runtime and the system. */
  readonly caFile?: string;
  /** Mutual TLS: our certificate, with its chain, and its key. */
  readonly clientCert?: string;
  readonly clientKey?: string;
}

export const systemNetwork: NetworkSettings = { proxy: 'system' };
