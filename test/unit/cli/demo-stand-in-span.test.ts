import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { recording } from '../../../src/main/cli/demo/recording.ts';
import { type StandInSpan, startStandInSpan } from '../../../src/main/cli/demo/stand-in-span.ts';
import { systemClock } from '../../../src/main/core/clock.ts';

const token = 'made-up';

let standIn: (StandInSpan & AsyncDisposable) | undefined;

afterEach(async () => {
  await standIn?.[Symbol.asyncDispose]();
});

async function start(answerAfterMs = 0): Promise<StandInSpan> {
  standIn = await startStandInSpan({ token, clock: systemClock, answerAfterMs });
  return standIn;
}

function post(span: StandInSpan, path = '/v1/metrics', headers: Record<string, string> = { 'x-span-token': token }) {
  const body = headers['content-encoding'] === 'gzip' ? gzipSync(recording.metrics) : Buffer.from(recording.metrics);
  return fetch(`${span.url}${path}`, { method: 'POST', body, headers });
}

test('counts the points of what it answers with 200, compressed or not', async () => {
  const span = await start();
  expect((await post(span)).status).toBe(200);
  expect((await post(span, '/v1/metrics', { 'x-span-token': token, 'content-encoding': 'gzip' })).status).toBe(200);
  expect(span.arrived('metrics')).toBe(14);
  expect(span.arrived('logs')).toBe(0);
});

test('refuses what Span refuses, and does not count it', async () => {
  const span = await start();
  expect((await post(span, '/v1/metrics', { 'x-span-token': 'another' })).status).toBe(401);
  expect((await post(span, '/v1/metrics', {})).status).toBe(401);
  expect((await post(span, '/v1/elsewhere')).status).toBe(404);
  expect(span.arrived('metrics')).toBe(0);
});

test('is down for who calls it, and up again at the same place', async () => {
  const span = await start();
  await span.down();
  await expect(post(span)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  await span.up();
  expect((await post(span)).status).toBe(200);
  expect(span.arrived('metrics')).toBe(7);
});

test('does not count a request whose answer it breaks off', async () => {
  const span = await start(60_000);
  const broken = expect(post(span)).rejects.toThrow();
  // Resolves only when the connection of that request is broken.
  await new Promise((resolve) => setImmediate(resolve));
  await span.down();
  await broken;
  expect(span.arrived('metrics')).toBe(0);
});
