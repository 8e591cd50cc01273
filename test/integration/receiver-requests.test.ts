import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { inspectRequest } from '../../src/main/core/otlp/inspect.ts';
import { SpoolError } from '../../src/main/core/spool/spool.ts';
import { signals } from '../../src/shared/signal.ts';
import { recorded } from '../support/recordings.ts';
import { until } from '../support/until.ts';
import { json, keepAliveAgent, protobuf, send, startReceiver } from './receiver-harness.ts';

function pointsIn(signal: (typeof signals)[number], body: Uint8Array): number {
  const inspection = inspectRequest(signal, body);
  if (!inspection.ok) throw new Error(inspection.problem);
  return inspection.points;
}

describe.each(signals)('%s of Claude Code', (signal) => {
  const protobufBody = recorded(signal, 'pb');
  const jsonBody = recorded(signal, 'json');
  const path = `/v1/${signal}`;
  const points = pointsIn(signal, protobufBody);

  test.each([
    ['protobuf', protobuf, protobufBody],
    ['chunked protobuf', protobuf, [protobufBody.subarray(0, 100), protobufBody.subarray(100)]],
    ['gzipped protobuf', { ...protobuf, 'content-encoding': 'gzip' }, gzipSync(protobufBody)],
    [
      'protobuf with parameters',
      { 'content-type': 'Application/X-Protobuf; v=1', 'content-encoding': 'identity' },
      protobufBody,
    ],
  ])('as %s is stored byte for byte', async (_, headers, body) => {
    await using relay = await startReceiver();
    const answer = await send(relay.port, path, { headers, body });
    expect(answer).toMatchObject({ status: 200, body: { length: 0 } });
    expect(answer.headers['content-type']).toBe('application/x-protobuf');
    expect(answer.headers['content-length']).toBe('0');
    expect(relay.accepted).toEqual([{ signal, points, body: expect.anything() }]);
    expect(Buffer.compare(relay.accepted[0]?.body ?? Buffer.alloc(0), protobufBody)).toBe(0);
  });

  test.each([
    ['JSON', json, jsonBody],
    ['chunked JSON', json, [jsonBody.subarray(0, 1), jsonBody.subarray(1)]],
    [
      'gzipped JSON',
      { 'content-type': 'application/json; charset=utf-8', 'content-encoding': 'x-gzip' },
      gzipSync(jsonBody),
    ],
  ])('as %s is stored as protobuf', async (_, headers, body) => {
    await using relay = await startReceiver();
    const answer = await send(relay.port, path, { headers, body });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.body.toString()).toBe('{}');
    const [stored] = relay.accepted;
    expect(stored).toMatchObject({ signal, points: pointsIn(signal, stored?.body ?? Buffer.alloc(0)) });
    expect(stored?.points).toBeGreaterThan(0);
  });

  test('an empty request is a success', async () => {
    await using relay = await startReceiver();
    expect((await send(relay.port, path, { headers: protobuf, body: Buffer.alloc(0) })).status).toBe(200);
    expect((await send(relay.port, path, { headers: json, body: Buffer.from('{}') })).status).toBe(200);
    const emptyGzip = { headers: { ...protobuf, 'content-encoding': 'gzip' }, body: gzipSync('') };
    expect((await send(relay.port, path, emptyGzip)).status).toBe(200);
    expect(relay.accepted.map(({ points: count }) => count)).toEqual([0, 0, 0]);
  });
});

test('nothing is acknowledged before it is on disk', async () => {
  const commit = Promise.withResolvers<number>();
  await using relay = await startReceiver({ accept: () => commit.promise });
  let answered = false;
  const answer = send(relay.port, '/v1/logs', { headers: protobuf, body: recorded('logs', 'pb') }).then((got) => {
    answered = true;
    return got;
  });
  // A second request, answered without the spool, shows that the first had its chance.
  await send(relay.port, '/healthz', { method: 'GET' });
  await send(relay.port, '/healthz', { method: 'GET' });
  expect(answered).toBe(false);
  expect(relay.acknowledged).toEqual([]);
  commit.resolve(1);
  expect((await answer).status).toBe(200);
  await until('it is acknowledged', () => relay.acknowledged.length === 1);
});

