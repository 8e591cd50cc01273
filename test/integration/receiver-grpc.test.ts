import { randomBytes } from 'node:crypto';
import { constants as http2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { inspectRequest } from '../../src/main/core/otlp/inspect.ts';
import { SpoolError } from '../../src/main/core/spool/spool.ts';
import { signals } from '../../src/shared/signal.ts';
import { grpcClient } from '../support/grpc-client.ts';
import { call, frame, frameTypes, message } from '../support/http2-frames.ts';
import { recorded } from '../support/recordings.ts';
import { until } from '../support/until.ts';
import { callGrpc, openRawHttp2 } from './grpc-harness.ts';
import { json, openFront, openRaw, protobuf, send, startReceiver } from './receiver-harness.ts';

const body = recorded('metrics', 'pb');

function pointsIn(signal: (typeof signals)[number], bytes: Uint8Array): number {
  const inspection = inspectRequest(signal, bytes);
  if (!inspection.ok) throw new Error(inspection.problem);
  return inspection.points;
}

describe.each(signals)('%s of Claude Code', (signal) => {
  const recordedBody = recorded(signal, 'pb');

  test.each([
    ['plain', false],
    ['gzipped', true],
  ])('%s is stored byte for byte', async (_, gzip) => {
    await using relay = await startReceiver({}, 'grpc');
    using client = grpcClient(relay.port, { gzip });
    expect(await client.export(signal, recordedBody)).toMatchObject({ code: 0, answer: Buffer.alloc(0) });
    expect(relay.accepted).toEqual([{ signal, points: pointsIn(signal, recordedBody), body: expect.anything() }]);
    expect(Buffer.compare(relay.accepted[0]?.body ?? Buffer.alloc(0), recordedBody)).toBe(0);
    expect(relay.acknowledged[0]?.headers['grpc-encoding']).toBe(gzip ? 'gzip' : undefined);
  });

  test('an empty request is a success', async () => {
    await using relay = await startReceiver({}, 'grpc');
    using client = grpcClient(relay.port);
    expect(await client.export(signal, Buffer.alloc(0))).toMatchObject({ code: 0 });
    expect(relay.accepted).toMatchObject([{ points: 0 }]);
  });
});

test('a message that is not compressed is taken beside a grpc-encoding', async () => {
  await using relay = await startReceiver({}, 'grpc');
  const answer = await callGrpc(relay.port, { headers: { 'grpc-encoding': 'gzip' }, body: message(body) });
  expect(answer).toMatchObject({ code: 0, status: 200, body: Buffer.alloc(5) });
  expect(answer.headers['content-type']).toBe('application/grpc');
});

test('a message in single bytes is put together', async () => {
  await using relay = await startReceiver({}, 'grpc');
  const pieces = Array.from(message(body), (byte) => Buffer.from([byte]));
  expect(await callGrpc(relay.port, { body: pieces })).toMatchObject({ code: 0 });
  expect(Buffer.compare(relay.accepted[0]?.body ?? Buffer.alloc(0), body)).toBe(0);
});

test('nothing is acknowledged before it is on disk', async () => {
  const commit = Promise.withResolvers<number>();
  let begun = 0;
  const accept = () => {
    begun++;
    return begun === 1 ? commit.promise : Promise.resolve(2);
  };
  await using relay = await startReceiver({ accept }, 'grpc');
  using client = grpcClient(relay.port);
  let answered = false;
  const first = client.export('metrics', body).then((result) => {
    answered = true;
    return result;
  });
  await until('the first is being stored', () => begun === 1);
  // The second one, over the same connection, shows that the first had its chance.
  expect(await client.export('metrics', body)).toMatchObject({ code: 0 });
  expect(answered).toBe(false);
  commit.resolve(1);
  expect(await first).toMatchObject({ code: 0 });
});

test('the agent is told of every acknowledged call, with its metadata', async () => {
  await using relay = await startReceiver({}, 'grpc');
  using client = grpcClient(relay.port);
  await client.export('metrics', body, { metadata: { 'X-Span-Token': 'secret' } });
  expect(relay.acknowledged).toMatchObject([
    { protocol: 'grpc', signal: 'metrics', points: pointsIn('metrics', body), headers: { 'x-span-token': 'secret' } },
  ]);
  expect(relay.log.join('')).not.toContain('secret');
});

test('many calls over one connection', async () => {
  await using relay = await startReceiver({}, 'grpc');
  using client = grpcClient(relay.port);
  const results = await Promise.all(Array.from({ length: 500 }, () => client.export('logs', recorded('logs', 'pb'))));
  expect(results.filter(({ code }) => code === 0)).toHaveLength(500);
  expect(relay.accepted).toHaveLength(500);
});

describe('what cannot be accepted is refused with a status and booked', () => {
  const ok = message(body);
  const gzip = { 'grpc-encoding': 'gzip' };
  const zipped = gzipSync(body);
  test.each([
    ['a browser', { headers: { origin: 'https://example.com' } }, 7, /web pages/],
    ['a referer', { headers: { referer: 'https://example.com' } }, 7, /web pages/],
    ['fetch metadata', { headers: { 'sec-fetch-site': 'cross-site' } }, 7, /web pages/],
    ['a foreign authority', { headers: { ':authority': 'example.com' } }, 7, /127\.0\.0\.1/],
    ['a foreign Host beside the authority', { headers: { host: 'example.com' } }, 7, /127\.0\.0\.1/],
    ['an encoding that is not known', { headers: { 'grpc-encoding': 'zstd' } }, 12, /"zstd"/],
    ['no message', { body: Buffer.alloc(0) }, 12, /holds no message/],
    ['half a prefix', { body: Buffer.alloc(3) }, 13, /ends before the end of its message/],
    ['a prefix alone', { body: ok.subarray(0, 5) }, 13, /ends before the end of its message/],
    ['half a message', { body: ok.subarray(0, 100) }, 13, /ends before the end of its message/],
    ['a length that is too long', { body: message(body, { length: body.length + 1 }) }, 13, /ends before/],
    ['a length that is too short', { body: message(body, { length: body.length - 1 }) }, 12, /goes on behind/],
    ['two messages', { body: Buffer.concat([ok, ok]) }, 12, /goes on behind/],
    ['a flag that does not exist', { body: message(body, { compressed: 2 }) }, 13, /Compressed-Flag/],
    ['compression without a name', { body: message(zipped, { compressed: 1 }) }, 13, /grpc-encoding does not say/],
    ['what is not gzip', { headers: gzip, body: message(body, { compressed: 1 }) }, 13, /not valid gzip/],
    ['half of gzip', { headers: gzip, body: message(zipped.subarray(0, -9), { compressed: 1 }) }, 13, /truncated/],
    ['what is not protobuf', { body: message(Buffer.from('{}')) }, 3, /malformed/],
    ['telemetry of another signal', { body: message(Buffer.alloc(100, 0x0a)) }, 3, /malformed/],
  ])('%s', async (_, sent, code, words) => {
    await using relay = await startReceiver({}, 'grpc');
    const answer = await callGrpc(relay.port, { body: ok, ...sent });
    expect(answer).toMatchObject({ code, status: 200, resetCode: 0, statusMessage: answer.message });
    expect(answer.message).toMatch(words);
    expect(relay.refused).toEqual([{ signal: 'metrics', points: 1 }]);
    expect(relay.answeredWithRefusal).toMatchObject([{ signal: 'metrics', points: 1, message: answer.message }]);
    expect(relay.accepted).toEqual([]);
    expect(relay.log.filter((line) => line.includes('refused'))).toHaveLength(1);
    expect(await callGrpc(relay.port, { body: ok })).toMatchObject({ code: 0 });
  });

  test('the encodings that are known are told', async () => {
    await using relay = await startReceiver({}, 'grpc');
    const answer = await callGrpc(relay.port, { headers: { 'grpc-encoding': 'br' }, body: ok });
    expect(answer.headers['grpc-accept-encoding']).toBe('identity,gzip');
  });

  test('what is not gRPC is told in the terms of HTTP as well', async () => {
    await using relay = await startReceiver({}, 'grpc');
    const types = ['application/x-protobuf', 'application/grpc+json', 'application/grpc-web', 'text/plain'];
    for (const type of types) {
      expect(await callGrpc(relay.port, { headers: { 'content-type': type }, body: ok })).toMatchObject({
        status: 415,
        code: 3,
      });
    }
    expect(relay.refused).toHaveLength(types.length);
    const get = await callGrpc(relay.port, { headers: { ':method': 'GET' } });
    expect(get).toMatchObject({ status: 405, code: 12, headers: { allow: 'POST' } });
    for (const type of ['application/grpc+proto', 'application/grpc;charset=utf-8', 'Application/GRPC']) {
      expect(await callGrpc(relay.port, { headers: { 'content-type': type }, body: ok })).toMatchObject({ code: 0 });
    }
  });

  test('another method is UNIMPLEMENTED, and loses nothing that could be counted', async () => {
    await using relay = await startReceiver({}, 'grpc');
    using client = grpcClient(relay.port);
    const result = await client.export('metrics', body, { method: '/grpc.health.v1.Health/Check' });
    expect(result).toMatchObject({ code: 12, message: expect.stringContaining('MetricsService') });
    expect(relay.refused).toEqual([]);
  });

  test('values out of metadata and messages are in no answer and no log line', async () => {
    await using relay = await startReceiver({}, 'grpc');
    const secret = 'canary-7c1d';
    const answers: unknown[] = [];
    for (const headers of [
      { origin: secret },
      { ':authority': secret },
      { ':path': `/${secret}` },
      { 'content-type': secret },
      { 'grpc-encoding': `${secret} x` },
      { authorization: secret },
    ]) {
      const { message: told, headers: all } = await callGrpc(relay.port, {
        headers,
        body: message(Buffer.from(secret)),
      });
      answers.push([told, all]);
    }
    expect(JSON.stringify([answers, relay.answeredWithRefusal, relay.log])).not.toContain(secret);
    expect(answers).toHaveLength(6);
  });
});

describe('when the spool says no', () => {
  test.each([
    [new SpoolError('disk-full', 'x'), 14, 5_000, /disk is full/],
    [new SpoolError('unavailable', 'x'), 14, 1_000, /cannot be stored/],
    [new SpoolError('closed', 'x'), 14, 1_000, /cannot be stored/],
    [new TypeError('canary in a bug'), 13, undefined, /fault in Span Relay/],
  ])('%s', async (error, code, retryDelayMs, words) => {
    await using relay = await startReceiver({ accept: () => Promise.reject(error) }, 'grpc');
    using client = grpcClient(relay.port, { retries: false });
    const result = await client.export('traces', recorded('traces', 'pb'));
    expect(result).toMatchObject({ code, retryDelayMs, message: expect.stringMatching(words) });
    expect(relay.refused).toEqual([{ signal: 'traces', points: pointsIn('traces', recorded('traces', 'pb')) }]);
    expect(relay.log.join('')).not.toContain('canary');
  });
});

describe('size', () => {
  const maxBodyBytes = 100_000;
  const limits = { maxBodyBytes, maxInlineCompressedBytes: 10_000, maxInlineInflatedBytes: 50_000 };
  /** One unknown field, so valid whatever its content. */
  const padding = (bytes: number, content = randomBytes(bytes)) => {
    const head = Buffer.from([0x7a, (bytes & 127) | 128, ((bytes >> 7) & 127) | 128, bytes >> 14]);
    return Buffer.concat([head, content]);
  };

  test('a message up to the limit is taken, plain and gzipped', async () => {
    await using relay = await startReceiver({ limits }, 'grpc');
    for (const gzip of [false, true]) {
      using client = grpcClient(relay.port, { gzip });
      const zeros = padding(maxBodyBytes - 4, Buffer.alloc(maxBodyBytes - 4));
      expect(await client.export('logs', zeros)).toMatchObject({ code: 0 });
    }
    expect(relay.accepted.map((request) => request.body.length)).toEqual([maxBodyBytes, maxBodyBytes]);
  });

  test.each([
    ['plain', padding(maxBodyBytes - 3), false],
    ['plain, by far', padding(2_000_000), false],
    ['a small one that is gzipped', padding(200_000, Buffer.alloc(200_000)), true],
    ['a gzip bomb', Buffer.alloc(80_000_000), true],
  ])('a message over the limit is RESOURCE_EXHAUSTED, and not worth trying again: %s', async (_, sent, gzip) => {
    await using relay = await startReceiver({ limits }, 'grpc');
    using client = grpcClient(relay.port, { gzip });
    expect(await client.export('logs', sent)).toMatchObject({ code: 8, retryDelayMs: undefined });
    expect(relay.refused).toEqual([{ signal: 'logs', points: 1 }]);
    expect(relay.accepted).toEqual([]);
    // The same connection goes on.
    expect(await client.export('logs', recorded('logs', 'pb'))).toMatchObject({ code: 0 });
  });

  test('the limit is 64 MiB unless told otherwise', async () => {
    await using relay = await startReceiver({}, 'grpc');
    using client = grpcClient(relay.port, { gzip: true });
    const bytes = 64 * 1024 * 1024;
    const head = Buffer.from([0x7a, 0xfb, 0xff, 0xff, 0x1f]);
    const largest = Buffer.concat([head, Buffer.alloc(bytes - head.length)]);
    expect(await client.export('logs', largest)).toMatchObject({ code: 0 });
    expect(relay.accepted[0]?.body.length).toBe(bytes);
    expect(await client.export('logs', Buffer.alloc(bytes + 1))).toMatchObject({ code: 8 });
  });

  test('metadata over the limit is RESOURCE_EXHAUSTED, and far over it resets the call alone', async () => {
    await using relay = await startReceiver({}, 'grpc');
    using client = grpcClient(relay.port);
    const { code, message: told } = await client.export('logs', body, { metadata: { long: 'a'.repeat(20_000) } });
    expect({ code, told }).toMatchObject({ code: 8, told: expect.stringContaining('OTEL_EXPORTER_OTLP_HEADERS') });
    expect(await client.export('logs', body, { metadata: { long: 'a'.repeat(60_000) } })).toMatchObject({ code: 8 });
    expect(await client.export('logs', recorded('logs', 'pb'))).toMatchObject({ code: 0 });
  });
});

describe('the protocol of the other port', () => {
  test('HTTP on the gRPC port is told where to go, in HTTP, and booked', async () => {
    await using relay = await startReceiver({}, 'grpc');
    for (const path of ['/v1/metrics', '/v1/metrics/v1/metrics']) {
      const answer = await send(relay.port, path, { headers: protobuf, body });
      expect(answer).toMatchObject({ status: 400, headers: { connection: 'close' } });
      expect(answer.headers['content-type']).toBe('application/x-protobuf');
      expect(answer.message).toBe(
        `Port ${relay.port} takes OTLP over gRPC, and this is HTTP/1.1. Set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc.`,
      );
    }
    expect(relay.refused).toEqual(Array(2).fill({ signal: 'metrics', points: 1 }));
    expect(relay.answeredWithRefusal).toMatchObject(Array(2).fill({ reason: 'http-on-grpc-port', signal: 'metrics' }));
  });

  test('a browser on the gRPC port is refused as everywhere, and somebody who looks around loses nothing', async () => {
    await using relay = await startReceiver({}, 'grpc');
    const headers = { ...json, origin: 'https://example.com' };
    expect(await send(relay.port, '/v1/metrics', { headers, body: Buffer.from('{}') })).toMatchObject({ status: 403 });
    expect(relay.answeredWithRefusal).toMatchObject([{ reason: 'guard' }]);
    expect(await send(relay.port, '/', { method: 'GET' })).toMatchObject({ status: 400 });
    expect(relay.answeredWithRefusal.at(-1)).toMatchObject({ points: 0 });
  });

  test('/healthz tells by HTTP that this is Span Relay', async () => {
    await using relay = await startReceiver({}, 'grpc');
    const answer = await send(relay.port, '/healthz', { method: 'GET' });
    expect(JSON.parse(answer.body.toString())).toEqual({ service: 'span-relay', status: 'ready' });
  });

  test('gRPC on the HTTP port is told what to set, and reported', async () => {
    await using relay = await startReceiver();
    using client = grpcClient(relay.port, { retries: false });
    expect((await client.export('metrics', body)).code).not.toBe(0);
    const told = `Port ${relay.port} takes OTLP over HTTP, and this is gRPC. Set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14317.`;
    await until('it is reported', () => relay.answeredWithRefusal.length > 0);
    expect(relay.answeredWithRefusal[0]).toEqual({
      status: 505,
      reason: 'grpc-on-http-port',
      points: 1,
      message: told,
    });
    expect(relay.log.filter((line) => line.includes('reason=grpc-on-http-port'))).toHaveLength(1);
    using raw = await openRawHttp2(relay.port);
    await raw.closed;
    const goAway = raw.frames().find(({ type }) => type === frameTypes.goAway);
    expect(goAway?.payload.readUInt32BE(4)).toBe(http2.NGHTTP2_HTTP_1_1_REQUIRED);
    expect(goAway?.payload.subarray(8).toString()).toBe(told);
    expect((await send(relay.port, '/healthz', { method: 'GET' })).status).toBe(200);
  });

  test.each(['http', 'grpc'] as const)('TLS is told to be the cause on the port for %s', async (protocol) => {
    await using relay = await startReceiver({}, protocol);
    const error = await new Promise<Error>((resolve) => {
      connectTls({ host: '127.0.0.1', port: relay.port }).on('error', resolve);
    });
    expect(error).toMatchObject({ code: 'ERR_SSL_WRONG_VERSION_NUMBER' });
    expect(relay.answeredWithRefusal).toMatchObject([
      { reason: 'tls', points: 1, message: expect.stringContaining(`http://127.0.0.1:${relay.port}`) },
    ]);
  });
});

describe('connections', () => {
  test('over the limit a newcomer is told to come back while the others go on', async () => {
    const commit = Promise.withResolvers<number>();
    let begun = 0;
    const accept = () => {
      begun++;
      return commit.promise;
    };
    await using relay = await startReceiver({ limits: { maxConnections: 2 }, accept }, 'grpc');
    using clients = new DisposableStack();
    const [first, second, third] = Array.from({ length: 3 }, () =>
      clients.use(grpcClient(relay.port, { retries: false })),
    );
    const busy = [first?.export('metrics', body), second?.export('metrics', body)];
    await until('two are being stored', () => begun === 2);
    expect(await third?.export('metrics', body)).toMatchObject({
      code: 14,
      retryDelayMs: 1_000,
      message: expect.stringContaining('Too many connections'),
    });
    expect(relay.refused).toEqual([{ signal: 'metrics', points: 1 }]);
    commit.resolve(1);
    for (const call of busy) expect(await call).toMatchObject({ code: 0 });
  });

  test('over the limit resting connections make room first, and their clients do not notice', async () => {
    await using relay = await startReceiver({ limits: { maxConnections: 2 } }, 'grpc');
    using clients = new DisposableStack();
    const four = Array.from({ length: 4 }, () => clients.use(grpcClient(relay.port)));
    for (const client of [...four, ...four]) expect(await client.export('metrics', body)).toMatchObject({ code: 0 });
    expect(relay.accepted).toHaveLength(8);
  });

  test('silent connections in any number do not hold the port', async () => {
    await using relay = await startReceiver({ limits: { maxConnections: 4, maxSilentMs: 60_000 } }, 'grpc');
    const silent = await Promise.all(Array.from({ length: 64 }, () => openRaw(relay.port)));
    let closed = 0;
    for (const { closed: end } of silent) void end.then(() => closed++);
    await until('most of the others are closed', () => closed >= 64 - 4 * 2);
    for (const { socket } of silent) socket.destroy();
    using client = grpcClient(relay.port);
    await until('one is served', async () => (await client.export('metrics', body)).code === 0);
  });
});

describe('bytes in flight', () => {
  test('are counted together with those of the HTTP port', async () => {
    const commits: ((id: number) => void)[] = [];
    await using grpc = await startReceiver(
      { accept: () => new Promise((resolve) => commits.push(resolve)), limits: { maxBytesInFlight: 60_000 } },
      'grpc',
    );
    await using http = await openFront(grpc.intake, 'http');
    using client = grpcClient(grpc.port, { retries: false });
    const big = Buffer.concat([Buffer.from([0x7a, 0x98, 0x75]), Buffer.alloc(15_000)]);
    const first = client.export('logs', big);
    await until('one is being stored', () => commits.length === 1);
    const second = send(http.port, '/v1/logs', { headers: protobuf, body: big });
    await until('two are being stored', () => commits.length === 2);
    expect(await client.export('logs', big)).toMatchObject({
      code: 14,
      retryDelayMs: 1_000,
      message: expect.stringContaining('Too much data'),
    });
    expect(grpc.refused).toEqual([{ signal: 'logs', points: 1 }]);
    for (const commit of commits) commit(1);
    expect(await first).toMatchObject({ code: 0 });
    expect(await second).toMatchObject({ status: 200 });
    expect(grpc.usedBytes()).toBe(0);
  });

  test('of an answer that is not read are given back', async () => {
    await using relay = await startReceiver({ limits: { maxBytesInFlight: 40_000 } }, 'grpc');
    using client = grpcClient(relay.port);
    for (let count = 0; count < 5; count++) {
      using raw = await openRawHttp2(relay.port);
      raw.socket.write(Buffer.concat([call(1), frame(frameTypes.data, 0, 1, message(Buffer.alloc(15_000)))]));
      await until('it has arrived', () => relay.usedBytes() > 15_000);
      raw.socket.destroy();
      await until('it is given back', () => relay.usedBytes() === 0);
    }
    expect(await client.export('metrics', body)).toMatchObject({ code: 0 });
  });
});
