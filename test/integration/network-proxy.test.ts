import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttpTransport } from '../../src/main/core/delivery/http-transport.ts';
import type { Connector } from '../../src/main/core/delivery/network/connector.ts';
import { environmentProxies } from '../../src/main/core/delivery/network/environment-proxies.ts';
import { direct, type ProxyWay } from '../../src/main/core/delivery/network/proxy-resolver.ts';
import type { Transport, TransportRequest, TransportResult } from '../../src/main/core/delivery/transport.ts';
import { makeCertificates, noCertificatesBecause } from '../support/certificates.ts';
import { type TestConnectorOptions, testConnector } from '../support/connector.ts';
import { type HandClock, handClock } from '../support/hand-clock.ts';
import { type ProxyFault, type ProxyOptions, startProxy, type TestProxy } from '../support/proxy.ts';
import { close, listen } from '../support/server.ts';
import { until } from '../support/until.ts';
import { startVendor, status, type Vendor, type VendorOptions } from '../support/vendor.ts';

const noCertificates = await noCertificatesBecause();
const certificates = noCertificates === undefined ? await makeCertificates() : undefined;

let clock: HandClock;
let connector: Connector;
let transport: Transport;
let vendor: Vendor;
let proxy: TestProxy;
const cleanups: (() => void | Promise<void>)[] = [];

