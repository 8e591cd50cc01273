import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/main/core/clock.ts';
import type { IncomingRequest } from '../../src/main/core/spool/spool.ts';
import { recorded } from '../support/recordings.ts';
import { until } from '../support/until.ts';
import { varint } from '../support/varint.ts';
import { head, json, keepAliveAgent, openRaw, protobuf, send, startReceiver } from './receiver-harness.ts';

const kibibyte = 1024;

/** A protobuf request that is one unknown field of that many bytes, so valid whatever its content. */
function padding(bytes: number, content = randomBytes(bytes)): Buffer {
  // Field 15, length-delimited.
  return Buffer.concat([Buffer.from([0x7a, ...varint(bytes)]), content]);
}

/** A JSON request with that many log records. */
function logsJson(records: number): Buffer {
  const logRecords = Array.from({ length: records }, (_, index) => ({ body: { stringValue: `record ${index}` } }));
  return Buffer.from(JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }));
}

describe('size', () => {
  const limits = {
    maxBodyBytes: 100 * kibibyte,
    maxInlineCompressedBytes: 10 * kibibyte,
    maxInlineInflatedBytes: 50 * kibibyte,
  };

  const halfRandom = padding(200_000, Buffer.concat([randomBytes(20_000), Buffer.alloc(180_000)]));

  test('a body up to the limit is taken', async () => {
    await using relay = await startReceiver({ limits });
    const body = padding(100 * kibibyte - 4);
    expect(body.length).toBe(100 * kibibyte);
    expect((await send(relay.port, '/v1/logs', { headers: protobuf, body })).status).toBe(200);
    expect((await send(relay.port, '/v1/logs', { headers: protobuf, body: [body] })).status).toBe(200);
    const gzip = { ...protobuf, 'content-encoding': 'gzip' };
    const zeros = padding(100 * kibibyte - 4, Buffer.alloc(100 * kibibyte - 4));
    expect((await send(relay.port, '/v1/logs', { headers: gzip, body: gzipSync(zeros) })).status).toBe(200);
    expect(relay.accepted.map((request) => request.body.length)).toEqual(Array(3).fill(100 * kibibyte));
  });

  test.each([
    ['with a Content-Length', protobuf, padding(3000 * kibibyte)],
    ['chunked', protobuf, [padding(3000 * kibibyte)]],
    ['by one byte', protobuf, padding(100 * kibibyte - 3)],
    [
      'after a small gzip body',
      { ...protobuf, 'content-encoding': 'gzip' },
      gzipSync(padding(200_000, Buffer.alloc(200_000))),
    ],
    ['after a larger gzip body', { ...protobuf, 'content-encoding': 'gzip' }, gzipSync(halfRandom)],
    ['a gzip bomb', { ...json, 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(80_000_000))],
  ])('a body over the limit is refused with 413: %s', async (_, headers, body) => {
    await using relay = await startReceiver({ limits });
    const answer = await send(relay.port, '/v1/logs', { headers, body });
    expect(answer.status).toBe(413);
    expect(relay.refused).toEqual([{ signal: 'logs', points: 1 }]);
    expect(relay.accepted).toEqual([]);
  });

  test('a Content-Length over the limit is refused before the body is sent', async () => {
    await using relay = await startReceiver({ limits });
    using raw = await openRaw(relay.port);
    raw.socket.write(head('/v1/logs', { 'Content-Length': 101 * kibibyte }));
    await raw.closed;
    expect(raw.text()).toMatch(/^HTTP\/1\.1 413 /);
    expect(raw.text()).toMatch(/\r\nConnection: close\r\n/i);
  });

  test('a chunked body is refused as soon as it passes the limit', async () => {
    await using relay = await startReceiver({ limits });
    using raw = await openRaw(relay.port);
    raw.socket.write(head('/v1/logs', { 'Transfer-Encoding': 'chunked' }));
    raw.socket.write(`${(102_401).toString(16)}\r\n`);
    raw.socket.write(Buffer.alloc(102_401));
    await raw.closed;
    expect(raw.text()).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('headers over the limit are refused with 431', async () => {
    await using relay = await startReceiver();
    const headers = { ...protobuf, 'x-long': 'a'.repeat(20 * kibibyte) };
    const answer = await send(relay.port, '/v1/logs', { headers, body: recorded('logs', 'pb') });
    expect(answer).toMatchObject({ status: 431, message: expect.stringContaining('OTEL_EXPORTER_OTLP_HEADERS') });
    expect(relay.answeredWithRefusal).toMatchObject([{ status: 431 }]);
  });
});

describe('time', () => {
  test.each([
    ['half of a header', 'POST /v1/logs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-', undefined],
    ['half of a body', `${head('/v1/logs', { 'Content-Length': 10 })}12345`, { signal: 'logs', points: 1 }],
    [
      'half of a chunk',
      `${head('/v1/logs', { 'Transfer-Encoding': 'chunked' })}5\r\n12`,
      { signal: 'logs', points: 1 },
    ],
  ])('a client that stalls after %s is told 408', async (_, bytes, booked) => {
    await using relay = await startReceiver({ limits: { headersTimeoutMs: 50, requestTimeoutMs: 100 } });
    using raw = await openRaw(relay.port);
    raw.socket.write(bytes);
    await raw.closed;
    expect(raw.text()).toMatch(/^HTTP\/1\.1 408 /);
    expect(relay.refused).toEqual(booked ? [booked] : []);
    expect(relay.answeredWithRefusal).toMatchObject([{ status: 408, reason: 'timeout' }]);
  });

  test('a connection that never says anything is closed without a word', async () => {
    await using relay = await startReceiver({ limits: { headersTimeoutMs: 50, requestTimeoutMs: 100 } });
    using raw = await openRaw(relay.port);
    await raw.closed;
    expect(raw.text()).toBe('');
    expect(relay.answeredWithRefusal).toEqual([]);
  });

  test('a resting connection is kept for longer than requests may take, then closed', async () => {
    const limits = { headersTimeoutMs: 30, requestTimeoutMs: 30, keepAliveTimeoutMs: 300 };
    await using relay = await startReceiver({ limits });
    using raw = await openRaw(relay.port);
    raw.socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await raw.closed;
    expect(raw.text()).toMatch(/^HTTP\/1\.1 200 /);
    expect(raw.text()).not.toMatch(/408/);
  });

  test('waiting for the commit is not limited by them', async () => {
    const commit = Promise.withResolvers<number>();
    const limits = { headersTimeoutMs: 20, requestTimeoutMs: 20 };
    await using relay = await startReceiver({ limits, accept: () => commit.promise });
    const answer = send(relay.port, '/v1/logs', { headers: protobuf, body: recorded('logs', 'pb') });
    using silent = await openRaw(relay.port);
    await silent.closed;
    commit.resolve(1);
    expect((await answer).status).toBe(200);
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
    await using relay = await startReceiver({ limits: { maxConnections: 2 }, accept });
    const sent = { headers: protobuf, body: recorded('metrics', 'pb') };
    const busy = [send(relay.port, '/v1/metrics', sent), send(relay.port, '/v1/metrics', sent)];
    await until('two are being stored', () => begun === 2);
    const refusal = await send(relay.port, '/v1/metrics', sent);
    expect(refusal.status).toBe(503);
    expect(refusal.headers['retry-after']).toBe('1');
    expect(refusal.headers.connection).toBe('close');
    expect(refusal.message).toMatch(/Too many connections/);
    expect(relay.refused).toEqual([{ signal: 'metrics', points: 1 }]);
    commit.resolve(1);
    expect((await Promise.all(busy)).map(({ status }) => status)).toEqual([200, 200]);
  });

  test('over the limit resting connections make room first', async () => {
    await using relay = await startReceiver({ limits: { maxConnections: 2 } });
    const agents = [keepAliveAgent(), keepAliveAgent(), keepAliveAgent(), keepAliveAgent()];
    for (const agent of agents) {
      const answer = await send(relay.port, '/healthz', { method: 'GET', agent });
      expect(answer.status).toBe(200);
    }
    for (const agent of agents) agent.destroy();
  });

  test('over the limit the connection that has been silent the longest makes room', async () => {
    await using relay = await startReceiver({ limits: { maxConnections: 2, maxSilentMs: 0 } });
    const [first, second] = [await openRaw(relay.port), await openRaw(relay.port)];
    expect((await send(relay.port, '/healthz', { method: 'GET' })).status).toBe(200);
    await first.closed;
    expect(second.socket.destroyed).toBe(false);
    second.socket.destroy();
  });

  test('one that has sent a byte, or has just come, does not make room', async () => {
    await using relay = await startReceiver({ limits: { maxConnections: 2, maxSilentMs: 60_000 } });
    const [speaking, silent] = [await openRaw(relay.port), await openRaw(relay.port)];
    speaking.socket.write('POST /v1/logs HTTP/1.1\r\n');
    const refusal = await send(relay.port, '/healthz', { method: 'GET' });
    expect(refusal).toMatchObject({ status: 503, message: expect.stringContaining('Too many connections') });
    for (const { socket } of [speaking, silent]) {
      expect(socket.destroyed).toBe(false);
      socket.destroy();
    }
  });

  test('silent connections in any number do not hold the port, however young they are', async () => {
    await using relay = await startReceiver({ limits: { maxConnections: 4, maxSilentMs: 60_000 } });
    const silent = await Promise.all(Array.from({ length: 64 }, () => openRaw(relay.port)));
    let closed = 0;
    for (const { closed: end } of silent) void end.then(() => closed++);
    await until('most of the others are closed', () => closed >= 64 - 4 * 2);
    const answer = await send(relay.port, '/healthz', { method: 'GET' });
    expect([200, 503]).toContain(answer.status);
    for (const { socket } of silent) socket.destroy();
  });

  test('at twice the limit they are dropped unheard, which is told, and the relay recovers', async () => {
    await using relay = await startReceiver({ limits: { maxConnections: 2, headersTimeoutMs: 60_000 } });
    // They are not silent, so none makes room for another.
    const slow: Awaited<ReturnType<typeof openRaw>>[] = [];
    while (relay.answeredWithRefusal.length === 0) {
      const raw = await openRaw(relay.port);
      raw.socket.write('POST /v1/logs HTTP/1.1\r\n');
      slow.push(raw);
    }
    const [told] = relay.answeredWithRefusal;
    expect(told).toEqual({
      status: 503,
      reason: 'connection-dropped',
      points: 0,
      message: expect.stringContaining('A connection was closed unheard'),
    });
    expect(relay.log.filter((line) => line.includes('reason=connection-dropped'))).toHaveLength(1);
    for (const { socket } of slow) socket.destroy();
    await Promise.all(slow.map(({ closed }) => closed));
    let answer = await send(relay.port, '/healthz', { method: 'GET' }).catch(() => undefined);
    while (answer?.status !== 200)
      answer = await send(relay.port, '/healthz', { method: 'GET' }).catch(() => undefined);
    expect(answer.status).toBe(200);
  });
});

describe('bytes in flight', () => {
  test('over the limit a request is told to come back, and booked', async () => {
    const commits: ((id: number) => void)[] = [];
    const accept = () => new Promise<number>((resolve) => commits.push(resolve));
    await using relay = await startReceiver({ accept, limits: { maxBytesInFlight: 20_000 } });
    const big = { headers: protobuf, body: padding(15_000) };
    const first = send(relay.port, '/v1/logs', big);
    await until('one is being stored', () => commits.length === 1);
    const second = await send(relay.port, '/v1/logs', big);
    expect(second).toMatchObject({ status: 503, message: expect.stringContaining('Too much data') });
    expect(second.headers['retry-after']).toBe('1');
    expect(relay.refused).toEqual([{ signal: 'logs', points: 1 }]);
    // A small one still fits, and what is done makes room.
    const small = send(relay.port, '/v1/metrics', { headers: protobuf, body: padding(100) });
    await until('two are being stored', () => commits.length === 2);
    for (const commit of commits.splice(0)) commit(1);
    expect((await Promise.all([first, small])).map(({ status }) => status)).toEqual([200, 200]);
    const third = send(relay.port, '/v1/logs', big);
    await until('one is being stored', () => commits.length === 1);
    commits[0]?.(1);
    expect((await third).status).toBe(200);
  });

  test('inflated bytes count too', async () => {
    await using relay = await startReceiver({ limits: { maxBytesInFlight: 20_000, maxInlineInflatedBytes: 30_000 } });
    const headers = { ...protobuf, 'content-encoding': 'gzip' };
    for (const bytes of [25_000, 100_000]) {
      const body = gzipSync(padding(bytes, Buffer.alloc(bytes)));
      expect((await send(relay.port, '/v1/logs', { headers, body })).status).toBe(503);
    }
    expect((await send(relay.port, '/v1/logs', { headers: protobuf, body: padding(15_000) })).status).toBe(200);
  });

  test('a client that goes away gives its bytes back', async () => {
    await using relay = await startReceiver({ limits: { maxBytesInFlight: 20_000 } });
    for (let count = 0; count < 5; count++) {
      using raw = await openRaw(relay.port);
      raw.socket.write(head('/v1/logs', { 'Content-Length': 18_000 }));
      raw.socket.write(Buffer.alloc(15_000));
      raw.socket.end();
      await raw.closed;
    }
    expect((await send(relay.port, '/v1/logs', { headers: protobuf, body: padding(15_000) })).status).toBe(200);
  });
});

describe('large bodies', () => {
  test('do not delay small ones', async () => {
    const order: string[] = [];
    const accept = async ({ signal }: IncomingRequest) => order.push(signal);
    await using relay = await startReceiver({ accept });
    const agent = keepAliveAgent();
    await send(relay.port, '/healthz', { method: 'GET', agent });
    const large = send(relay.port, '/v1/logs', { headers: json, body: logsJson(300_000) });
    let largeIsAnswered = false;
    void large.then(() => {
      largeIsAnswered = true;
    });
    await send(relay.port, '/v1/metrics', { headers: protobuf, body: recorded('metrics', 'pb'), agent });
    expect(largeIsAnswered).toBe(false);
    expect((await large).status).toBe(200);
    expect(order).toEqual(['metrics', 'logs']);
    agent.destroy();
  });

  test('are counted, transcoded and checked like small ones', async () => {
    const limits = { maxInlineJsonBytes: 1000, maxInlineProtobufBytes: 1000 };
    await using small = await startReceiver();
    await using large = await startReceiver({ limits });
    for (const signal of ['metrics', 'logs', 'traces'] as const) {
      for (const relay of [small, large]) {
        const path = `/v1/${signal}`;
        expect((await send(relay.port, path, { headers: protobuf, body: recorded(signal, 'pb') })).status).toBe(200);
        expect((await send(relay.port, path, { headers: json, body: recorded(signal, 'json') })).status).toBe(200);
      }
    }
    const plain = ({ accepted }: typeof small) =>
      accepted.map(({ body, ...rest }) => ({ ...rest, body: Buffer.from(body) }));
    expect(plain(large)).toEqual(plain(small));
    const malformed = { headers: protobuf, body: Buffer.alloc(2000, 0xff) };
    expect((await send(large.port, '/v1/logs', malformed)).message).toBe(
      (await send(small.port, '/v1/logs', malformed)).message,
    );
  });

  test('the worker thread ends after a while and comes back', async () => {
    const due: (() => void)[] = [];
    const clock = {
      ...systemClock,
      after: (delayMs: number, action: () => void) => {
        if (delayMs !== 12_345) return systemClock.after(delayMs, action);
        due.push(action);
        return () => undefined;
      },
    };
    await using relay = await startReceiver({ clock, limits: { maxInlineJsonBytes: 10, workerIdleMs: 12_345 } });
    for (let count = 1; count <= 3; count++) {
      expect((await send(relay.port, '/v1/logs', { headers: json, body: logsJson(10) })).status).toBe(200);
      expect(due).toHaveLength(count);
      due.at(-1)?.();
    }
    expect(relay.accepted).toHaveLength(3);
  });
});
