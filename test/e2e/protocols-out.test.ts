import { expect, test } from 'vitest';
import { protocols } from '../../src/main/core/delivery/destination.ts';
import { type Signal, signals } from '../../src/shared/signal.ts';
import { startAnyVendor } from '../support/any-vendor.ts';
import { post } from '../support/numbered-requests.ts';
import { recorded } from '../support/recordings.ts';
import { makeHome, type Relay, startRelay } from '../support/relay.ts';
import { itemsOf } from '../support/telemetry.ts';

const contentTypes = { pb: 'application/x-protobuf', json: 'application/json' } as const;
const encodings = ['pb', 'json'] as const;

/** Everything that was recorded of Claude Code, in both encodings. */
async function sendRecordings(relay: Relay): Promise<void> {
  for (const signal of signals) {
    for (const encoding of encodings) {
      const body = recorded(signal, encoding);
      const headers = { 'content-type': contentTypes[encoding] };
      expect(await post(relay.port, signal, body, { headers })).toBe(200);
    }
  }
}

function recordedItems(signal: Signal) {
  const requests = encodings.map((encoding) => ({
    signal,
    body: recorded(signal, encoding),
    headers: { 'content-type': contentTypes[encoding] },
  }));
  return itemsOf(signal, requests);
}

test('what Claude Code sent arrives over every protocol, every point and attribute, and the books balance', async () => {
  const vendors = await Promise.all(protocols.map((protocol) => startAnyVendor(protocol)));
  const [protobuf, json, grpc] = vendors;
  if (protobuf === undefined || json === undefined || grpc === undefined) throw new Error('A vendor is missing.');
  const destinations = [
    { name: 'plain', endpoint: protobuf.url, compression: 'none', headers: { 'X-Who': 'plain' } },
    { name: 'json', endpoint: json.url, protocol: 'http/json', endpoints: { logs: `${json.url}/intake/logs` } },
    { name: 'grpc', endpoint: grpc.url, protocol: 'grpc', headers: { 'X-Who': 'grpc' } },
  ];
  await using home = await makeHome({ destinations });
  await using relay = startRelay(home);
  await relay.ready;

  await sendRecordings(relay);
  await relay.untilStatus('everything is delivered', ({ ledger }) =>
    destinations.every(({ name }) =>
      signals.every((signal) =>
        ledger.some((row) => row.destination === name && row.signal === signal && row.accepted === row.delivered),
      ),
    ),
  );
  for (const signal of signals) {
    const expected = await recordedItems(signal);
    expect(expected.length).toBeGreaterThan(1);
    for (const vendor of vendors) expect(await itemsOf(signal, vendor.accepted)).toEqual(expected);
  }
  expect(grpc.accepted[0]?.headers).toMatchObject({ 'x-who': 'grpc' });
  expect(json.accepted.some(({ path }) => path === '/intake/logs')).toBe(true);

  // The gRPC vendor's data goes out as JSON from now on, and the other way round.
  await home.writeConfig({
    destinations: [
      { name: 'grpc', endpoint: json.url, protocol: 'http/json' },
      { name: 'json', endpoint: grpc.url, protocol: 'grpc' },
    ],
  });
  await relay.untilStatus('the config is applied', ({ destinations: now }) =>
    now.some(({ name, endpoint }) => name === 'grpc' && endpoint === json.url),
  );
  const before = grpc.accepted.length;
  const { results } = await relay.call('sendTest', { timeoutMs: 20_000 });
  expect(results.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 6 }, () => 'delivered'));
  expect(grpc.accepted.length - before).toBe(3);

  const ledger = await home.verifiedLedger();
  expect(ledger.ledger.every(({ resent, rejected }) => resent === 0 && rejected === 0)).toBe(true);
  await relay.stop();
  await Promise.all(vendors.map((vendor) => vendor.stop()));
});
