import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startAgent } from '../../src/main/core/agent.ts';
import { lineLog } from '../../src/main/core/log.ts';
import { numberedRequest, numbersTakenBy, post } from '../support/numbered-requests.ts';
import { freePort, makeHome } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { ok, requireToken, type Vendor } from '../support/vendor.ts';
import { ownVendor, startTestAgent } from './agent-harness.ts';

function takenBy(vendor: Vendor): number[] {
  // Delivery is at least once: what was in flight at a stop may come twice.
  return [...new Set(numbersTakenBy(vendor))].sort((a, b) => a - b);
}

async function sendAll(port: number, ...numbers: number[]): Promise<void> {
  for (const number of numbers) expect(await post(port, 'logs', numberedRequest('logs', number))).toBe(200);
}

test('without any destination everything is kept for span, and delivered once there is one', async () => {
  const vendor = await ownVendor({ answer: requireToken('x-span-token', () => 'span-token') });
  const relay = await startTestAgent({});
  await sendAll(relay.port, 1, 2);
  expect(relay.findings()).toContain('destination.none-configured');
  expect(relay.pending('span')).toBe(2);

  await relay.home.writeConfig({
    destinations: [{ name: 'span', preset: 'span', endpoint: vendor.url, token: 'span-token' }],
  });

  await until('all is delivered', () => takenBy(vendor).length === 2);
  await until('the finding is gone', () => !relay.findings().includes('destination.none-configured'));
});

test('the first destination gets what came before it, whatever its name', async () => {
  const vendor = await ownVendor();
  const relay = await startTestAgent({});
  await sendAll(relay.port, 1, 2);

  await relay.home.writeConfig({ destinations: [{ name: 'acme', endpoint: vendor.url }] });

  await until('all is delivered', () => takenBy(vendor).length === 2);
  expect(relay.findings()).not.toContain('destination.removed-with-backlog');
});

test('without a token of its own, span gets the last one that Claude Code presented, also for what came before', async () => {
  const vendor = await ownVendor({ answer: requireToken('x-span-token', () => 'presented-2') });
  const relay = await startTestAgent({ destinations: [{ name: 'span', preset: 'span', endpoint: vendor.url }] });
  await sendAll(relay.port, 1);
  expect(relay.findings()).toContain('destination.no-credential');

  const request = numberedRequest('logs', 2);
  await post(relay.port, 'logs', request, { headers: { 'X-Span-Token': 'presented-1' } });
  await relay.untilFinding('destination.credentials-refused');
  await post(relay.port, 'logs', numberedRequest('logs', 3), { headers: { 'X-Span-Token': 'presented-2' } });

  await until('all is delivered', () => takenBy(vendor).length === 3);
  expect(takenBy(vendor)).toEqual([1, 2, 3]);
});

test('a presented token is remembered over a restart, and from before there was a destination', async () => {
  const vendor = await ownVendor({ answer: requireToken('x-span-token', () => 'presented') });
  const home = await makeHome({});
  onTestFinished(() => home[Symbol.asyncDispose]());
  const before = await startTestAgent({}, home);
  await post(before.port, 'logs', numberedRequest('logs', 1), { headers: { 'X-Span-Token': 'presented' } });
  await before.agent.stop();

  await home.writeConfig({ destinations: [{ name: 'span', preset: 'span', endpoint: vendor.url }] });
  await startTestAgent({}, home);

  await until('it is delivered', () => takenBy(vendor).length === 1);
});

test('a refused token that is corrected in the config delivers the backlog at once', async () => {
  const vendor = await ownVendor({ answer: requireToken('x-span-token', () => 'right') });
  const span = { name: 'span', preset: 'span', endpoint: vendor.url };
  const relay = await startTestAgent({ destinations: [{ ...span, token: 'wrong' }] });
  await sendAll(relay.port, 1, 2, 3);
  await relay.untilFinding('destination.credentials-refused');
  expect(relay.agent.status().state).toBe('failing');

  await relay.home.writeConfig({ destinations: [{ ...span, token: 'right' }] });

  await until('all is delivered', () => takenBy(vendor).length === 3);
  await relay.untilNoFinding('destination.credentials-refused');
});

test('a corrected endpoint is used at once', async () => {
  const vendor = await ownVendor();
  const nowhere = `http://127.0.0.1:${await freePort()}`;
  const relay = await startTestAgent({ destinations: [{ name: 'vendor', endpoint: nowhere }] });
  await sendAll(relay.port, 1);
  await until('it is retried', () => relay.agent.status().destinations[0]?.state === 'retrying');

  await relay.home.writeConfig({ destinations: [{ name: 'vendor', endpoint: vendor.url }] });

  await until('it is delivered', () => takenBy(vendor).length === 1);
});

test('an added destination gets what comes from then on; a removed one keeps its backlog, and gets it when it is back', async () => {
  const first = await ownVendor();
  const second = await ownVendor({ answer: () => ({ kind: 'hang' }) });
  const one = { name: 'one', endpoint: first.url };
  const two = { name: 'two', endpoint: second.url };
  const relay = await startTestAgent({ destinations: [one] });
  await sendAll(relay.port, 1);
  await until('the first is delivered', () => takenBy(first).length === 1);

  await relay.home.writeConfig({ destinations: [one, two] });
  await until('the second is there', () => relay.agent.status().destinations.length === 2);
  await sendAll(relay.port, 2);
  await until('the second was asked', () => second.seen.length > 0);

  await relay.home.writeConfig({ destinations: [one] });
  await relay.untilFinding('destination.removed-with-backlog');
  await sendAll(relay.port, 3);
  await until('the first has all', () => takenBy(first).length === 3);
  expect(relay.pending('two')).toBe(1);

  second.setAnswer(() => ok());
  await relay.home.writeConfig({ destinations: [one, two] });
  await until('the second has its own', () => takenBy(second).length === 1);
  expect(takenBy(second)).toEqual([2]);
});

