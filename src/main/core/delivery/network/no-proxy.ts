import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/** Whether an address is to be reached directly. */
export type NoProxy = (url: URL) => boolean;

type Rule = (hostname: string, port: number) => boolean;

/**
 * Reads NO_PROXY. There is no standard; this takes every form that curl, Go and Node take, and where they differ the reading
 * by which fewer addresses go to the proxy: `example.com`, `.example.com` and `*.example.com` all stand for the name and
 * everything below it; IPv4 and IPv6 addresses and ranges (compared with addresses in the URL: no name is looked up), with
 * brackets or without; `:port` after any but a range; `*` for everything, and within a name for any text. Entries are
 * separated by commas, semicolons or blanks. What cannot be read is skipped.
 */
export function readNoProxy(text: string): NoProxy {
  const rules = text
    .split(/[\s,;]+/)
    .filter((entry) => entry !== '')
    .map((entry) => readEntry(entry.toLowerCase()));
  return (url) => {
    const hostname = unbracketed(url.hostname).replace(/\.$/, '');
    const port = portOf(url);
    return rules.some((rule) => rule(hostname, port));
  };
}

/** As in the URL, or the scheme's own. */
export function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
}

/** A host as sockets take it: without the brackets that an IPv6 address has in a URL. */
export function unbracketed(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function readEntry(entry: string): Rule {
  if (entry === '*') return () => true;
  const range = rangeRule(entry) ?? fromToRule(entry);
  if (range !== undefined) return range;
  // Some write a whole URL.
  const { host, port } = splitPort(entry.replace(/^[a-z]+:\/\//, '').replace(/\/.*$/, ''));
  const rule = isIP(host) === 0 ? nameRule(host) : addressRule(host);
  return port === undefined ? rule : (hostname, itsPort) => itsPort === port && rule(hostname, itsPort);
}

function rangeRule(entry: string): Rule | undefined {
  const [, address = '', bits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(entry) ?? [];
  const base = unbracketed(address);
  const family = isIP(base);
  if (family === 0 || Number(bits) > (family === 4 ? 32 : 128)) return undefined;
  const list = new BlockList();
  list.addSubnet(base, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  return (hostname) => holds(list, hostname);
}

/** As Node writes ranges: `10.0.0.1-10.0.0.99`. */
function fromToRule(entry: string): Rule | undefined {
  const [from = '', to = '', ...more] = entry.split('-');
  const family = isIP(from);
  if (family === 0 || isIP(to) !== family || more.length > 0) return undefined;
  const list = new BlockList();
  try {
    list.addRange(from, to, family === 4 ? 'ipv4' : 'ipv6');
  } catch {
    // The wrong way round: nothing lies in it.
    return () => false;
  }
  return (hostname) => holds(list, hostname);
}

function addressRule(address: string): Rule {
  const list = new BlockList();
  list.addAddress(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
  return (hostname) => holds(list, hostname);
}

/** An IPv4 address written as IPv6 is the same address. */
function holds(list: BlockList, hostname: string): boolean {
  const family = isIP(hostname);
  return family !== 0 && list.check(hostname, family === 4 ? 'ipv4' : 'ipv6');
}

function nameRule(name: string): Rule {
  const bare = name.replace(/^\*?\./, '').replace(/\.$/, '');
  if (bare.includes('*')) {
    const pattern = bare.split('*').map((part) => part.replace(/[^\w-]/g, '\\$&'));
    const whole = new RegExp(`^${pattern.join('.*')}$`);
    return (hostname) => whole.test(hostname);
  }
  const ascii = domainToASCII(bare);
  if (ascii === '') return () => false;
  return (hostname) => hostname === ascii || (isIP(hostname) === 0 && hostname.endsWith(`.${ascii}`));
}

function splitPort(entry: string): { readonly host: string; readonly port?: number } {
  if (isIP(entry) === 6) return { host: entry };
  const [, host = entry, port] = /^(.*):(\d{1,5})$/.exec(entry) ?? [];
  return port === undefined ? { host: unbracketed(host) } : { host: unbracketed(host), port: Number(port) };
}