beforeEach(async () => {
  clock = handClock(Date.UTC(2026, 10, 20));
  use({});
  vendor = await vendorWith();
  proxy = await proxyWith();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function use(options: Omit<TestConnectorOptions, 'clock'>): void {
  connector = testConnector({ clock, ...options });
  transport = createHttpTransport({ clock, version: '1.2.3', connector });
  const made = transport;
  cleanups.push(() => made.closeIdle());
}

async function vendorWith(options: VendorOptions = {}): Promise<Vendor> {
  const made = await startVendor(options);
  cleanups.unshift(() => made.stop());
  return made;
}

async function proxyWith(options: ProxyOptions = {}): Promise<TestProxy> {
  const made = await startProxy({ hosts: { 'vendor.test': '127.0.0.1' }, ...options });
  cleanups.unshift(() => made.stop());
  return made;
}

async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await close(server);
  return port;
}

async function send(url: string, more: Partial<TransportRequest> = {}): Promise<TransportResult> {
  const request = { url: `${url}/v1/logs`, headers: {}, body: Buffer.from('payload'), timeoutMs: 30_000 };
  const result = await transport.send({ ...request, network: { proxy: proxy.url }, ...more });
  if (result.kind === 'failure') expect(`${result.code} ${result.message}`).not.toMatch(/canary/);
  return result;
}

/** A login in the proxy's URL. */
function withLogin(login: string): string {
  return proxy.url.replace('://', `://${login}@`);
}

describe('plain http through a proxy', () => {
  it('sends the whole address to the proxy, and keeps the connection', async () => {
    for (let n = 0; n < 2; n++) expect(await send(vendor.url)).toMatchObject({ kind: 'answer', status: 200 });
    expect(proxy.forwarded).toEqual([`${vendor.url}/v1/logs`, `${vendor.url}/v1/logs`]);
    expect(proxy.connects).toEqual([]);
    expect(vendor.seen[0]?.headers.host).toBe(`127.0.0.1:${vendor.port}`);
    expect(connector.via(new URL(`${vendor.url}/v1/logs`), { proxy: proxy.url })).toBe(`127.0.0.1:${proxy.port}`);
  });

  it('passes the answer of the vendor on, and shows the vendor no login', async () => {
    proxy.setLogin('user:canary');
    vendor.setAnswer(() => status(503, { 'retry-after': '7' }));
    const result = await send(vendor.url, { network: { proxy: withLogin('user:canary') } });
    expect(result).toMatchObject({ kind: 'answer', status: 503, headers: { 'retry-after': '7' } });
    expect(JSON.stringify(vendor.seen[0]?.headers)).not.toMatch(/proxy-auth|canary/i);
  });

  it('407 is the proxy speaking', async () => {
    proxy.setLogin('user:canary');
    expect(await send(vendor.url)).toMatchObject({
      kind: 'failure',
      reason: 'proxy-refused',
      possiblySent: false,
      message: expect.stringContaining('"proxy" of this destination: http://USER:PASSWORD@127.0.0.1'),
    });
    expect(vendor.seen).toEqual([]);
  });
});

describe.skipIf(certificates === undefined)(`https through a proxy (${noCertificates ?? 'openssl is there'})`, () => {
  const authority = certificates?.authority ?? '';

  async function secureVendor(): Promise<Vendor> {
    use({ trustedCertificates: [authority] });
    return vendorWith({ tls: certificates?.good ?? { key: '', cert: '' } });
  }

  it('asks the proxy to connect, and nothing is seen by it', async () => {
    vendor = await secureVendor();
    for (let n = 0; n < 2; n++) expect(await send(vendor.url)).toMatchObject({ kind: 'answer', status: 200 });
    expect(new Set(proxy.connects)).toEqual(new Set([`localhost:${vendor.port}`]));
    expect(vendor.accepted).toHaveLength(2);
    expect(vendor.seen[0]?.headers['proxy-authorization']).toBeUndefined();
  });

  it('logs in where the URL has a login, with any characters', async () => {
    vendor = await secureVendor();
    proxy.setLogin('CORP\\dev:p@ss:/#é');
    const network = { proxy: withLogin('CORP%5Cdev:p%40ss%3A%2F%23%C3%A9') };
    expect(await send(vendor.url, { network })).toMatchObject({ kind: 'answer', status: 200 });
  });

  it('by a proxy that is itself reached over TLS', async () => {
    vendor = await secureVendor();
    proxy = await proxyWith({ tls: certificates?.good ?? { key: '', cert: '' } });
    expect(await send(vendor.url)).toMatchObject({ kind: 'answer', status: 200 });
    expect(proxy.connects.length).toBeGreaterThan(0);
    use({});
    expect(await send(vendor.url)).toMatchObject({
      reason: 'proxy-refused',
      message: expect.stringContaining(`The certificate of the proxy localhost:${proxy.port} was issued by`),
    });
  });

  it.each<[string, ProxyFault, string, string]>([
    ['403', { kind: 'status', status: 403 }, 'proxy-refused', 'does not allow connections to'],
    ['502', { kind: 'status', status: 502 }, 'proxy', 'cannot connect to'],
    ['503', { kind: 'status', status: 503, body: '<html>busy' }, 'proxy', 'cannot connect to'],
    ['504', { kind: 'status', status: 504 }, 'proxy', 'cannot connect to'],
    ['429', { kind: 'status', status: 429 }, 'proxy', 'cannot connect to'],
    ['405', { kind: 'status', status: 405 }, 'proxy-refused', 'is it a proxy?'],
    [
      '302',
      { kind: 'status', status: 302, headers: { location: 'https://login.corp/canary' } },
      'proxy-refused',
      'log in',
    ],
    ['a close', { kind: 'close' }, 'proxy', 'broke the connection off'],
    ['a reset', { kind: 'reset' }, 'proxy', 'broke the connection off'],
    ['garbage', { kind: 'bytes', bytes: 'SSH-2.0-OpenSSH_9.2\r\n' }, 'proxy', 'does not speak HTTP'],
    ['half a header', { kind: 'bytes', bytes: 'HTTP/1.1 200 Conn' }, 'proxy', 'broke the connection off'],
    [
      'a huge header',
      { kind: 'bytes', bytes: `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(200_000)}\r\n\r\n` },
      'proxy',
      'does not speak HTTP',
    ],
    ['more than an answer', { kind: 'extra', bytes: 'hello' }, 'proxy', 'something of its own'],
    [
      '407 for Negotiate only',
      { kind: 'status', status: 407, headers: { 'proxy-authenticate': 'Negotiate, NTLM' } },
      'proxy-refused',
      'a login by Negotiate or NTLM',
    ],
    ['407 for nothing in particular', { kind: 'status', status: 407 }, 'proxy-refused', 'asks for a login'],
  ])('a proxy that answers with %s', async (_what, fault, reason, words) => {
    vendor = await secureVendor();
    proxy.setFault(fault);
    const result = await send(vendor.url);
    expect(result).toMatchObject({ kind: 'failure', reason, possiblySent: false });
    expect(result).toMatchObject({ message: expect.stringContaining(words) });
    expect(result).toMatchObject({ message: expect.stringContaining(`127.0.0.1:${proxy.port}`) });
    expect(vendor.seen).toEqual([]);

    proxy.setFault(undefined);
    expect(await send(vendor.url)).toMatchObject({ kind: 'answer', status: 200 });
  });

  it('says which login was refused, without telling it', async () => {
    vendor = await secureVendor();
    proxy.setLogin('user:new');
    expect(await send(vendor.url, { network: { proxy: withLogin('user:canary') } })).toMatchObject({
      reason: 'proxy-refused',
      message: expect.stringContaining('refuses the login (HTTP 407)'),
    });
  });

  it('a proxy that hangs is given up after 10 s', async () => {
    vendor = await secureVendor();
    proxy.setFault({ kind: 'hang' });
    const sending = send(vendor.url);
    await until('the proxy was asked', () => proxy.asked() === 1);
    clock.advance(10_000);
    expect(await sending).toMatchObject({ reason: 'proxy', code: 'PROXY_TIMEOUT', possiblySent: false });
    expect(clock.due()).toEqual([]);
  });

  it('a proxy that lets us through to somebody who hangs: not its fault', async () => {
    let heard = 0;
    let ended = 0;
    const silent = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', () => heard++).on('close', () => ended++);
    });
    const port = await listen(silent);
    cleanups.push(() => void silent.close());
    const sending = send(`https://localhost:${port}`);
    await until('the handshake has begun', () => heard === 1);
    clock.advance(10_000);
    expect(await sending).toMatchObject({
      reason: 'connect',
      code: 'CONNECT_TIMEOUT',
      message: expect.stringContaining(`localhost:${port} did not complete the TLS handshake within 10 s`),
    });
    await until('the connection is given up', () => ended === 1);
    proxy.breakConnections();
  });

  it('aborted on its way', async () => {
    vendor = await secureVendor();
    proxy.setFault({ kind: 'hang' });
    const controller = new AbortController();
    const sending = send(vendor.url, { signal: controller.signal });
    await until('the proxy was asked', () => proxy.asked() === 1);
    controller.abort();
    expect(await sending).toMatchObject({ reason: 'aborted', possiblySent: false });
    expect(clock.due()).toEqual([]);
  });

  it('recognises a security product that opens connections, and takes its authority from the system', async () => {
    vendor = await secureVendor();
    proxy = await proxyWith({ intercept: certificates?.intercepted ?? { key: '', cert: '' } });
    const result = await send(vendor.url);
    expect(result).toMatchObject({ reason: 'tls', possiblySent: false });
    for (const words of [
      `issued by "${certificates?.companyIssuer}"`,
      'which this machine does not trust',
      'a security product (Zscaler) opens this connection',
    ]) {
      expect(result).toMatchObject({ message: expect.stringContaining(words) });
    }
    expect(vendor.seen).toEqual([]);

    use({ trustedCertificates: [certificates?.companyAuthority ?? ''] });
    expect(await send(vendor.url)).toMatchObject({ kind: 'answer', status: 200 });
  });
});