test('a smaller quota applies at once: the oldest go, and the books and a finding say so', async () => {
  const relay = await startTestAgent({});
  for (let number = 0; number < 48; number++) {
    expect(await post(relay.port, 'logs', numberedRequest('logs', number, 65_536))).toBe(200);
  }
  await relay.home.writeConfig({ spool: { maxBytes: 2 ** 20 } });
  await relay.untilFinding('spool.quota-reached');
  const logs = () => relay.rows('span').find(({ signal }) => signal === 'logs');
  await until('the books say so too', () => (logs()?.dropped.quota ?? 0) > 30);
  expect(logs()?.accepted).toBe(48);
});

test('of a broken config file nothing applies: the last good one stays, also over a restart, until it is mended', async () => {
  const vendor = await ownVendor();
  const config = { destinations: [{ name: 'vendor', endpoint: vendor.url }] };
  const home = await makeHome(config);
  onTestFinished(() => home[Symbol.asyncDispose]());
  const before = await startTestAgent({}, home);
  await home.writeConfig('{ "destinations": [ { "name": "vendor", ');
  await before.untilFinding('relay.config-invalid');
  await sendAll(before.port, 1);
  await until('it is delivered', () => takenBy(vendor).length === 1);
  await before.agent.stop();

  const relay = await startTestAgent({}, home);
  await relay.untilFinding('relay.config-invalid');
  await sendAll(relay.port, 2);
  await until('it is delivered', () => takenBy(vendor).length === 2);

  await home.writeConfig(config);
  await relay.untilNoFinding('relay.config-invalid');
});

test('a destination with a mistake is held alone: its data waits, the others go on, and it flows once it is mended', async () => {
  const good = await ownVendor();
  const mended = await ownVendor();
  const relay = await startTestAgent({
    destinations: [
      { name: 'good', endpoint: good.url },
      { name: 'mended', endpoint: 'ftp://vendor.example' },
    ],
  });
  expect(relay.findings()).toContain('relay.config-invalid');
  await sendAll(relay.port, 1);
  await until('the good one has it', () => takenBy(good).length === 1);
  expect(relay.pending('mended')).toBe(1);

  await relay.home.writeConfig({
    destinations: [
      { name: 'good', endpoint: good.url },
      { name: 'mended', endpoint: mended.url },
    ],
  });
  await until('the mended one has it', () => takenBy(mended).length === 1);
});

test('another port in the config: the new one opens, the old one closes, without a restart', async () => {
  const [first, second] = [await freePort(), await freePort()];
  const relay = await startTestAgent({ listen: { http: first } });
  await sendAll(first, 1);

  await relay.home.writeConfig({ listen: { http: second } });

  await until(
    'the new port is open',
    () => relay.port === second && relay.agent.status().listen.http.state === 'listening',
  );
  await sendAll(second, 2);
  await until('the old port is closed', () =>
    post(first, 'logs', numberedRequest('logs', 3)).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
    ),
  );
  expect(relay.agent.status().listen.http).toEqual({ port: second, state: 'listening' });
});

test('another port that is taken: the old one serves until the new one is free', async () => {
  const [first, second] = [await freePort(), await freePort()];
  const foreign = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => foreign.listen(second, '127.0.0.1', resolve));
  const relay = await startTestAgent({ listen: { http: first } });

  await relay.home.writeConfig({ listen: { http: second } });
  await relay.untilFinding('receiver.port-taken');
  await sendAll(first, 1);

  // Going back needs no new port: it was never closed.
  await relay.home.writeConfig({ listen: { http: first } });
  await relay.untilNoFinding('receiver.port-taken');
  await sendAll(first, 2);

  await relay.home.writeConfig({ listen: { http: second } });
  await relay.untilFinding('receiver.port-taken');
  await new Promise((resolve) => foreign.close(resolve));
  await relay.untilNoFinding('receiver.port-taken');
  await sendAll(second, 3);
  expect(relay.pending('span')).toBe(3);
});

test('a config file that comes after the start is found', async () => {
  const vendor = await ownVendor();
  const home = await makeHome({});
  onTestFinished(() => home[Symbol.asyncDispose]());
  const port = await freePort();
  await home.writeConfig({ listen: { http: port } });
  const relay = await startTestAgent({}, home);
  await sendAll(relay.port, 1);
  await rm(home.configFile);
  await home.writeConfig({ listen: { http: port }, destinations: [{ name: 'span', endpoint: vendor.url }] });
  await until('it is delivered', () => takenBy(vendor).length === 1);
});

test('from the moment that it is ready, status has the destinations, in the order of the config', async () => {
  const vendor = await ownVendor();
  const named = (names: string) => ({ destinations: [...names].map((name) => ({ name, endpoint: vendor.url })) });
  const home = await makeHome(named('cab'));
  onTestFinished(() => home[Symbol.asyncDispose]());
  const log = lineLog(() => undefined);
  const { stateDir, configFile } = home;
  const start = await startAgent({ stateDir, configFile, env: {}, home: stateDir, log });
  if (start.kind !== 'started') throw new Error(start.kind);
  const { agent } = start;
  onTestFinished(() => agent.stop());
  const order = () =>
    agent
      .status()
      .destinations.map(({ name }) => name)
      .join('');

  await agent.whenReady;
  expect(order()).toBe('cab');

  await home.writeConfig(named('xbca'));
  await until('the new order shows', () => order() === 'xbca');
});