test('the agent is told of every acknowledged request, with its headers', async () => {
  await using relay = await startReceiver();
  const headers = { ...protobuf, 'x-span-token': 'secret' };
  await send(relay.port, '/v1/metrics', { headers, body: recorded('metrics', 'pb') });
  expect(relay.acknowledged).toMatchObject([{ signal: 'metrics', headers: { 'x-span-token': 'secret' } }]);
  expect(relay.acknowledged[0]?.points).toBe(pointsIn('metrics', recorded('metrics', 'pb')));
  expect(relay.log.join('')).not.toContain('secret');
});

test('one connection serves many requests', async () => {
  await using relay = await startReceiver();
  const agent = keepAliveAgent();
  for (let count = 0; count < 5; count++) {
    await send(relay.port, '/v1/traces', { headers: protobuf, body: recorded('traces', 'pb'), agent });
  }
  expect(relay.accepted).toHaveLength(5);
  expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
  agent.destroy();
});

describe('health', () => {
  test('is ready, by GET and HEAD', async () => {
    await using relay = await startReceiver();
    const answer = await send(relay.port, '/healthz', { method: 'GET' });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toEqual({ service: 'span-relay', status: 'ready' });
    expect(await send(relay.port, '/healthz', { method: 'HEAD' })).toMatchObject({ status: 200, body: { length: 0 } });
  });

  test('is starting while the spool opens, and requests wait meanwhile', async () => {
    const open = Promise.withResolvers<number>();
    let ready = false;
    await using relay = await startReceiver({ ready: () => ready, accept: () => open.promise });
    const waiting = send(relay.port, '/v1/logs', { headers: protobuf, body: recorded('logs', 'pb') });
    const answer = await send(relay.port, '/healthz', { method: 'GET' });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body.toString())).toEqual({ service: 'span-relay', status: 'starting' });
    ready = true;
    open.resolve(1);
    expect((await waiting).status).toBe(200);
  });
});

