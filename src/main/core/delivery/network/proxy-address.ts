import { portOf, unbracketed } from './no-proxy.ts';

/** An HTTP proxy. */
export interface ProxyAddress {
  /** The connection to the proxy itself is TLS. */
  readonly secure: boolean;
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Host and port, for people; never the login. */
  readonly label: string;
  /** The value of Proxy-Authorization, where there is a login. A secret. */
  readonly authorization?: string;
}

export type ProxyReading =
  | { readonly kind: 'proxy'; readonly address: ProxyAddress }
  /** `is`: what it is instead, as the end of a sentence about it; quotes nothing of it. */
  | { readonly kind: 'unusable'; readonly is: string };

/** Reads the URL of a proxy. A host and port without a scheme is an http: proxy, as everywhere. */
export function readProxyAddress(text: string): ProxyReading {
  const [, scheme = 'http', rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(text.trim()) ?? [];
  if (/^socks/i.test(scheme)) {
    return { kind: 'unusable', is: 'a SOCKS proxy, and the relay can only use HTTP proxies' };
  }
  if (!/^https?$/i.test(scheme)) {
    return { kind: 'unusable', is: `of the kind "${scheme.toLowerCase()}", and the relay can only use HTTP proxies` };
  }
  const url = URL.parse(`${scheme}://${rest}`);
  // An unescaped / ? or # in a password ends the host early: what is left of it would be taken for the host's name.
  if (url === null || url.search !== '' || url.hash !== '' || url.pathname.includes('@')) {
    return {
      kind: 'unusable',
      is: 'not an address such as http://proxy.example.com:3128 (in a user name or password, the characters @ : / ? # % have to be percent-encoded)',
    };
  }
  const { username, password } = url;
  const port = portOf(url);
  const login = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  return {
    kind: 'proxy',
    address: {
      secure: url.protocol === 'https:',
      hostname: unbracketed(url.hostname),
      port,
      label: `${url.hostname}:${port}`,
      ...(username === '' && password === '' ? {} : { authorization: `Basic ${login}` }),
    },
  };
}

/** A stray % is taken as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