describe('no proxy to be had', () => {
  it('nobody listens', async () => {
    const port = await closedPort();
    expect(await send(vendor.url, { network: { proxy: `http://user:canary@127.0.0.1:${port}` } })).toMatchObject({
      reason: 'proxy',
      code: 'ECONNREFUSED',
      message: `The proxy 127.0.0.1:${port} refuses the connection: nothing listens there. Check "proxy" of this destination and its port.`,
    });
  });

  it('its name is not known', async () => {
    expect(await send(vendor.url, { network: { proxy: 'http://proxy.invalid:3128' } })).toMatchObject({
      reason: 'proxy',
      message: expect.stringContaining('The name proxy.invalid cannot be'),
    });
  });

  it('it is of a kind that the relay cannot use', async () => {
    expect(await send(vendor.url, { network: { proxy: 'socks5://user:canary@127.0.0.1:1080' } })).toMatchObject({
      reason: 'proxy-refused',
      message: expect.stringContaining('is a SOCKS proxy, and the relay can only use HTTP proxies'),
    });
  });

  it('it speaks no TLS where https was set', async () => {
    expect(await send(vendor.url, { network: { proxy: proxy.url.replace('http:', 'https:') } })).toMatchObject({
      reason: 'proxy-refused',
      message: expect.stringContaining('does not speak TLS'),
    });
  });
});

