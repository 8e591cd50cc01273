import { beforeAll, describe, expect, test } from 'vitest';
import { type Signal, signals } from '../../src/shared/signal.ts';
import { startSenders } from '../fault/senders.ts';
import { range } from '../integration/destinations-harness.ts';
import { makeCollector, missingCollector } from '../support/collector.ts';
import { numberedRequest, numbersIn, numbersTakenBy, post } from '../support/numbered-requests.ts';
import { recorded } from '../support/recordings.ts';
import { itemsOf, type TelemetryItem } from '../support/telemetry.ts';
import { until } from '../support/until.ts';
import { ok, startVendor, status } from '../support/vendor.ts';
import { type BehindCollector, largeLog, passThrough, startBehindCollector } from './behind-collector.ts';

const missing = await missingCollector();
const skipped = missing === undefined ? '' : ` (skipped: ${missing})`;

const protocols = ['http/protobuf', 'http/json', 'grpc'] as const;
const protobuf = { 'content-type': 'application/x-protobuf' };
const json = { 'content-type': 'application/json' };

interface Sent {
  readonly signal: Signal;
  readonly headers: { readonly 'content-type': string };
  readonly body: Buffer;
}

async function sendAll({ relay }: BehindCollector, requests: readonly Sent[]): Promise<void> {
  for (const { signal, headers, body } of requests) {
    expect(await post(relay.port, signal, body, { headers })).toBe(200);
  }
}

const numbered = (signal: Signal, from: number, to: number): Sent[] =>
  range(from, to).map((number) => ({ signal, headers: protobuf, body: numberedRequest(signal, number) }));

const large = (from: number, to: number, bytes: number): Sent[] =>
  range(from, to).map((number) => ({ signal: 'logs', headers: json, body: largeLog(number, bytes) }));

/** What Claude Code was recorded to send, in both encodings, and numbered requests. */
const telemetry: readonly Sent[] = signals.flatMap((signal) => [
  { signal, headers: protobuf, body: recorded(signal, 'pb') },
  { signal, headers: json, body: recorded(signal, 'json') },
  ...numbered(signal, 0, 40),
]);

const numbersOf = (requests: readonly Sent[]): number[] => requests.flatMap(({ body }) => numbersIn(body));
const taken = ({ vendor }: BehindCollector): number[] => numbersTakenBy(vendor).sort((a, b) => a - b);

