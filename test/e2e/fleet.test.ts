import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { range } from '../integration/destinations-harness.ts';
import { makeCertificates, noCertificatesBecause } from '../support/certificates.ts';
import {
  type Collector,
  type CollectorConfig,
  makeCollector,
  missingCollector,
  validateCollectorConfig,
} from '../support/collector.ts';
import { startNameServer } from '../support/name-server.ts';
import { numberedRequest, numbersTakenBy, post } from '../support/numbered-requests.ts';
import { freePort } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { ok, startVendor, status, type Vendor } from '../support/vendor.ts';
import { type BehindCollector, largeLog, passThrough, startBehindCollector } from './behind-collector.ts';

const missing = (await missingCollector()) ?? (await noCertificatesBecause());
const skipped = missing === undefined ? '' : ` (skipped: ${missing})`;

const deployed = fileURLToPath(new URL('../../deploy/collector/', import.meta.url));
const files = (await readdir(deployed)).filter((name) => name.endsWith('.yaml'));

const gatewayToken = 'token-of-the-fleet';
const vendorToken = 'token-of-the-vendor';

describe.skipIf(missing !== undefined)(`the configurations in deploy/collector${skipped}`, () => {
  let folder = '';
  let authority = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'span-relay-fleet-'));
    const made = await makeCertificates();
    authority = join(folder, 'authority.pem');
    await Promise.all([
      writeFile(authority, made.authority),
      writeFile(join(folder, 'cert.pem'), made.good.cert),
      writeFile(join(folder, 'key.pem'), made.good.key, { mode: 0o600 }),
      writeFile(join(folder, 'tokens'), `${gatewayToken} # all laptops\n`, { mode: 0o600 }),
    ]);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const variables = () => ({
    GATEWAY_TOKENS: join(folder, 'tokens'),
    TLS_CERT: join(folder, 'cert.pem'),
    TLS_KEY: join(folder, 'key.pem'),
    VENDOR_ENDPOINT: 'https://otel.example.com',
    VENDOR_TOKEN: vendorToken,
    GATEWAYS: 'dns:///gateways.internal:4317',
    KAFKA_BROKERS: 'kafka-1.internal:9093,kafka-2.internal:9093',
    KAFKA_USER: 'span-relay',
    KAFKA_PASSWORD: 'secret',
  });

  /** One of the files, on this machine's own ports, in front of this vendor. */
  function fromFile(name: string, vendor: Vendor, more: Readonly<Record<string, string>> = {}): CollectorConfig {
    return {
      file: join(deployed, name),
      env: ({ http, grpc }) => ({
        ...variables(),
        OTLP_HTTP_ENDPOINT: `127.0.0.1:${http}`,
        OTLP_GRPC_ENDPOINT: `127.0.0.1:${grpc}`,
        HEALTH_ENDPOINT: '127.0.0.1:0',
        METRICS_HOST: '127.0.0.1',
        METRICS_PORT: '0',
        VENDOR_ENDPOINT: vendor.url,
        QUEUE_DIRECTORY: join(folder, `queue-${http}`),
        ...more,
      }),
    };
  }

  /** A relay as docs/fleet.md configures it. */
  async function startFleet(name: string, more: Readonly<Record<string, string>> = {}): Promise<BehindCollector> {
    return startBehindCollector({
      config: (vendor) => fromFile(name, vendor, more),
      destination: { ...(await documentedDestination()), token: gatewayToken, caFile: authority },
      endpoint: ({ http }) => http.replace('http://127.0.0.1', 'https://localhost'),
      vendor: { answer: ({ headers }) => (headers['x-span-token'] === vendorToken ? ok() : status(401)) },
    });
  }

  async function send({ relay }: BehindCollector, from: number, to: number): Promise<void> {
    for (let number = from; number < to; number++) {
      expect(await post(relay.port, 'metrics', numberedRequest('metrics', number))).toBe(200);
    }
  }

  const distinct = ({ vendor }: Pick<BehindCollector, 'vendor'>): number => new Set(numbersTakenBy(vendor)).size;

  test.each(files)('%s is valid', async (name) => {
    const { exitCode, stderr } = await validateCollectorConfig(join(deployed, name), variables());
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
  });

  test('gateway.yaml keeps nothing: while the vendor is down, the relay has everything', async () => {
    await using fleet = await startFleet('gateway.yaml');
    await fleet.collector.start();
    await send(fleet, 0, 20);
    expect(await fleet.drained()).toMatchObject({ delivered: 20, rejected: 0, resent: 0 });

    fleet.vendor.setAnswer(() => status(503));
    await send(fleet, 20, 50);
    await fleet.relay.untilStatus('the relay waits', ({ destinations }) => destinations[0]?.state === 'retrying');
    await fleet.collector.kill();
    expect(await fleet.books()).toMatchObject({ delivered: 20, pending: 30 });

    fleet.vendor.setAnswer(() => ok());
    await fleet.collector.start();
    await fleet.tryNow();
    await fleet.drained();
    expect(distinct(fleet)).toBe(50);
  });

  test('gateway.yaml lets nobody in whose token is not in its file, and reads the file when it changes', async () => {
    await using fleet = await startFleet('gateway.yaml', { GATEWAY_TOKENS: join(folder, 'rotated') });
    await writeFile(join(folder, 'rotated'), 'another-token\n');
    await fleet.collector.start();
    await send(fleet, 0, 5);
    await fleet.relay.untilStatus('the relay is refused', ({ destinations }) => destinations[0]?.state === 'blocked');
    await writeFile(join(folder, 'rotated'), `another-token\n${gatewayToken}\n`);
    await until('the new token is known', () => fleet.collector.log().includes('refresh token'));
    await fleet.tryNow();
    expect(await fleet.drained()).toMatchObject({ rejected: 0 });
    expect(distinct(fleet)).toBe(5);
  });

  test('gateway-buffered.yaml has on its disk what it has acknowledged: killed while the vendor is down, it loses nothing', async () => {
    await using fleet = await startFleet('gateway-buffered.yaml');
    fleet.vendor.setAnswer(() => status(503));
    await fleet.collector.start();
    await send(fleet, 0, 60);
    expect(await fleet.drained()).toMatchObject({ delivered: 60 });
    await until('the gateway has tried', () => fleet.vendor.seen.length > 0);
    await fleet.collector.kill();
    expect(distinct(fleet)).toBe(0);

    fleet.vendor.setAnswer(() => ok());
    await fleet.collector.start();
    await until('everything is there', () => distinct(fleet) === 60);
  });

  test('gateway-buffered.yaml says no when its queue is full: the rest stays with the relay until there is room', {
    timeout: 60_000,
  }, async () => {
    await using fleet = await startFleet('gateway-buffered.yaml', { QUEUE_BYTES: '1500000' });
    fleet.vendor.setAnswer(() => status(503));
    await fleet.collector.start();
    // Beside what is in its queue, the gateway has a few batches under way.
    const requests = 60;
    for (const number of range(0, requests)) {
      const headers = { 'content-type': 'application/json' };
      expect(await post(fleet.relay.port, 'logs', largeLog(number, 1_000_000), { headers })).toBe(200);
    }
    await fleet.relay.untilStatus('the relay waits', ({ destinations }) => destinations[0]?.state === 'retrying');
    const { delivered, pending, rejected } = await fleet.books();
    expect(delivered).toBeGreaterThan(0);
    expect({ sum: delivered + pending, rejected }).toEqual({ sum: requests, rejected: 0 });

    fleet.vendor.setAnswer(() => ok());
    await until('everything is there', async () => {
      await fleet.tryNow();
      return distinct(fleet) === requests;
    });
  });

  test.skipIf(process.platform !== 'linux')(
    'edge.yaml spreads over all gateways, and what one that dies does not answer goes to another',
    async () => {
      await using stack = new AsyncDisposableStack();
      const names = await startNameServer({ addresses: ['127.0.0.1', '127.0.0.2'] });
      stack.defer(() => names.stop());
      const port = await freePort();
      const one = await startGateway(stack, `127.0.0.1:${port}`);
      const two = await startGateway(stack, `127.0.0.2:${port}`);
      const gateways = `dns://127.0.0.1:${names.port}/gateways.internal:${port}`;
      const fleet = stack.use(await startFleet('edge.yaml', { GATEWAYS: gateways }));
      await fleet.collector.start();

      let sent = 0;
      while ([one, two].some(({ vendor }) => vendor.accepted.length < 3)) {
        await send(fleet, sent, sent + 1);
        sent++;
      }
      await one.collector.kill();
      await send(fleet, sent, sent + 20);
      await fleet.drained();
      expect(await fleet.books()).toMatchObject({ accepted: sent + 20, delivered: sent + 20, rejected: 0 });
      const arrived = [one, two].flatMap(({ vendor }) => numbersTakenBy(vendor));
      expect(new Set(arrived).size).toBe(sent + 20);
    },
  );
});

const documented = v.object({ destinations: v.tuple([v.record(v.string(), v.string())]) });

/** What docs/fleet.md tells to put into the relay's config, but for the address. */
async function documentedDestination(): Promise<object> {
  const text = await readFile(new URL('../../docs/fleet.md', import.meta.url), 'utf8');
  const [, json = ''] = /```json\n([\s\S]*?)```/.exec(text) ?? [];
  const [{ name: _name, endpoint: _endpoint, ...rest }] = v.parse(
    v.pipe(v.string(), v.parseJson(), documented),
    json,
  ).destinations;
  return rest;
}

/** A gateway behind the edge, in front of a vendor of its own. */
async function startGateway(
  stack: AsyncDisposableStack,
  address: string,
): Promise<{ readonly vendor: Vendor; readonly collector: Collector }> {
  const vendor = await startVendor();
  stack.defer(() => vendor.stop());
  const collector = stack.use(await makeCollector(passThrough(vendor, { http: null, grpc: { endpoint: address } })));
  await collector.start();
  return { vendor, collector };
}
