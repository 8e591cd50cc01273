import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Destination } from '../../src/main/core/delivery/destination.ts';
import { makeCertificates, noCertificatesBecause, type TestCertificates } from '../support/certificates.ts';
import { type ProxyOptions, startProxy } from '../support/proxy.ts';
import { cleanup, destinationAt, grpcVendorWith, startRelay, takenBy, vendorWith } from './delivery-harness.ts';

async function proxyWith(options: ProxyOptions = {}) {
  const proxy = await startProxy(options);
  cleanup(() => proxy.stop());
  return proxy;
}

/** What becomes of one request to this destination. */
async function deliver(destination: Destination, trustedCertificates: readonly string[] = []) {
  const relay = await startRelay({ trustedCertificates });
  await relay.configure(destination);
  await relay.accept(['x']);
  return relay;
}

async function trouble(destination: Destination, trustedCertificates: readonly string[] = []) {
  const relay = await deliver(destination, trustedCertificates);
  await relay.waiting();
  expect(relay.books()).toMatchObject({ pending: 2, resent: 0 });
  return relay.facts();
}

describe('by a proxy', () => {
  it('goes through a tunnel, also where the address is http', async () => {
    const vendor = await grpcVendorWith();
    const proxy = await proxyWith();
    const relay = await deliver(destinationAt(vendor.url, { protocol: 'grpc', network: { proxy: proxy.url } }));
    await relay.drained();
    expect(takenBy(vendor)).toEqual(['x']);
    expect(proxy.connects).toEqual([`127.0.0.1:${vendor.port}`]);
    expect(proxy.forwarded).toEqual([]);
  });

  it('says so where the proxy asks for a login', async () => {
    const vendor = await grpcVendorWith();
    const proxy = await proxyWith({ login: 'dev:secret' });
    const facts = await trouble(destinationAt(vendor.url, { protocol: 'grpc', network: { proxy: proxy.url } }));
    expect(facts).toMatchObject({ state: 'blocked', lastError: { kind: 'proxy' } });
    expect(vendor.connections()).toBe(0);
  });

  it('survives that the proxy breaks every connection', async () => {
    const vendor = await grpcVendorWith();
    const proxy = await proxyWith();
    const relay = await deliver(destinationAt(vendor.url, { protocol: 'grpc', network: { proxy: proxy.url } }));
    await relay.drained();
    proxy.breakConnections();
    await relay.accept(['y']);
    await relay.drained();
    expect(takenBy(vendor)).toEqual(['x', 'y']);
    expect(relay.facts()).toMatchObject({ state: 'ok', lastError: null });
  });
});

describe('the wrong port', () => {
  it('gRPC sent to OTLP over HTTP', async () => {
    const vendor = await vendorWith();
    expect(await trouble(destinationAt(vendor.url, { protocol: 'grpc' }))).toMatchObject({
      state: 'blocked',
      lastError: { kind: 'protocol', message: expect.stringContaining('does not speak HTTP/2') },
    });
    expect(vendor.seen).toEqual([]);
  });

  it.each(['http/protobuf', 'http/json'] as const)('%s sent to gRPC', async (protocol) => {
    const vendor = await grpcVendorWith();
    expect(await trouble(destinationAt(vendor.url, { protocol }))).toMatchObject({
      state: 'blocked',
      lastError: { kind: 'protocol', message: expect.stringContaining('Set the protocol of this destination to grpc') },
    });
    expect(vendor.seen).toEqual([]);
  });
});

const noCertificates = await noCertificatesBecause();

describe.skipIf(noCertificates !== undefined)(
  `TLS${noCertificates === undefined ? '' : `: skipped, ${noCertificates}`}`,
  async () => {
    const certificates: TestCertificates = await makeCertificates();
    const { authority, good, client, companyAuthority, intercepted } = certificates;

    it('delivers, by a proxy as well', async () => {
      const vendor = await grpcVendorWith({ tls: good });
      const proxy = await proxyWith();
      const direct = destinationAt(vendor.url, { protocol: 'grpc' });
      const relay = await deliver(direct, [authority]);
      await relay.drained();
      await relay.configure({ ...direct, network: { proxy: proxy.url } });
      await relay.accept(['y']);
      await relay.drained();
      expect(takenBy(vendor)).toEqual(['x', 'y']);
      expect(proxy.connects).toEqual([`localhost:${vendor.port}`]);
    });

    it('says so where the other side takes TLS only', async () => {
      const vendor = await grpcVendorWith({ tls: good });
      const plain = destinationAt(vendor.url.replace('https:', 'http:'), { protocol: 'grpc' });
      const { lastError } = await trouble(plain, [authority]);
      expect(lastError?.message).toContain('https');
    });

    it('says so where what opens the connections of a company speaks HTTP/1.1 only', async () => {
      const vendor = await grpcVendorWith({ tls: good });
      const proxy = await proxyWith({ intercept: intercepted });
      const destination = destinationAt(vendor.url, { protocol: 'grpc', network: { proxy: proxy.url } });
      const { state, lastError } = await trouble(destination, [authority, companyAuthority]);
      expect({ state, lastError }).toMatchObject({
        state: 'blocked',
        lastError: { message: expect.stringContaining('HTTP/2') },
      });
    });

    it('shows its own certificate, and says so where one is missing', async () => {
      const vendor = await grpcVendorWith({ tls: { ...good, ca: authority, requestCert: true } });
      const folder = await mkdtemp(join(tmpdir(), 'span-relay-grpc-'));
      cleanup(() => rm(folder, { recursive: true }));
      const [clientCert, clientKey] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
      await writeFile(clientCert, client.cert);
      await writeFile(clientKey, client.key);
      const without = destinationAt(vendor.url, { protocol: 'grpc' });
      const relay = await deliver(without, [authority]);
      await relay.waiting();
      expect(relay.facts()).toMatchObject({
        state: 'blocked',
        lastError: { kind: 'client-certificate', message: expect.stringContaining('asks for a client certificate') },
      });
      await relay.configure({ ...without, network: { proxy: 'none', clientCert, clientKey } });
      await relay.drained();
      expect(takenBy(vendor)).toEqual(['x']);
      expect(relay.books()).toMatchObject({ resent: 0 });
    });
  },
);
