import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttp2Server, createSecureServer } from 'node:http2';
import { connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHttpTransport } from '../../src/main/core/delivery/http-transport.ts';
import type { NetworkSettings } from '../../src/main/core/delivery/network/network-settings.ts';
import type { Transport, TransportResult } from '../../src/main/core/delivery/transport.ts';
import { makeCertificates, noCertificatesBecause, type TestCertificates } from '../support/certificates.ts';
import { startChild } from '../support/child.ts';
import { type TestConnectorOptions, testConnector } from '../support/connector.ts';
import { type HandClock, handClock } from '../support/hand-clock.ts';
import { freePort } from '../support/relay.ts';
import { listen } from '../support/server.ts';
import { until } from '../support/until.ts';
import { startVendor, type Vendor, type VendorOptions } from '../support/vendor.ts';

const noCertificates = await noCertificatesBecause();

let clock: HandClock;
let transport: Transport;
let folder: string;
let certificates: TestCertificates;
const cleanups: (() => void | Promise<void>)[] = [];

beforeAll(async () => {
  if (noCertificates === undefined) certificates = await makeCertificates();
  folder = await mkdtemp(join(tmpdir(), 'span-relay-tls-'));
});

afterAll(() => rm(folder, { recursive: true }));

beforeEach(() => {
  clock = handClock(Date.UTC(2026, 10, 20));
  use({});
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function use(options: Omit<TestConnectorOptions, 'clock'>): void {
  transport = createHttpTransport({ clock, version: '1.2.3', connector: testConnector({ clock, ...options }) });
  const made = transport;
  cleanups.push(() => made.closeIdle());
}

async function vendorWith(tls: NonNullable<VendorOptions['tls']>): Promise<Vendor> {
  const vendor = await startVendor({ tls });
  cleanups.unshift(() => vendor.stop());
  return vendor;
}

async function serve(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
  });
  const port = await listen(server);
  cleanups.unshift(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return port;
}

/** Replaces the file as a whole, as those who renew certificates do. */
async function file(name: string, text: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
  return path;
}

async function startOpenSsl(): Promise<number> {
  const port = await freePort();
  const own = [
    '-cert',
    await file('server.pem', certificates.good.cert),
    '-key',
    await file('server.key', certificates.good.key),
  ];
  const asked = ['-Verify', '1', '-verify_return_error', '-CAfile', await file('ca.pem', certificates.authority)];
  const child = startChild('openssl', ['s_server', '-accept', `127.0.0.1:${port}`, '-quiet', ...own, ...asked], {
    env: process.env,
  });
  cleanups.push(async () => {
    child.kill();
    await child.exited;
  });
  await until(
    'openssl listens',
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => resolve(true));
        socket.on('error', () => resolve(false)).unref();
        socket.once('connect', () => socket.destroy());
      }),
  );
  return port;
}

async function send(url: string, network: Partial<NetworkSettings> = {}): Promise<TransportResult> {
  const body = Buffer.from('payload');
  return transport.send({
    url: `${url}/v1/logs`,
    headers: {},
    body,
    network: { proxy: 'none', ...network },
    timeoutMs: 30_000,
  });
}

async function failsWith(
  sending: Promise<TransportResult>,
  reason: string,
  ...words: readonly string[]
): Promise<void> {
  const result = await sending;
  expect(result).toMatchObject({ kind: 'failure', reason, possiblySent: false });
  for (const word of words) expect(result).toMatchObject({ message: expect.stringContaining(word) });
}

const delivered = { kind: 'answer', status: 200 };

