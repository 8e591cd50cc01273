import type { Clock } from '../../src/main/core/clock.ts';
import {
  type Connector,
  type ConnectorOptions,
  createConnector,
} from '../../src/main/core/delivery/network/connector.ts';
import { noProxies } from '../../src/main/core/delivery/network/proxy-resolver.ts';
import { createTrust } from '../../src/main/core/delivery/network/trust.ts';
import { silentLog } from '../../src/main/core/log.ts';

export interface TestConnectorOptions extends Partial<ConnectorOptions> {
  readonly clock: Clock;
  /** PEM certificates of authorities that the system trusts, and the runtime does not. */
  readonly trustedCertificates?: readonly string[] | { readonly read: () => Promise<readonly string[]> };
}

/** The real connector, without any proxy unless it is set for the destination. */
export function testConnector({ trustedCertificates = [], ...options }: TestConnectorOptions): Connector {
  const readSystem = 'read' in trustedCertificates ? trustedCertificates.read : async () => trustedCertificates;
  const trust = createTrust({ log: silentLog, readSystem });
  return createConnector({ proxyResolver: noProxies, trust, ...options });
}
