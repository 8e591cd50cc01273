import type { Clock } from '../../src/main/core/clock.ts';
import { type Connector, createConnector } from '../../src/main/core/delivery/network/connector.ts';
import { noProxies } from '../../src/main/core/delivery/network/proxy-resolver.ts';
import { createTrust } from '../../src/main/core/delivery/network/trust.ts';

export interface TestConnectorOptions {
  readonly clock: Clock;
  /** PEM certificates of authorities to trust instead of the runtime's own. */
  readonly trustedCertificates?: readonly string[];
}

/** The real connector, without any proxy unless it is set for the destination. */
export function testConnector({ clock, trustedCertificates }: TestConnectorOptions): Connector {
  const trust = createTrust(trustedCertificates === undefined ? {} : { authorities: trustedCertificates });
  return createConnector({ clock, proxyResolver: noProxies, trust });
}
