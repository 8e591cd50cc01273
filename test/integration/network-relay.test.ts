import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Finding } from '../../src/shared/finding.ts';
import type { HealthSnapshot } from '../../src/shared/health.ts';
import { makeCertificates, noCertificatesBecause, type TestCertificates } from '../support/certificates.ts';
import { type GrpcVendor, startGrpcVendor } from '../support/grpc-vendor.ts';
import { numberedRequest, numbersTakenBy, post } from '../support/numbered-requests.ts';
import { type ProxyOptions, startProxy, type TestProxy } from '../support/proxy.ts';
import { makeHome, type Relay, type RelayHome, type RelayOptions, startRelay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { startVendor, type Vendor, type VendorOptions } from '../support/vendor.ts';

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const noCertificates = await noCertificatesBecause();

let certificates: TestCertificates;
let home: RelayHome;
let relay: Relay | undefined;
let sent = 0;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  if (noCertificates === undefined) certificates = await makeCertificates();
});

beforeEach(async () => {
  home = await makeHome();
  sent = 0;
});

afterEach(async () => {
  await relay?.kill();
  relay = undefined;
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await home[Symbol.asyncDispose]();
});

async function vendorWith(options: VendorOptions = {}): Promise<Vendor> {
  const vendor = await startVendor(options);
  cleanups.push(() => vendor.stop());
  return vendor;
}

async function proxyWith(options: ProxyOptions = {}): Promise<TestProxy> {
  const proxy = await startProxy({ hosts: { 'vendor.test': '127.0.0.1' }, ...options });
  cleanups.push(() => proxy.stop());
  return proxy;
}

async function start(config: object, options: RelayOptions = {}): Promise<Relay> {
  await home.writeConfig(config);
  relay = startRelay(home, options);
  await relay.ready;
  return relay;
}

/** Gives the relay some requests, numbered through the whole test. */
async function give({ port }: Pick<Relay, 'port'>, count = 5): Promise<void> {
  for (let n = 0; n < count; n++) expect(await post(port, 'logs', numberedRequest('logs', sent++))).toBe(200);
}

async function file(name: string, text: string): Promise<string> {
  const path = join(home.folder, name);
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
  return path;
}

function findingOf({ findings }: HealthSnapshot, id: string): Finding | undefined {
  return findings.find((finding) => finding.id === id);
}

/** Waits until the relay tells the finding; returns it. Everything that was given is held. */
async function told(by: Relay, id: Finding['id']): Promise<Finding> {
  const status = await by.untilStatus(`${id} is told`, (snapshot) => findingOf(snapshot, id) !== undefined);
  expect(status.destinations[0]?.pending.points).toBe(sent);
  const finding = findingOf(status, id);
  if (finding === undefined) throw new Error(`No ${id}`);
  return finding;
}

/** Everything has arrived once, the books balance, and nothing is left to tell. */
async function allDelivered(by: Relay, vendor: Pick<Vendor, 'accepted'>): Promise<HealthSnapshot> {
  await until('the vendor has everything', () => numbersTakenBy(vendor).length >= sent);
  expect(numbersTakenBy(vendor).sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, number) => number));
  const status = await by.untilStatus(
    'it is booked',
    ({ destinations, findings }) =>
      destinations.every(({ state, pending }) => state === 'ok' && pending.requests === 0) && findings.length === 0,
  );
  const { ledger } = await home.verifiedLedger();
  const books = ledger.filter(({ accepted }) => accepted > 0);
  expect(books).toMatchObject([{ signal: 'logs', accepted: sent, delivered: sent, pending: 0, rejected: 0 }]);
  return status;
}

const logsOnly = { name: 'vendor', signals: ['logs'] };

