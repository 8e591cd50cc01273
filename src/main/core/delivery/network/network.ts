import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { type Destination, signalUrl } from '../destination.ts';
import { type Connector, createConnector } from './connector.ts';
import { followFiles } from './file-changes.ts';
import type { ProxyResolver } from './proxy-resolver.ts';
import { readSystemAuthorities } from './system-authorities.ts';
import { createTrust } from './trust.ts';

/** The relay's way to its destinations. */
export interface Network {
  readonly connector: Connector;
  /** The destinations that are in force: the files of their settings are watched. */
  follow(destinations: readonly Destination[]): void;
  /** The proxy by which a destination was last reached, as host and port; null without one. */
  via(destination: Destination): string | null;
  close(): Promise<void>;
}

export interface NetworkOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly proxyResolver: ProxyResolver;
  /** A file of certificates or keys was replaced or mended: what was refused may work now. */
  readonly onFilesChanged: () => void;
}

export function createNetwork({ clock, log, proxyResolver, onFilesChanged }: NetworkOptions): Network {
  const trust = createTrust({ log, readSystem: readSystemAuthorities });
  const changes = followFiles({ onChange: onFilesChanged, clock, log });
  const connector = createConnector({ clock, proxyResolver, trust });
  return {
    connector,
    via(destination) {
      const urls = destination.signals.flatMap((signal) => URL.parse(signalUrl(destination, signal) ?? '') ?? []);
      return urls.map((url) => connector.via(url, destination.network)).find((via) => via !== null) ?? null;
    },
    follow(destinations) {
      const settings = destinations.map(({ network }) => network);
      const files = settings.flatMap(({ caFile, clientCert, clientKey }) => [caFile, clientCert, clientKey]);
      changes.follow(new Set(files.filter((file) => file !== undefined)));
    },
    close: () => changes.close(),
  };
}
