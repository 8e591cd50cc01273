import { lookup as systemLookup } from 'node:dns';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttpTransport } from '../../src/main/core/delivery/http-transport.ts';
import type { ConnectorOptions } from '../../src/main/core/delivery/network/connector.ts';
import type { Transport, TransportResult } from '../../src/main/core/delivery/transport.ts';
import { testConnector } from '../support/connector.ts';
import { type HandClock, handClock } from '../support/hand-clock.ts';
import { startProxy } from '../support/proxy.ts';
import { startVendor, type Vendor, type VendorOptions } from '../support/vendor.ts';

type Lookup = NonNullable<ConnectorOptions['lookup']>;

const noIpv6 = !Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);

let clock: HandClock;
let transport: Transport;
const cleanups: (() => void | Promise<void>)[] = [];

beforeEach(() => {
  clock = handClock(Date.UTC(2026, 10, 20));
  use();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function use(lookup?: Lookup): void {
  const connector = testConnector({ clock, ...(lookup === undefined ? {} : { lookup }) });
  transport = createHttpTransport({ clock, version: '1.2.3', connector });
  const made = transport;
  cleanups.push(() => made.closeIdle());
}

async function vendorWith(options: VendorOptions = {}): Promise<Vendor> {
  const vendor = await startVendor(options);
  cleanups.unshift(() => vendor.stop());
  return vendor;
}

async function send(url: string, proxy = 'none'): Promise<TransportResult> {
  const request = { url: `${url}/v1/logs`, headers: {}, body: Buffer.from('payload'), timeoutMs: 30_000 };
  return transport.send({ ...request, network: { proxy } });
}

const delivered = { kind: 'answer', status: 200 };

describe.skipIf(noIpv6)('IPv6', () => {
  it('a server that listens on IPv6 only, by its address and by a name that has both', async () => {
    const vendor = await vendorWith({ host: '::1' });
    expect(await send(vendor.url)).toMatchObject(delivered);
    expect(vendor.seen[0]?.headers.host).toBe(`[::1]:${vendor.port}`);
    use((_name, _options, found) =>
      found(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '::1', family: 6 },
      ]),
    );
    expect(await send(`http://vendor.test:${vendor.port}`)).toMatchObject(delivered);
  });

  it('through a proxy', async () => {
    const vendor = await vendorWith({ host: '::1' });
    const proxy = await startProxy();
    cleanups.unshift(() => proxy.stop());
    expect(await send(vendor.url, proxy.url)).toMatchObject(delivered);
    expect(proxy.forwarded).toEqual([`http://[::1]:${vendor.port}/v1/logs`]);
  });
});

describe('names', () => {
  it.each([
    ['EAI_AGAIN', 'cannot be looked up (EAI_AGAIN): is this machine offline?'],
    ['ENOTFOUND', 'cannot be found. Check the spelling in the endpoint'],
  ])('a look-up that fails with %s and heals', async (code, words) => {
    let heals = false;
    const vendor = await vendorWith();
    use((name, options, found) =>
      heals
        ? systemLookup('127.0.0.1', options, found)
        : found(Object.assign(new Error(`getaddrinfo ${code} ${name}`), { code }), []),
    );
    const url = `http://vendor.test:${vendor.port}`;
    const failed = await send(url);
    expect(failed).toMatchObject({ reason: 'dns', possiblySent: false, code });
    expect(failed).toMatchObject({ message: expect.stringContaining(`The name vendor.test ${words}`) });
    heals = true;
    expect(await send(url)).toMatchObject(delivered);
  });

  it('a look-up that hangs ends after 10 s, and what comes of it later is nobody’s business', async () => {
    const answer = Promise.withResolvers<() => void>();
    const vendor = await vendorWith();
    use((_name, options, found) => answer.resolve(() => systemLookup('127.0.0.1', options, found)));
    const sending = send(`http://vendor.test:${vendor.port}`);
    const late = await answer.promise;
    clock.advance(10_000);
    expect(await sending).toMatchObject({ reason: 'connect', code: 'CONNECT_TIMEOUT', possiblySent: false });
    late();
    expect(clock.due()).toEqual([]);
    expect(vendor.seen).toEqual([]);
  });

  it('a name that has no address', async () => {
    use((_name, _options, found) => found(Object.assign(new Error('no data'), { code: 'ENODATA' }), []));
    expect(await send('http://vendor.test')).toMatchObject({ reason: 'dns', possiblySent: false });
  });
});

describe('addresses', () => {
  it('of two the one that answers is taken', async () => {
    const vendor = await vendorWith();
    use((_name, _options, found) =>
      found(null, [
        { address: '127.0.0.2', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ]),
    );
    expect(await send(`http://vendor.test:${vendor.port}`)).toMatchObject(delivered);
  });
});
