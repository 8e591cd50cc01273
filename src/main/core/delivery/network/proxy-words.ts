import type { Party } from '../failure-words.ts';
import { failure, type TransportFailure } from '../transport.ts';
import type { ForwardProxy } from './connector.ts';
import type { ProxyAddress } from './proxy-address.ts';

/** A proxy, and where it is set. */
export interface KnownProxy {
  readonly address: ProxyAddress;
  /** For people: `the variable HTTPS_PROXY`. */
  readonly from: string;
}

export function proxyParty({ address: { label, hostname }, from }: KnownProxy): Party {
  return { name: `the proxy ${label}`, hostname, setting: from };
}

/** What the setting names is no proxy that the relay can use. */
export function unusableProxy(from: string, is: string): TransportFailure {
  const message = `The proxy that ${from} names is ${is}. Correct it, or set "proxy" to "none" for this destination.`;
  return failure('proxy-refused', 'PROXY_UNUSABLE', message);
}

/** What a proxy answers instead of letting us through, in words. `host` is whom we asked for. */
export function proxyRefusal(
  { status, authenticate }: { readonly status: number; readonly authenticate: string },
  { label, authorization, from }: ForwardProxy,
  host: string,
): TransportFailure {
  const code = `PROXY_${status}`;
  const refused = (message: string) => failure('proxy-refused', code, message);
  if (status === 407) return refused(loginWords(label, from, authorization !== undefined, authenticate));
  if (status === 403) {
    return refused(`The proxy ${label} does not allow connections to ${host} (HTTP 403). Ask IT to allow it.`);
  }
  if (status >= 500 || status === 408 || status === 429) {
    const message = `The proxy ${label} cannot connect to ${host} (HTTP ${status}): it may not find or reach it, or be overloaded.`;
    return failure('proxy', code, message);
  }
  if (status >= 300 && status < 400) {
    const message = `The proxy ${label} sends us to a web page (HTTP ${status}) instead of connecting to ${host}: log in to this network with a browser.`;
    return refused(message);
  }
  return refused(
    `What answers at ${label} does not connect to ${host} (HTTP ${status}): is it a proxy? Check ${from}.`,
  );
}

function loginWords(label: string, from: string, sent: boolean, authenticate: string): string {
  if (sent) {
    return `The proxy ${label} refuses the login (HTTP 407). Correct the user name and password in ${from}.`;
  }
  // A header may hold several challenges; of each only the name of its scheme is ours to repeat.
  const known = ['Basic', 'Negotiate', 'NTLM', 'Kerberos', 'Digest', 'Bearer'];
  const offered = known.filter((scheme) => new RegExp(`(?:^|,)\\s*${scheme}\\b`, 'i').test(authenticate));
  if (offered.length > 0 && !offered.includes('Basic')) {
    return `The proxy ${label} asks for a login by ${offered.join(' or ')} (HTTP 407), and the relay only has user name and password (Basic). Ask IT for a proxy that takes them, or for an exception for this address.`;
  }
  return `The proxy ${label} asks for a login (HTTP 407). Put it into ${from}: http://USER:PASSWORD@${label}.`;
}
