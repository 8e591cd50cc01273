import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { ok, partialSuccess, status } from '../support/vendor.ts';
import { ownVendor, startTestAgent } from './agent-harness.ts';

const logs = { signals: ['logs'] };

test('each destination tells for itself what came of it', async () => {
  const [takes, refuses, misses, calls400, rejects] = await Promise.all([
    ownVendor(),
    ownVendor({ answer: () => status(401, {}, 'unknown token') }),
    ownVendor({ answer: () => status(404) }),
    ownVendor({ answer: () => status(400, {}, 'no such field') }),
    ownVendor({ answer: () => partialSuccess(1, 'too old') }),
  ]);
  const relay = await startTestAgent({
    destinations: [
      { name: 'takes', endpoint: takes.url, ...logs },
      { name: 'refuses', endpoint: refuses.url, ...logs },
      { name: 'misses', endpoint: misses.url, ...logs },
      { name: 'calls-400', endpoint: calls400.url, ...logs },
      { name: 'rejects', endpoint: rejects.url, ...logs },
      { name: 'down', endpoint: `http://127.0.0.1:${await freePort()}`, ...logs },
      { name: 'tokenless', preset: 'span', endpoint: takes.url, ...logs },
      { name: 'mistaken', ...logs },
    ],
  });

  const results = await relay.sendTest();

  const seen = Object.fromEntries(results.map((result) => [result.destination, result]));
  expect(seen).toMatchObject({
    takes: { outcome: 'delivered' },
    refuses: { outcome: 'blocked', status: 401, message: expect.stringContaining('unknown token') },
    misses: { outcome: 'blocked', status: 404 },
    'calls-400': { outcome: 'rejected', status: 400, message: expect.stringContaining('no such field') },
    rejects: { outcome: 'rejected', message: 'too old' },
    down: { outcome: 'retrying', message: expect.stringMatching(/; the next attempt is (?:now|in \d+ (?:s|min))$/) },
    tokenless: { outcome: 'unconfigured', message: expect.stringContaining('it has no token: put one into') },
    mistaken: {
      outcome: 'unconfigured',
      message: expect.stringMatching(
        /config\.json has a mistake \(destinations\[7\]\.endpoint: expected .*, found nothing\);/,
      ),
    },
  });
  expect(results.every(({ signal }) => signal === 'logs')).toBe(true);
});

test('it tells of this attempt, not of the one before', async () => {
  const vendor = await ownVendor({ answer: () => status(401) });
  const relay = await startTestAgent({ destinations: [{ name: 'vendor', endpoint: vendor.url, ...logs }] });
  expect(await relay.sendTest()).toMatchObject([{ outcome: 'blocked', status: 401 }]);

  // Slow enough for somebody who asks meanwhile to see the old answer.
  vendor.setAnswer(async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    return ok();
  });

  expect(await relay.sendTest()).toMatchObject([{ outcome: 'delivered' }]);
});

test('a destination that does not answer in time', async () => {
  const vendor = await ownVendor({ answer: () => ({ kind: 'hang' }) });
  const relay = await startTestAgent({ destinations: [{ name: 'vendor', endpoint: vendor.url, ...logs }] });
  expect(await relay.sendTest(500)).toMatchObject([
    { outcome: 'timeout', message: 'no answer yet; 1 log record waits in the queue' },
  ]);
});

test('a destination that asked to wait is left alone, and the time of its next attempt told', async () => {
  const vendor = await ownVendor({ answer: () => status(429, { 'retry-after': '600' }) });
  const relay = await startTestAgent({ destinations: [{ name: 'vendor', endpoint: vendor.url, ...logs }] });
  expect(await relay.sendTest()).toMatchObject([{ outcome: 'retrying', status: 429 }]);

  const [result] = await relay.sendTest();

  expect(result).toMatchObject({ outcome: 'retrying', status: 429 });
  expect(result?.message).toMatch(/; the next attempt is in \d+ min, as the destination asked$/);
  expect(vendor.seen).toHaveLength(1);
});

test('a relay that stops meanwhile says so, not that the destination is not configured', async () => {
  const vendor = await ownVendor({ answer: () => ({ kind: 'hang' }) });
  const relay = await startTestAgent({ destinations: [{ name: 'vendor', endpoint: vendor.url, ...logs }] });
  const test = relay.sendTest();
  await until('the vendor has it', () => vendor.seen.length === 1);
  await relay.agent.stop();
  expect(await test).toMatchObject([
    { outcome: 'timeout', message: expect.stringContaining('the relay stopped before there was an answer') },
  ]);
});

test('where another program has the port, nothing is sent to that program', async () => {
  const port = await freePort();
  let asked = 0;
  // It answers like a collector that takes everything.
  const foreign = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (data) => {
      if (data.includes('POST')) asked++;
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => foreign.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void foreign.close(() => resolve())));
  const vendor = await ownVendor();
  const relay = await startTestAgent({
    listen: { http: port },
    destinations: [{ name: 'vendor', endpoint: vendor.url, ...logs }],
  });

  expect(await relay.sendTest()).toMatchObject([
    { outcome: 'blocked', message: expect.stringContaining(`port ${port} is held by`) },
  ]);
  expect(asked).toBe(0);
});

test('without a configured destination the test waits for span', async () => {
  const relay = await startTestAgent({});
  const results = await relay.sendTest();
  expect(results[0]?.message).toContain('no endpoint is configured: add a destination to');
  expect(results.map(({ destination, outcome }) => [destination, outcome])).toEqual([
    ['span', 'unconfigured'],
    ['span', 'unconfigured'],
    ['span', 'unconfigured'],
  ]);
  expect(relay.pending('span')).toBe(3);
});