describe.skipIf(missing !== undefined)(`a real OpenTelemetry Collector as destination${skipped}`, () => {
  /** What the same telemetry becomes when it is sent to a Collector without a relay: it writes empty resources and scopes too. */
  const direct = new Map<Signal, readonly TelemetryItem[]>();

  beforeAll(async () => {
    const vendor = await startVendor();
    await using collector = await makeCollector(passThrough(vendor));
    await collector.start();
    const port = Number(new URL(collector.http).port);
    for (const { signal, headers, body } of telemetry) expect(await post(port, signal, body, { headers })).toBe(200);
    for (const signal of signals) direct.set(signal, await itemsOf(signal, vendor.accepted));
    await vendor.stop();
    expect(new Set(signals.map((signal) => direct.get(signal)?.length ?? 0)).has(0)).toBe(false);
  });

  describe.each(protocols)('%s', (protocol) => {
    const grpcOnly = protocol === 'grpc';
    const receivers = grpcOnly ? { http: null } : { grpc: null };

    test.each(['gzip', 'none'] as const)(
      'compression %s: everything arrives once and equal, and the books balance',
      async (compression) => {
        // The HTTP receiver takes nothing but what is configured.
        const only = grpcOnly ? {} : { http: { compression_algorithms: [compression === 'none' ? '' : compression] } };
        await using behind = await startBehindCollector({
          protocol,
          destination: { compression },
          config: (vendor) => passThrough(vendor, { ...receivers, ...only }),
        });
        await behind.collector.start();
        await sendAll(behind, telemetry);
        const books = await behind.drained();

        let points = 0;
        for (const signal of signals) {
          const expected = direct.get(signal) ?? [];
          expect(await itemsOf(signal, behind.vendor.accepted)).toEqual(expected);
          points += expected.length;
        }
        expect(books).toMatchObject({ accepted: points, delivered: points, rejected: 0, resent: 0 });
      },
    );

    test('that is down, or is stopped and killed under load: nothing is lost', { timeout: 60_000 }, async () => {
      await using behind = await startBehindCollector({
        protocol,
        config: (vendor) => passThrough(vendor, receivers),
      });
      const { collector, relay, vendor } = behind;
      const senders = startSenders({ port: relay.port, count: 2, pauseMs: 2 });
      const goOn = async (count: number) => {
        const enough = vendor.accepted.length + count;
        await until('requests come through', () => vendor.accepted.length >= enough, 30_000);
      };
      await until('requests wait', async () => (await behind.books()).pending > 20);
      for (const end of ['stop', 'kill', 'kill', 'stop'] as const) {
        await collector.start();
        await behind.tryNow();
        await goOn(5);
        await collector[end]();
      }
      await collector.start();
      await senders.stop();
      await behind.tryNow();
      const { resent } = await behind.drained();

      const numbers = numbersTakenBy(vendor);
      expect([...new Set(numbers)].sort((a, b) => a - b)).toEqual([...senders.acknowledged].sort((a, b) => a - b));
      expect(numbers.length - new Set(numbers).size).toBeLessThanOrEqual(resent);
    });

    test('that has no memory left: its refusals are waited out', async () => {
      const exhausted = { memory_limiter: { check_interval: '50ms', limit_mib: 1 } };
      await using behind = await startBehindCollector({
        protocol,
        config: (vendor) => passThrough(vendor, { ...receivers, processors: exhausted }),
      });
      await behind.collector.start();
      await until('the Collector is over its limit', () => behind.collector.log().includes('Memory usage is above'));
      const requests = numbered('logs', 0, 50);
      await sendAll(behind, requests);
      const [retrying] = (
        await behind.relay.untilStatus('it is refused', ({ destinations }) => destinations[0]?.state === 'retrying')
      ).destinations;
      expect(retrying?.lastError?.message).toContain('memory');
      expect(await behind.books()).toMatchObject({ delivered: 0, rejected: 0, pending: 50, resent: 0 });

      await behind.collector.stop();
      await behind.collector.start(passThrough(behind.vendor, receivers));
      await behind.tryNow();
      await behind.drained();
      expect(taken(behind)).toEqual(numbersOf(requests));
    });

    test('that takes no request of this size: merged ones are split, and only what is too large alone is set aside', {
      timeout: 60_000,
    }, async () => {
      // For gRPC its own limit of 4 MiB, which no merged request reaches.
      const limited = grpcOnly ? {} : { http: { max_request_body_size: 300_000 } };
      await using behind = await startBehindCollector({
        protocol,
        destination: { compression: 'none' },
        config: (vendor) => passThrough(vendor, { ...receivers, ...limited }),
      });
      const small = [...large(0, 20, 100_000), ...large(21, 40, 100_000)];
      await sendAll(behind, [...small.slice(0, 20), ...large(20, 21, 5 * 2 ** 20), ...small.slice(20)]);
      await behind.collector.start();
      await behind.tryNow();
      const books = await behind.drained();
      expect(books.rejected).toBe(1);
      expect(taken(behind)).toEqual(numbersOf(small));
    });

    test('that wants a token: a wrong one holds everything back, the right one frees it', async () => {
      const auth = { auth: { authenticator: 'bearertokenauth' } };
      const wanting = {
        ...receivers,
        ...(grpcOnly ? { grpc: auth } : { http: auth }),
        extensions: { bearertokenauth: { token: 'gateway-token' } },
      };
      await using behind = await startBehindCollector({
        protocol,
        destination: { headers: { Authorization: 'Bearer of-yesterday' } },
        config: (vendor) => passThrough(vendor, wanting),
      });
      await behind.collector.start();
      const requests = numbered('traces', 0, 30);
      await sendAll(behind, requests);
      await behind.relay.untilStatus('it is refused', ({ findings }) =>
        findings.some(({ id }) => id === 'destination.credentials-refused'),
      );
      expect(await behind.books()).toMatchObject({ pending: 30, rejected: 0 });

      await behind.configure({ headers: { Authorization: 'Bearer gateway-token' } });
      await behind.drained();
      expect(taken(behind)).toEqual(numbersOf(requests));
    });

    test('that passes on what its vendor says: the guilty request is found through it', async () => {
      const guilty = 13;
      await using behind = await startBehindCollector({
        protocol,
        vendor: { answer: ({ body }) => (numbersIn(body).includes(guilty) ? status(400) : ok()) },
        config: (vendor) => passThrough(vendor, receivers),
      });
      await behind.collector.start();
      const requests = numbered('metrics', 0, 40);
      await sendAll(behind, requests);
      const books = await behind.drained();
      expect(books).toMatchObject({ accepted: 40, delivered: 39, rejected: 1 });
      expect(taken(behind)).toEqual(numbersOf(requests).filter((number) => number !== guilty));
    });
  });

  test('whose paths are its own: the addresses of single signals are used as they are', async () => {
    await using behind = await startBehindCollector({
      destination: ({ http }) => ({ endpoints: { metrics: `${http}/in/metrics`, logs: `${http}/in/logs` } }),
      config: (vendor) => passThrough(vendor, { http: { metrics_url_path: '/in/metrics', logs_url_path: '/in/logs' } }),
    });
    await behind.collector.start();
    const requests = signals.flatMap((signal, index) => numbered(signal, 10 * index, 10 * index + 10));
    await sendAll(behind, requests);
    expect(await behind.drained()).toMatchObject({ delivered: 30, rejected: 0, resent: 0 });
    expect(taken(behind)).toEqual(numbersOf(requests));
  });
});