describe('what cannot be accepted is refused with a reason and booked', () => {
  const body = recorded('metrics', 'pb');
  test.each([
    ['a browser', '/v1/metrics', { headers: { ...protobuf, origin: 'https://example.com' } }, 403, /web pages/],
    ['a foreign host', '/v1/metrics', { headers: { ...protobuf, host: 'example.com' } }, 403, /127\.0\.0\.1/],
    ['a doubled path', '/v1/metrics/v1/metrics', { headers: protobuf }, 404, /OTEL_EXPORTER_OTLP_ENDPOINT/],
    ['a slash at the end', '/v1/metrics/', { headers: protobuf }, 404, /without a slash/],
    ['a wrong method', '/v1/metrics', { method: 'PUT', headers: protobuf }, 405, /POST only/],
    ['a wrong content type', '/v1/metrics', { headers: { 'content-type': 'text/plain' } }, 415, /http\/protobuf/],
    ['no content type', '/v1/metrics', {}, 415, /http\/protobuf/],
    ['a wrong encoding', '/v1/metrics', { headers: { ...protobuf, 'content-encoding': 'br' } }, 415, /"br"/],
    ['what is not gzip', '/v1/metrics', { headers: { ...json, 'content-encoding': 'gzip' } }, 400, /not valid gzip/],
    ['protobuf as JSON', '/v1/metrics', { headers: json }, 400, /malformed/],
    ['JSON as protobuf', '/v1/metrics', { headers: protobuf, body: recorded('metrics', 'json') }, 400, /malformed/],
    ['an unknown expectation', '/v1/metrics', { headers: { ...protobuf, expect: 'cake' } }, 417, /100-continue/],
  ])('%s', async (_, path, sent, status, message) => {
    await using relay = await startReceiver();
    const answer = await send(relay.port, path, { body, ...sent });
    expect(answer.status).toBe(status);
    expect(answer.message).toMatch(message);
    expect(relay.refused).toEqual([{ signal: 'metrics', points: 1 }]);
    expect(relay.answeredWithRefusal).toMatchObject([{ status, signal: 'metrics', message: answer.message }]);
    expect(relay.accepted).toEqual([]);
    expect(relay.log.filter((line) => line.includes('refused'))).toHaveLength(1);
    expect((await send(relay.port, '/healthz', { method: 'GET' })).status).toBe(200);
  });

  test.each([
    ['protobuf', protobuf, 'application/x-protobuf'],
    ['JSON', { 'content-type': 'application/json; charset=utf-8' }, 'application/json'],
    ['neither', { 'content-type': 'text/html' }, 'application/json'],
  ])('the answer to %s is in its own encoding', async (_, headers, expected) => {
    await using relay = await startReceiver();
    for (const path of ['/v1/logs', '/nowhere']) {
      const answer = await send(relay.port, path, { headers, body: Buffer.from([255]) });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.headers['content-type']).toBe(expected);
      expect(answer.message).toBeTruthy();
    }
  });

  test('truncated gzip is told apart from garbage', async () => {
    await using relay = await startReceiver();
    const headers = { ...protobuf, 'content-encoding': 'gzip' };
    const answer = await send(relay.port, '/v1/metrics', { headers, body: gzipSync(body).subarray(0, -20) });
    expect(answer).toMatchObject({ status: 400, message: expect.stringContaining('truncated') });
  });

  test('looking around is refused but loses no telemetry', async () => {
    await using relay = await startReceiver();
    const answer = await send(relay.port, '/v1/metrics', { method: 'GET' });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe('POST');
    expect((await send(relay.port, '/healthz', { method: 'DELETE' })).headers.allow).toBe('GET, HEAD');
    expect((await send(relay.port, '/', { method: 'GET' })).status).toBe(404);
    expect(relay.refused).toEqual([]);
  });

  test('a preflight request gets no permission', async () => {
    await using relay = await startReceiver();
    const preflight = { origin: 'https://example.com', 'access-control-request-method': 'POST' };
    for (const [headers, status] of [[preflight, 403] as const, [{}, 405] as const]) {
      const answer = await send(relay.port, '/v1/metrics', { method: 'OPTIONS', headers });
      expect(answer.status).toBe(status);
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  test('values out of headers and bodies are in no message and no log line', async () => {
    await using relay = await startReceiver();
    const secret = 'canary-7c1d';
    const messages: unknown[] = [];
    for (const headers of [
      { ...json, origin: secret },
      { ...json, host: secret },
      { 'content-type': secret },
      { ...json, 'content-encoding': `${secret} x` },
      { ...json, authorization: secret },
    ]) {
      const text = Buffer.from(`{"resourceMetrics":"${secret}"}${secret}`);
      messages.push((await send(relay.port, '/v1/metrics', { headers, body: text })).message);
    }
    expect(JSON.stringify([messages, relay.answeredWithRefusal, relay.log])).not.toContain(secret);
    expect(messages).toHaveLength(5);
  });
});

describe('when the spool says no', () => {
  const points = pointsIn('traces', recorded('traces', 'pb'));
  test.each([
    [new SpoolError('disk-full', 'x'), 503, '5', /disk is full/],
    [new SpoolError('unavailable', 'x'), 503, '1', /cannot be stored/],
    [new SpoolError('closed', 'x'), 503, '1', /cannot be stored/],
    [new TypeError('canary in a bug'), 500, undefined, /fault in Span Relay/],
  ])('%s', async (error, status, retryAfter, message) => {
    for (const accept of [
      () => Promise.reject(error),
      () => {
        throw error;
      },
    ]) {
      await using relay = await startReceiver({ accept });
      const agent = keepAliveAgent();
      const sent = { headers: protobuf, body: recorded('traces', 'pb'), agent };
      const answer = await send(relay.port, '/v1/traces', sent);
      expect(answer.status).toBe(status);
      expect(answer.headers['retry-after']).toBe(retryAfter);
      expect(answer.message).toMatch(message);
      expect(relay.refused).toEqual([{ signal: 'traces', points }]);
      expect(relay.log.join('')).not.toContain('canary');
      expect((await send(relay.port, '/healthz', { method: 'GET', agent })).status).toBe(200);
      agent.destroy();
    }
  });
});
