import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCompressingTransport } from '../../src/main/core/delivery/compressing-transport.ts';
import { Gzip } from '../../src/main/core/delivery/gzip.ts';
import { createHttpTransport } from '../../src/main/core/delivery/http-transport.ts';
import type { Connector } from '../../src/main/core/delivery/network/connector.ts';
import type { Transport, TransportRequest, TransportResult } from '../../src/main/core/delivery/transport.ts';
import { makeCertificates, noCertificatesBecause, type TestCertificates } from '../support/certificates.ts';
import { type TestConnectorOptions, testConnector } from '../support/connector.ts';
import { type HandClock, handClock } from '../support/hand-clock.ts';
import { listen } from '../support/server.ts';
import { until } from '../support/until.ts';
import { htmlPage, ok, startVendor, status, type Vendor, type VendorOptions } from '../support/vendor.ts';

const secret = 'tok-canary-0123456789';
const payload = Buffer.from('payload-canary');

let clock: HandClock;
let transport: Transport;
const cleanups: (() => void | Promise<void>)[] = [];

beforeEach(() => {
  clock = handClock(Date.UTC(2026, 10, 20));
  transport = httpTransport();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function httpTransport(options: Omit<TestConnectorOptions, 'clock'> = {}): Transport {
  const made = createHttpTransport({ clock, version: '1.2.3', connector: testConnector({ clock, ...options }) });
  cleanups.push(() => made.closeIdle());
  return made;
}

async function vendorWith(options: VendorOptions = {}): Promise<Vendor> {
  const vendor = await startVendor(options);
  cleanups.unshift(() => vendor.stop());
  return vendor;
}

/** A server below HTTP. */
async function rawServer(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    onSocket(socket);
  });
  const port = await listen(server);
  cleanups.unshift(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${port}`;
}

async function send(url: string, more: Partial<TransportRequest> = {}): Promise<TransportResult> {
  const headers = { 'x-span-token': secret };
  const result = await transport.send({
    url: `${url}/v1/metrics`,
    headers,
    body: payload,
    network: { proxy: 'none' },
    timeoutMs: 30_000,
    ...more,
  });
  if (result.kind === 'failure') expect(`${result.code} ${result.message}`).not.toMatch(/canary/);
  return result;
}

/** Turns the clock by `ms` as soon as `ready` holds, while a request is on its way. */
async function sendAndTurn(url: string, ms: number, ready: () => boolean): Promise<TransportResult> {
  const sending = send(url);
  await until('the request is on its way', ready);
  clock.advance(ms);
  return sending;
}

describe('an exchange that goes well', () => {
  it('posts the body with our headers and gives the answer back', async () => {
    const vendor = await vendorWith({ answer: () => status(503, { 'retry-after': '7', 'x-odd': 'a' }, 'busy') });
    expect(await send(vendor.url)).toEqual({
      kind: 'answer',
      status: 503,
      headers: expect.objectContaining({ 'retry-after': '7', 'x-odd': 'a' }),
      body: Buffer.from('busy'),
      truncated: false,
    });
    const [request] = vendor.seen;
    expect(request?.path).toBe('/v1/metrics');
    expect(request?.body).toEqual(payload);
    expect(request?.headers).toMatchObject({
      'user-agent': 'span-relay/1.2.3',
      'x-span-token': secret,
      'content-length': String(payload.length),
    });
  });

  it('keeps the connection for the next one', async () => {
    const vendor = await vendorWith();
    for (let n = 0; n < 3; n++) await send(vendor.url);
    expect(vendor.connections()).toBe(1);
  });

  it('closes idle connections when asked to', async () => {
    const vendor = await vendorWith();
    await send(vendor.url);
    transport.closeIdle();
    await send(vendor.url);
    expect(vendor.connections()).toBe(2);
  });

  it('compresses where it is decorated to', async () => {
    let raw: Uint8Array = Buffer.alloc(0);
    const inner: Transport = {
      send: async ({ body, headers }) => {
        raw = body;
        return { kind: 'answer', status: 200, headers, body, truncated: false };
      },
      closeIdle: () => undefined,
    };
    transport = createCompressingTransport(inner, new Gzip());
    expect(await send('http://127.0.0.1')).toMatchObject({
      headers: { 'content-encoding': 'gzip', 'x-span-token': secret },
    });
    expect(gunzipSync(raw)).toEqual(payload);
  });

  it('does not follow redirects', async () => {
    const other = await vendorWith();
    const vendor = await vendorWith({ answer: () => status(307, { location: `${other.url}/v1/metrics` }) });
    expect(await send(vendor.url)).toMatchObject({ kind: 'answer', status: 307 });
    expect(other.seen).toEqual([]);
  });

  it('passes interim answers over', async () => {
    const url = await rawServer((socket) => {
      socket.once('data', () => {
        socket.end('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
    });
    expect(await send(url)).toMatchObject({ kind: 'answer', status: 200, body: Buffer.from('ok') });
  });

  it('takes an answer that comes before the body was read, and drops that connection', async () => {
    const vendor = await vendorWith({ early: (_headers, n) => (n === 0 ? status(413, {}, 'too large') : undefined) });
    const large = randomBytes(30 * 1024 * 1024);
    expect(await send(vendor.url, { body: large })).toMatchObject({ kind: 'answer', status: 413 });
    expect(await send(vendor.url)).toMatchObject({ kind: 'answer', status: 200 });
    expect(vendor.connections()).toBe(2);
  });

  it('keeps no more than 4 MiB of an answer', async () => {
    const vendor = await vendorWith({ answer: () => status(200, {}, Buffer.alloc(5 * 1024 * 1024)) });
    const result = await send(vendor.url);
    expect(result).toMatchObject({ kind: 'answer', status: 200, truncated: true });
    expect(result.kind === 'answer' && result.body.length).toBeLessThanOrEqual(4 * 1024 * 1024);
  });
});

describe('an exchange that breaks', () => {
  it('reset after the request: it may have been taken', async () => {
    const vendor = await vendorWith({ answer: () => ({ kind: 'reset' }) });
    expect(await send(vendor.url)).toMatchObject({ reason: 'reset', possiblySent: true, staleConnection: false });
  });

  it('reset in the middle of the request: nobody can have taken it', async () => {
    const url = await rawServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const result = await send(url, { body: Buffer.alloc(30 * 1024 * 1024) });
    expect(result).toMatchObject({ reason: 'reset', possiblySent: false });
  });

  it('reset in the middle of a success: unknown', async () => {
    const vendor = await vendorWith({ answer: () => ({ kind: 'reset-mid-response', status: 200 }) });
    expect(await send(vendor.url)).toMatchObject({ reason: 'reset', possiblySent: true });
  });

  it('reset in the middle of a refusal: refused all the same', async () => {
    const vendor = await vendorWith({ answer: () => ({ kind: 'reset-mid-response', status: 401 }) });
    expect(await send(vendor.url)).toMatchObject({ kind: 'answer', status: 401, truncated: true });
  });

  it('half-closed without an answer', async () => {
    const vendor = await vendorWith({ answer: () => ({ kind: 'half-close' }) });
    expect(await send(vendor.url)).toMatchObject({ reason: 'reset', possiblySent: true });
  });

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['noise', '\u0000\u0001\u0002\u0003\r\n\r\n'],
    ['broken chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot-hex\r\n'],
  ])('garbage instead of an answer: %s', async (_what, bytes) => {
    const vendor = await vendorWith({ answer: () => ({ kind: 'bytes', bytes }) });
    expect(await send(vendor.url)).toMatchObject({
      reason: 'garbage',
      possiblySent: true,
      message: expect.stringContaining('does not speak HTTP'),
    });
  });

  it('an upgrade to another protocol is an odd answer', async () => {
    const bytes = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
    const vendor = await vendorWith({ answer: () => ({ kind: 'bytes', bytes }) });
    expect(await send(vendor.url)).toMatchObject({ kind: 'answer', status: 101 });
  });

  it('no answer within the time-out: unknown', async () => {
    const vendor = await vendorWith({ answer: () => ({ kind: 'hang' }) });
    const result = await sendAndTurn(vendor.url, 30_000, () => vendor.seen.length === 1);
    expect(result).toMatchObject({ reason: 'timeout', possiblySent: true });
    expect(clock.due()).toEqual([]);
  });

  it('an answer that trickles for ever ends with the time-out', async () => {
    const vendor = await vendorWith({ answer: () => ({ kind: 'trickle' }) });
    const result = await sendAndTurn(vendor.url, 30_000, () => vendor.seen.length === 1);
    expect(result).toMatchObject({ reason: 'timeout', possiblySent: true });
  });

  it('neither a jump of the wall clock nor waiting short of the time-out ends it', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const vendor = await vendorWith({ answer: () => gate.then(() => ok()) });
    const sending = send(vendor.url);
    await until('the vendor has it', () => vendor.seen.length === 1);
    clock.setWall(clock.now() + 86_400_000);
    clock.advance(29_999);
    clock.setWall(clock.now() - 2 * 86_400_000);
    release();
    expect(await sending).toMatchObject({ kind: 'answer', status: 200 });
  });

  it('aborted on its way: unknown; aborted before: certainly not sent', async () => {
    const vendor = await vendorWith({ answer: () => ({ kind: 'hang' }) });
    const controller = new AbortController();
    const sending = send(vendor.url, { signal: controller.signal });
    await until('the vendor has it', () => vendor.seen.length === 1);
    controller.abort();
    expect(await sending).toMatchObject({ reason: 'aborted', possiblySent: true });
    const after = await send(vendor.url, { signal: controller.signal });
    expect(after).toMatchObject({ reason: 'aborted', possiblySent: false });
  });

  it('a kept connection that the other side resets under the next request is told apart', async () => {
    const vendor = await vendorWith({ answer: (_request, n) => (n === 1 ? { kind: 'reset' } : ok()) });
    await send(vendor.url);
    expect(await send(vendor.url)).toMatchObject({ reason: 'reset', staleConnection: true, possiblySent: true });
    expect(await send(vendor.url)).toMatchObject({ kind: 'answer', status: 200 });
  });
});

describe('no connection at all', () => {
  it('nobody listens', async () => {
    const vendor = await startVendor();
    await vendor.stop();
    expect(await send(vendor.url)).toMatchObject({
      reason: 'connect',
      code: 'ECONNREFUSED',
      possiblySent: false,
      message: expect.stringContaining('nothing listens there'),
    });
  });

  it('a name that does not exist', async () => {
    const result = await send('http://span-relay.invalid');
    expect(result).toMatchObject({ reason: 'dns', possiblySent: false });
    expect(result).toMatchObject({ message: expect.stringContaining('span-relay.invalid') });
  });

  it('a handshake that hangs ends after 10 s', async () => {
    let connections = 0;
    const url = await rawServer(() => connections++);
    const result = await sendAndTurn(url.replace('http:', 'https:'), 10_000, () => connections === 1);
    expect(result).toMatchObject({ reason: 'connect', code: 'CONNECT_TIMEOUT', possiblySent: false });
  });

  it('http where https is expected', async () => {
    const vendor = await vendorWith();
    const result = await send(vendor.url.replace('http:', 'https:'));
    expect(result).toMatchObject({
      reason: 'not-tls',
      possiblySent: false,
      message: expect.stringContaining('http instead of https'),
    });
  });

  it('a connection that ends between being opened and being used', async () => {
    const vendor = await vendorWith();
    const inner = testConnector({ clock });
    const connector: Connector = {
      ...inner,
      async open(target) {
        const opened = await inner.open(target);
        if (opened.kind === 'open') opened.socket.destroy(Object.assign(new Error('gone'), { code: 'ECONNRESET' }));
        return opened;
      },
    };
    transport = createHttpTransport({ clock, version: '1.2.3', connector });
    expect(await send(vendor.url)).toMatchObject({ reason: 'reset', code: 'ECONNRESET', possiblySent: false });
  });

  it.each([
    ['an address that is none', 'nonsense', {}],
    ['another scheme', 'ftp://127.0.0.1', {}],
    ['a header value that HTTP does not allow', 'http://127.0.0.1:1', { headers: { 'x-span-token': `${secret}\n` } }],
    ['a header name that HTTP does not allow', 'http://127.0.0.1:1', { headers: { 'x span': secret } }],
  ])('%s', async (_what, url, more) => {
    expect(await send(url, more)).toMatchObject({ reason: 'unsendable', possiblySent: false });
  });
});

const noCertificates = await noCertificatesBecause();

describe.skipIf(noCertificates !== undefined)(
  `TLS${noCertificates === undefined ? '' : `: skipped, ${noCertificates}`}`,
  () => {
    let certificates: TestCertificates;

    async function exchangeWith(which: 'good' | 'wrongName' | 'expired' | 'future', trusted = true) {
      certificates ??= await makeCertificates();
      const vendor = await vendorWith({ tls: certificates[which], answer: () => htmlPage(503) });
      transport = httpTransport(trusted ? { trustedCertificates: [certificates.authority] } : {});
      const result = await send(vendor.url);
      return { result, vendor };
    }

    it('takes a certificate that is right', async () => {
      const { result, vendor } = await exchangeWith('good');
      expect(result).toMatchObject({ kind: 'answer', status: 503 });
      // The first one was not trusted yet: the system's authorities are only asked where the runtime's do not suffice.
      expect(vendor.connections()).toBe(2);
      await send(vendor.url);
      expect(vendor.connections()).toBe(2);
    });

    it.each([
      ['wrongName', true, ['for another name', 'other.test']],
      ['expired', true, ['has expired on Feb  1 00:00:00 2020 GMT', 'clock says 2026-11-20']],
      ['future', true, ['not valid yet (from Jan  1 00:00:00 2090 GMT)', 'clock says 2026-11-20']],
      ['good', false, ['issued by "Span Relay Test Authority"', 'does not trust']],
    ] as const)('says what is wrong with a certificate: %s, authority trusted: %s', async (which, trusted, words) => {
      const { result, vendor } = await exchangeWith(which, trusted);
      const reason = which === 'wrongName' ? 'tls-name' : 'tls';
      expect(result).toMatchObject({ kind: 'failure', reason, possiblySent: false });
      for (const word of words) expect(result).toMatchObject({ message: expect.stringContaining(word) });
      expect(vendor.seen).toEqual([]);
    });
  },
);