describe('the environment of the relay', () => {
  test('its proxy is used; without the login everything is held, and goes out at once when the config has it', async () => {
    const vendor = await vendorWith();
    const proxy = await proxyWith({ login: 'dev:p@ss word' });
    const destination = { ...logsOnly, endpoint: `http://vendor.test:${vendor.port}`, allowInsecure: true };
    const agent = await start({ destinations: [destination] }, { env: { HTTP_PROXY: proxy.url } });
    await give(agent);
    const finding = await told(agent, 'destination.proxy-refused');
    expect(finding).toMatchObject({ severity: 'error', title: 'The proxy does not let telemetry through to vendor' });
    expect(finding.detail).toContain(`The proxy 127.0.0.1:${proxy.port} asks for a login (HTTP 407).`);
    expect(finding.detail).toContain('Put it into the variable HTTP_PROXY');
    expect(vendor.seen).toEqual([]);

    const withLogin = proxy.url.replace('://', '://dev:p%40ss%20word@');
    await home.writeConfig({ destinations: [{ ...destination, proxy: withLogin }] });
    const status = await allDelivered(agent, vendor);
    expect(status.destinations[0]?.via).toBe(`127.0.0.1:${proxy.port}`);
    expect((await home.command('status')).stdout).toContain(`by the proxy 127.0.0.1:${proxy.port}`);
    expect(agent.stderr() + JSON.stringify(status)).not.toMatch(/p%40ss|p@ss/);
  });

  test('no variable catches what stays on this machine', async () => {
    const vendor = await vendorWith();
    const proxy = await proxyWith();
    const { url } = proxy;
    const env = { HTTP_PROXY: url, http_proxy: url, HTTPS_PROXY: url, ALL_PROXY: url, NODE_USE_ENV_PROXY: '1' };
    const agent = await start({ destinations: [{ ...logsOnly, endpoint: vendor.url }] }, { env });
    await give(agent);
    const status = await allDelivered(agent, vendor);
    expect(status.destinations[0]?.via).toBeNull();
    const { exitCode, stdout } = await home.command('send-test', '--json');
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    expect(proxy.asked()).toBe(0);
  });

  test('a proxy that goes and comes back', async () => {
    const vendor = await vendorWith();
    const proxy = await proxyWith();
    const { port } = proxy;
    await proxy.stop();
    const destination = { ...logsOnly, endpoint: `http://vendor.test:${vendor.port}`, allowInsecure: true };
    const agent = await start({ destinations: [destination] }, { env: { ALL_PROXY: proxy.url } });
    await give(agent);
    const status = await agent.untilStatus(
      'it is tried again',
      ({ destinations }) => destinations[0]?.state === 'retrying',
    );
    expect(status.destinations[0]?.lastError).toMatchObject({
      kind: 'proxy',
      message: `The proxy 127.0.0.1:${port} refuses the connection: nothing listens there. Check the variable ALL_PROXY and its port.`,
    });
    await proxyWith({ port });
    await allDelivered(agent, vendor);
  });
});