describe.skipIf(noCertificates !== undefined)(`TLS (${noCertificates ?? 'openssl is there'})`, () => {
  describe('whom we trust', () => {
    it('what the system trusts, asked only when the runtime does not know it, and only once', async () => {
      let asked = 0;
      use({
        trustedCertificates: {
          read: async () => {
            asked++;
            return [certificates.authority];
          },
        },
      });
      const vendor = await vendorWith(certificates.good);
      expect(await Promise.all([send(vendor.url), send(vendor.url)])).toMatchObject([delivered, delivered]);
      transport.closeIdle();
      expect(await send(vendor.url)).toMatchObject(delivered);
      expect(asked).toBe(1);
      expect(vendor.accepted).toHaveLength(3);
    });

    it('asks again for the system’s where they could not be read', async () => {
      let asked = 0;
      use({
        trustedCertificates: {
          read: async () => {
            if (++asked === 1) throw new Error('no keychain');
            return [certificates.authority];
          },
        },
      });
      const vendor = await vendorWith(certificates.good);
      await failsWith(send(vendor.url), 'tls', 'does not trust');
      expect(await send(vendor.url)).toMatchObject(delivered);
    });

    it('what caFile holds, besides', async () => {
      const vendor = await vendorWith(certificates.good);
      const caFile = await file(
        'bundle.pem',
        `# corporate\n${certificates.companyAuthority}\n${certificates.authority}`,
      );
      expect(await send(vendor.url, { caFile })).toMatchObject(delivered);
      await failsWith(
        send(vendor.url),
        'tls',
        `issued by "${certificates.issuer}"`,
        'which this machine does not trust',
      );
    });

    it('an authority under a root, where caFile names just that one', async () => {
      const vendor = await vendorWith(certificates.incomplete);
      const caFile = await file('middle.pem', certificates.intermediate);
      expect(await send(vendor.url, { caFile })).toMatchObject(delivered);
    });

    it('a certificate that is signed by nobody, where caFile names it', async () => {
      const vendor = await vendorWith(certificates.selfSigned);
      await failsWith(send(vendor.url), 'tls', 'signed by nobody but itself ("localhost")', 'name its file in caFile');
      const caFile = await file('self.pem', certificates.selfSigned.cert);
      expect(await send(vendor.url, { caFile })).toMatchObject(delivered);
    });

    it('resumes its sessions with the same settings, and no others', async () => {
      const vendor = await vendorWith(certificates.good);
      const reused: boolean[] = [];
      const seen = await serveTls(reused);
      const caFile = await file('ca.pem', certificates.authority);
      for (let n = 0; n < 3; n++) {
        expect(await send(seen, { caFile })).toMatchObject(delivered);
        transport.closeIdle();
      }
      expect(reused).toEqual([false, true, true]);
      const other = await file('other-ca.pem', certificates.companyAuthority);
      await failsWith(send(seen, { caFile: other }), 'tls', `which neither this machine nor ${other} trusts`);
      expect(vendor.seen).toEqual([]);
    });

    async function serveTls(reused: boolean[]): Promise<string> {
      const { createServer } = await import('node:https');
      const server = createServer(certificates.good, (_incoming, response) => response.end());
      server.on('secureConnection', (socket) => reused.push(socket.isSessionReused()));
      return `https://localhost:${await serve(server)}`;
    }
  });

  describe('what is wrong with a certificate', () => {
    it('it has an address that it is not for', async () => {
      const vendor = await vendorWith(certificates.wrongName);
      const caFile = await file('ca.pem', certificates.authority);
      await failsWith(send(vendor.url, { caFile }), 'tls-name', 'is for another name: other.test');
      await failsWith(send(`https://127.0.0.1:${vendor.port}`, { caFile }), 'tls-name', 'is for another name');
      const good = await vendorWith(certificates.good);
      expect(await send(`https://127.0.0.1:${good.port}`, { caFile })).toMatchObject(delivered);
    });

    it('the chain is incomplete', async () => {
      const vendor = await vendorWith(certificates.incomplete);
      const caFile = await file('ca.pem', certificates.authority);
      const words = ['"Span Relay Test Intermediate"', 'the chain is incomplete', 'operators have to correct that'];
      await failsWith(send(vendor.url, { caFile }), 'tls', ...words);
      const whole = `${certificates.incomplete.cert}${certificates.intermediate}`;
      const complete = await vendorWith({ ...certificates.incomplete, cert: whole });
      expect(await send(complete.url, { caFile })).toMatchObject(delivered);
    });

    it('a security product opens the connection', async () => {
      const vendor = await vendorWith(certificates.intercepted);
      await failsWith(send(vendor.url), 'tls', 'a security product (Zscaler) opens this connection', 'in caFile');
      const caFile = await file('zscaler.pem', certificates.companyAuthority);
      expect(await send(vendor.url, { caFile })).toMatchObject(delivered);
    });

    it('no variable of the environment turns the check off', async () => {
      const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
      try {
        const vendor = await vendorWith(certificates.good);
        await failsWith(send(vendor.url), 'tls', 'does not trust');
        expect(vendor.seen).toEqual([]);
      } finally {
        if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
        else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
      }
    });
  });

  describe('versions and protocols', () => {
    it('a version of TLS that is too old', async () => {
      const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
      const vendor = await vendorWith({ ...certificates.good, ...old });
      const caFile = await file('ca.pem', certificates.authority);
      await failsWith(
        send(vendor.url, { caFile }),
        'tls-failed',
        'does not speak a version of TLS that the relay takes',
      );
    });

    it('TLS 1.2 will do', async () => {
      const vendor = await vendorWith({ ...certificates.good, maxVersion: 'TLSv1.2' });
      const caFile = await file('ca.pem', certificates.authority);
      expect(await send(vendor.url, { caFile })).toMatchObject(delivered);
    });

    it('http where we speak https', async () => {
      const vendor = await startVendor();
      cleanups.unshift(() => vendor.stop());
      await failsWith(
        send(`https://localhost:${vendor.port}`),
        'not-tls',
        'does not speak TLS. Does it take http instead',
      );
    });

    it('a port for HTTP/2 only, with TLS', async () => {
      const port = await serve(createSecureServer(certificates.good));
      const caFile = await file('ca.pem', certificates.authority);
      await failsWith(
        send(`https://localhost:${port}`, { caFile }),
        'other-protocol',
        'speaks HTTP/2 only, as gRPC does',
      );
    });

    it('a port for HTTP/2 only, without TLS', async () => {
      const port = await serve(createHttp2Server());
      await failsWith(send(`http://127.0.0.1:${port}`), 'other-protocol', 'speaks HTTP/2 only, as gRPC does');
    });

    it.each([
      ['OpenSSL', () => startOpenSsl()],
      ['Node', async () => (await vendorWith(certificates.good)).port],
    ])('https where we speak http: %s', async (_what, start) => {
      const result = await send(`http://127.0.0.1:${await start()}`);
      expect(result).toMatchObject({
        reason: 'reset',
        message: expect.stringContaining('Does it take https instead of http?'),
      });
    });
  });

  describe('mutual TLS', () => {
    const mutual = () => ({ ...certificates.good, requestCert: true, ca: certificates.authority });

    async function identity(pair = certificates.client, name = 'client'): Promise<Partial<NetworkSettings>> {
      return {
        caFile: await file('ca.pem', certificates.authority),
        clientCert: await file(`${name}.pem`, pair.cert),
        clientKey: await file(`${name}.key`, pair.key),
      };
    }

    it('shows our certificate, in files of its own or in one with the key', async () => {
      const vendor = await vendorWith(mutual());
      expect(await send(vendor.url, await identity())).toMatchObject(delivered);
      const clientCert = await file('both.pem', `${certificates.client.key}${certificates.client.cert}`);
      const caFile = await file('ca.pem', certificates.authority);
      expect(await send(vendor.url, { caFile, clientCert })).toMatchObject(delivered);
    });

    it.each([
      ['TLSv1.3', 'client-certificate', 'asks for a client certificate'],
      ['TLSv1.2', 'tls-failed', 'may ask for a client certificate'],
    ] as const)('says that one is asked for: %s', async (maxVersion, reason, words) => {
      const vendor = await vendorWith({ ...mutual(), maxVersion });
      const caFile = await file('ca.pem', certificates.authority);
      await failsWith(send(vendor.url, { caFile }), reason, words, 'clientCert');
      expect(vendor.seen).toEqual([]);
    });

    // OpenSSL's own server says why; Node's closes without a word.
    it.each([
      ['of nobody known', 'strangeClient', ['refuses the client certificate', 'stranger.pem']],
      ['expired', 'expiredClient', ['refuses the client certificate', 'stranger.pem', 'has expired']],
    ] as const)('says that ours is refused: %s', async (_what, which, words) => {
      const port = await startOpenSsl();
      await failsWith(
        send(`https://localhost:${port}`, await identity(certificates[which], 'stranger')),
        'client-certificate',
        ...words,
      );
    });

    it('sends nothing to a server that is not trusted, whatever that asks for', async () => {
      const vendor = await vendorWith({ ...certificates.intercepted, requestCert: true, ca: certificates.authority });
      await failsWith(send(vendor.url, await identity()), 'tls', 'which neither this machine nor', 'ca.pem trusts');
      expect(vendor.seen).toEqual([]);
    });
  });

  describe('files', () => {
    let vendor: Vendor;

    beforeEach(async () => {
      vendor = await vendorWith({ ...certificates.good, requestCert: true, ca: certificates.authority });
    });

    it.each<[string, () => string | Buffer | undefined, readonly string[]]>([
      ['missing', () => undefined, ['does not exist. Put it there, or correct caFile']],
      ['empty', () => '', ['holds no certificate in PEM form']],
      ['something else', () => 'hello', ['holds no certificate in PEM form']],
      ['a key', () => certificates.client.key, ['holds no certificate in PEM form']],
      [
        'DER',
        () => Buffer.from(certificates.authority.replace(/-----[^-]+-----|\s/g, ''), 'base64'),
        ['is in DER form', 'openssl x509 -inform der'],
      ],
      [
        'damaged',
        () =>
          `${certificates.authority}${certificates.companyAuthority.replace(/\n[^\n]{20}/, '\n####################')}`,
        ['is damaged: its certificate 2 of 2 cannot be read'],
      ],
    ])('caFile: %s; mended, it is used at once', async (_what, text, words) => {
      const name = 'mended-ca.pem';
      const caFile = join(folder, name);
      await rm(caFile, { force: true });
      const content = text();
      if (content !== undefined) await file(name, content);
      await failsWith(
        send(vendor.url, { caFile }),
        'certificate-file',
        `The file ${caFile}, which caFile names,`,
        ...words,
      );
      await file(name, certificates.authority);
      expect(await send(vendor.url, { ...(await keys()), caFile })).toMatchObject(delivered);
    });

    async function keys(): Promise<{ clientCert: string; clientKey: string }> {
      return {
        clientCert: await file('c.pem', certificates.client.cert),
        clientKey: await file('c.key', certificates.client.key),
      };
    }

    it.each<[string, () => string, () => string, readonly string[]]>([
      [
        'of another certificate',
        () => certificates.client.cert,
        () => certificates.strangeClient.key,
        ['/c.key', 'clientKey names, does not belong to the certificate in'],
      ],
      [
        'encrypted',
        () => certificates.client.cert,
        () => certificates.encryptedKey,
        ['is encrypted, and there is nobody to ask', 'openssl pkey -in'],
      ],
      [
        'a certificate',
        () => certificates.client.cert,
        () => certificates.client.cert,
        ['holds no private key in PEM form'],
      ],
      [
        'damaged',
        () => certificates.client.cert,
        () => certificates.client.key.replace(/\n[^\n]{20}/, '\n####################'),
        ['is damaged'],
      ],
    ])('a key that is %s', async (_what, cert, key, words) => {
      const caFile = await file('ca.pem', certificates.authority);
      const network = { caFile, clientCert: await file('c.pem', cert()), clientKey: await file('c.key', key()) };
      await failsWith(send(vendor.url, network), 'certificate-file', ...words);
      await keys();
      expect(await send(vendor.url, network)).toMatchObject(delivered);
    });

    it('that do not answer, as on a network that is away', async () => {
      const asked = Promise.withResolvers<void>();
      const contextFor = () => {
        asked.resolve();
        return new Promise<never>(() => undefined);
      };
      use({ trust: { generation: 0, widen: async () => undefined, contextFor } });
      const sending = send(vendor.url, { caFile: '/net/ca.pem' });
      await asked.promise;
      clock.advance(10_000);
      await failsWith(sending, 'certificate-file', '/net/ca.pem could not be read within 10 s');
      expect(vendor.connections()).toBe(0);
    });

    it('a renewed certificate is shown from the next connection on', async () => {
      const { createServer } = await import('node:https');
      const shown: string[] = [];
      const server = createServer(
        { ...certificates.good, requestCert: true, rejectUnauthorized: false },
        (_in, response) => response.end(),
      );
      server.on('secureConnection', (socket) => {
        const { subject } = socket.getPeerCertificate();
        shown.push(String(subject.CN));
      });
      const url = `https://localhost:${await serve(server)}`;
      const caFile = await file('ca.pem', certificates.authority);
      const network = { caFile, ...(await keys()) };
      expect(await send(url, network)).toMatchObject(delivered);
      transport.closeIdle();
      await file('c.pem', certificates.expiredClient.cert);
      await file('c.key', certificates.expiredClient.key);
      expect(await send(url, network)).toMatchObject(delivered);
      expect(shown).toEqual(['laptop-17', 'laptop-18']);
    });
  });
});