describe('whether there is a proxy', () => {
  const named = () => `http://vendor.test:${vendor.port}`;

  it('the environment names it', async () => {
    use({ proxyResolver: environmentProxies({ HTTP_PROXY: proxy.url }) });
    expect(await send(named(), { network: { proxy: 'system' } })).toMatchObject({ kind: 'answer', status: 200 });
    expect(proxy.forwarded).toHaveLength(1);
  });

  it('a SOCKS proxy in the environment is told by the name of its variable', async () => {
    use({ proxyResolver: environmentProxies({ ALL_PROXY: 'socks5://canary:canary@127.0.0.1:1' }) });
    expect(await send(named(), { network: { proxy: 'system' } })).toMatchObject({
      reason: 'proxy-refused',
      message: expect.stringContaining('The proxy that the variable ALL_PROXY names is a SOCKS proxy'),
    });
  });

  it.each([
    ['"none"', { proxy: 'none' }],
    ['loopback, and the environment names one', { proxy: 'system' }],
    ['loopback, and the config names one for all destinations', { proxy: 'http://127.0.0.1:1', proxyOfAll: true }],
  ] as const)('goes straight: %s', async (_what, network) => {
    use({ proxyResolver: environmentProxies({ HTTP_PROXY: proxy.url, ALL_PROXY: proxy.url }) });
    expect(await send(vendor.url, { network })).toMatchObject({ kind: 'answer', status: 200 });
    expect(proxy.asked()).toBe(0);
    expect(connector.via(new URL(vendor.url), network)).toBeNull();
  });

  it('names that the environment excludes are looked up here', async () => {
    const lookup: TestConnectorOptions['lookup'] = (_name, _options, found) =>
      found(null, [{ address: '127.0.0.1', family: 4 }]);
    use({ lookup, proxyResolver: environmentProxies({ HTTP_PROXY: proxy.url, NO_PROXY: '.test' }) });
    expect(await send(named(), { network: { proxy: 'system' } })).toMatchObject({ kind: 'answer', status: 200 });
    expect(proxy.asked()).toBe(0);
  });
});

describe('a list of proxies, as a PAC file gives', () => {
  async function listOf(...urls: readonly string[]): Promise<void> {
    const ways: ProxyWay[] = urls.map((url) =>
      url === 'direct' ? direct : { kind: 'proxy', url, from: "the system's settings" },
    );
    const lookup: TestConnectorOptions['lookup'] = (_name, _options, found) =>
      found(null, [{ address: '127.0.0.1', family: 4 }]);
    use({ lookup, proxyResolver: { resolve: async () => ways } });
  }

  const sendByList = () => send(`http://vendor.test:${vendor.port}`, { network: { proxy: 'system' } });

  it('goes on to the next where one cannot be reached, and leaves that one alone for a while', async () => {
    const first = await proxyWith();
    await first.stop();
    await listOf(first.url, proxy.url);
    expect(await sendByList()).toMatchObject({ status: 200 });
    expect(proxy.forwarded).toHaveLength(1);

    const back = await proxyWith({ port: first.port });
    transport.closeIdle();
    expect(await sendByList()).toMatchObject({ status: 200 });
    expect(back.asked()).toBe(0);

    transport.closeIdle();
    clock.advance(5 * 60_000);
    expect(await sendByList()).toMatchObject({ status: 200 });
    expect(back.forwarded).toHaveLength(1);
  });

  it('goes straight in the end where the list says so', async () => {
    await listOf(`http://127.0.0.1:${await closedPort()}`, 'direct');
    expect(await sendByList()).toMatchObject({ status: 200 });
  });

  it('tells of the first one where none works', async () => {
    const port = await closedPort();
    await listOf(`http://127.0.0.1:${port}`, `http://127.0.0.1:${await closedPort()}`);
    expect(await sendByList()).toMatchObject({
      reason: 'proxy',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });

  it('a refusal is an answer: no other one is asked', async () => {
    const strict = await proxyWith({ login: 'user:canary' });
    await listOf(strict.url, 'direct');
    expect(await sendByList()).toMatchObject({ reason: 'proxy-refused' });
    const url = new URL(`http://vendor.test:${vendor.port}`);
    expect(await connector.open({ url, network: { proxy: 'system' }, alpn: ['h2'] })).toMatchObject({
      reason: 'proxy-refused',
    });
    expect(vendor.connections()).toBe(0);
  });

  it('shows no proxy the login of another one', async () => {
    const [first, second] = [await proxyWith({ login: 'a:one' }), await proxyWith({ login: 'b:two' })];
    let url = first.url.replace('://', '://a:one@');
    const ways = async (): Promise<ProxyWay[]> => [{ kind: 'proxy', url, from: "the system's settings" }];
    use({ proxyResolver: { resolve: ways } });
    expect(await sendByList()).toMatchObject({ status: 200 });
    transport.closeIdle();
    url = second.url.replace('://', '://b:two@');
    expect(await sendByList()).toMatchObject({ status: 200 });
    expect([first.forwarded.length, second.forwarded.length]).toEqual([1, 1]);
  });
});