describe.skipIf(noCertificates !== undefined)(`TLS (${noCertificates ?? 'openssl is there'})`, () => {
  test('a proxy that opens connections with the company’s authority: told, and at once through when caFile is there', async () => {
    const vendor = await vendorWith({ tls: certificates.good });
    const proxy = await proxyWith({ intercept: certificates.intercepted });
    const caFile = join(home.folder, 'company.pem');
    const destination = { ...logsOnly, endpoint: `https://localhost:${vendor.port}`, proxy: proxy.url };
    const agent = await start({ destinations: [destination] });
    await give(agent);
    const distrust = await told(agent, 'destination.untrusted-certificate');
    expect(distrust.detail).toContain(`issued by "${certificates.companyIssuer}", which this machine does not trust`);
    expect(distrust.detail).toContain('a security product (Zscaler) opens this connection');

    await home.writeConfig({ network: { caFile }, destinations: [destination] });
    const missing = await told(agent, 'destination.certificate-file-unusable');
    expect(missing.detail).toContain(`The file ${caFile}, which caFile names, does not exist.`);

    // Nothing but the file changes, and the next probe would be minutes away.
    await file('company.pem', certificates.companyAuthority);
    const status = await allDelivered(agent, vendor);
    expect(status.destinations[0]?.via).toBe(`127.0.0.1:${proxy.port}`);
  });

  test('mutual TLS: a key that does not fit, then no certificate, then the right one', async () => {
    const vendor = await vendorWith({ tls: { ...certificates.good, requestCert: true, ca: certificates.authority } });
    const caFile = await file('ca.pem', certificates.authority);
    const clientCert = await file('client.pem', certificates.client.cert);
    const clientKey = await file('client.key', certificates.strangeClient.key);
    const destination = { ...logsOnly, endpoint: vendor.url, caFile };
    const agent = await start({ destinations: [{ ...destination, clientCert, clientKey }] });
    await give(agent);
    const mismatch = await told(agent, 'destination.certificate-file-unusable');
    expect(mismatch.detail).toContain(`${clientKey}, which clientKey names, does not belong to the certificate in`);

    await home.writeConfig({ destinations: [destination] });
    const wanted = await told(agent, 'destination.client-certificate-refused');
    expect(wanted.detail).toContain('asks for a client certificate');

    await file('client.key', certificates.client.key);
    await home.writeConfig({ destinations: [{ ...destination, clientCert, clientKey }] });
    await allDelivered(agent, vendor);
    expect(agent.stderr()).not.toContain('PRIVATE KEY');
  });

  test('an authority that the runtime does not know and the system does', async () => {
    const vendor = await vendorWith({ tls: certificates.good });
    // Where Linux keeps its own, as OpenSSL's variables say it.
    const env = { SSL_CERT_FILE: await file('system.pem', certificates.authority), SSL_CERT_DIR: home.folder };
    const agent = await start({ destinations: [{ ...logsOnly, endpoint: vendor.url }] }, { env });
    await give(agent);
    await allDelivered(agent, vendor);
  });

  test('NODE_EXTRA_CA_CERTS is among those of the runtime', async () => {
    const vendor = await vendorWith({ tls: certificates.good });
    const env = { NODE_EXTRA_CA_CERTS: await file('extra.pem', certificates.authority) };
    const caFile = await file('other.pem', certificates.companyAuthority);
    const agent = await start({ destinations: [{ ...logsOnly, endpoint: vendor.url, caFile }] }, { env });
    await give(agent);
    await allDelivered(agent, vendor);
    expect(vendor.connections()).toBe(1);
  });
});

describe('gRPC', () => {
  async function grpcVendor(options: Parameters<typeof startGrpcVendor>[0] = {}): Promise<GrpcVendor> {
    const vendor = await startGrpcVendor(options);
    cleanups.push(() => vendor.stop());
    return vendor;
  }

  test('goes through a tunnel of the proxy', async () => {
    const vendor = await grpcVendor();
    const proxy = await proxyWith();
    const endpoint = `http://vendor.test:${vendor.port}`;
    const destination = { ...logsOnly, protocol: 'grpc', endpoint, allowInsecure: true };
    const agent = await start({ destinations: [destination] }, { env: { HTTP_PROXY: proxy.url } });
    await give(agent);
    const status = await allDelivered(agent, vendor);
    expect(proxy.connects).toEqual([`vendor.test:${vendor.port}`]);
    expect(proxy.forwarded).toEqual([]);
    expect(status.destinations[0]?.via).toBe(`127.0.0.1:${proxy.port}`);
  });

  test.skipIf(noCertificates !== undefined)('and through one with mutual TLS inside', async () => {
    const vendor = await grpcVendor({ tls: { ...certificates.good, requestCert: true, ca: certificates.authority } });
    const proxy = await proxyWith({ login: 'dev:secret' });
    const destination = {
      ...logsOnly,
      protocol: 'grpc',
      endpoint: `https://vendor.test:${vendor.port}`,
      proxy: proxy.url.replace('://', '://dev:secret@'),
      caFile: await file('ca.pem', certificates.authority),
      clientCert: await file('client.pem', certificates.client.cert),
      clientKey: join(home.folder, 'client.key'),
    };
    const agent = await start({ destinations: [destination] });
    await give(agent);
    await told(agent, 'destination.certificate-file-unusable');
    await file('client.key', certificates.client.key);
    await allDelivered(agent, vendor);
    expect(proxy.connects).toEqual([`vendor.test:${vendor.port}`]);
  });
});
