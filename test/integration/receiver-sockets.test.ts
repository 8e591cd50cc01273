import { describe, expect, test } from 'vitest';
import { recorded } from '../support/recordings.ts';
import { until } from '../support/until.ts';
import { head, json, openRaw, send, startReceiver } from './receiver-harness.ts';

const body = recorded('metrics', 'pb');
const whole = Buffer.concat([Buffer.from(head('/v1/metrics', { 'Content-Length': body.length })), body]);
const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

describe('bytes that are not HTTP are answered or cut off, and the relay serves on', () => {
  test.each([
    ['garbage', '\x00\x01\x02garbage\r\n\r\n', [400]],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400]],
    ['a bad version', 'POST /v1/metrics HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n', [400]],
    ['a bad header', 'POST /v1/metrics HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n', [400]],
    ['two lengths', `${head('/v1/metrics', { 'Content-Length': 3 }).slice(0, -2)}Content-Length: 4\r\n\r\nabcd`, [400]],
    ['a negative length', head('/v1/metrics', { 'Content-Length': -1 }), [400]],
    ['a length and chunks', head('/v1/metrics', { 'Content-Length': 3, 'Transfer-Encoding': 'chunked' }), [400]],
    ['a bad chunk size', `${head('/v1/metrics', { 'Transfer-Encoding': 'chunked' })}zz\r\n`, [400]],
    [
      'an endless chunk extension',
      `${head('/v1/metrics', { 'Transfer-Encoding': 'chunked' })}1;${'a'.repeat(20_000)}`,
      [400],
    ],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n', []],
    ['no Host', 'POST /v1/metrics HTTP/1.1\r\n\r\n', [400]],
    ['HTTP/1.0 without Host', 'GET /healthz HTTP/1.0\r\n\r\n', [400]],
    ['a foreign absolute target', 'POST http://example.com/v1/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', [403]],
  ])('%s', async (_, bytes, expected) => {
    await using relay = await startReceiver();
    using raw = await openRaw(relay.port);
    raw.socket.write(bytes, 'latin1');
    await raw.closed;
    const [status] = statuses(raw.text());
    if (status !== undefined || expected.length > 0) expect([status]).toEqual(expected);
    if (status !== undefined) {
      expect(raw.text()).toMatch(/\r\nContent-Type: application\/(json|x-protobuf)\r\n/);
      expect(raw.text()).toMatch(/\r\nConnection: close\r\n/);
    }
    expect(relay.accepted).toEqual([]);
    expect((await send(relay.port, '/healthz', { method: 'GET' })).status).toBe(200);
  });

  test('an upgrade is not followed', async () => {
    await using relay = await startReceiver();
    using raw = await openRaw(relay.port);
    raw.socket.write('GET /healthz HTTP/1.1\r\nHost: [::1]\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await until('the answer is here', () => raw.text().includes('ready'));
    expect(statuses(raw.text())).toEqual([200]);
  });
});

describe('Expect: 100-continue', () => {
  test('is answered before the body is read', async () => {
    await using relay = await startReceiver();
    using raw = await openRaw(relay.port);
    raw.socket.write(head('/v1/metrics', { 'Content-Length': body.length, Expect: '100-continue' }));
    await until('it may continue', () => raw.text() === 'HTTP/1.1 100 Continue\r\n\r\n');
    raw.socket.write(body);
    await until('it is answered with 200', () => statuses(raw.text()).includes(200));
    expect(relay.accepted).toHaveLength(1);
  });

  test('of a request that is refused gets the refusal instead', async () => {
    await using relay = await startReceiver();
    using raw = await openRaw(relay.port);
    raw.socket.write(head('/v1/metrics', { 'Content-Length': 100_000_000, Expect: '100-continue' }));
    await raw.closed;
    expect(statuses(raw.text())).toEqual([413]);
  });
});

describe('clients that leave', () => {
  test.each([
    ['in order', (socket: { end(): void }) => socket.end()],
    ['by a reset', (socket: { resetAndDestroy(): void }) => socket.resetAndDestroy()],
  ])('%s in the middle of a body: what they sent is booked as refused', async (_, leave) => {
    await using relay = await startReceiver();
    using raw = await openRaw(relay.port);
    raw.socket.write(whole.subarray(0, -10));
    leave(raw.socket);
    await raw.closed;
    await until('it is refused', () => relay.refused.length > 0);
    expect(relay.refused).toEqual([{ signal: 'metrics', points: 1 }]);
    expect(relay.accepted).toEqual([]);
  });

  test('a client that has sent everything and ends its side still gets its answer', async () => {
    const commit = Promise.withResolvers<number>();
    await using relay = await startReceiver({ accept: () => commit.promise });
    using raw = await openRaw(relay.port);
    raw.socket.end(whole);
    await send(relay.port, '/healthz', { method: 'GET' });
    commit.resolve(1);
    expect(await raw.closed).toBe('end');
    expect(statuses(raw.text())).toEqual([200]);
  });

  test('a request whose client is gone by the time of its commit is accepted all the same', async () => {
    const commit = Promise.withResolvers<number>();
    let begun = false;
    const accept = () => {
      begun = true;
      return commit.promise;
    };
    await using relay = await startReceiver({ accept });
    using raw = await openRaw(relay.port);
    raw.socket.write(whole);
    await until('it is being stored', () => begun);
    raw.socket.resetAndDestroy();
    await send(relay.port, '/healthz', { method: 'GET' });
    commit.resolve(1);
    await until('it is acknowledged', () => relay.acknowledged.length === 1);
    expect(relay.refused).toEqual([]);
  });

  test('a refused client that goes on sending can still read why', async () => {
    await using relay = await startReceiver();
    const answer = await send(relay.port, '/v1/metrics', {
      headers: { 'content-type': 'text/plain' },
      body: Buffer.alloc(20_000_000),
    });
    expect(answer.status).toBe(415);
  });
});

describe('pipelined requests', () => {
  test('are answered in order, whichever is on disk first', async () => {
    const commits: ((id: number) => void)[] = [];
    await using relay = await startReceiver({ accept: () => new Promise((resolve) => commits.push(resolve)) });
    using raw = await openRaw(relay.port);
    const bad = Buffer.from(`${head('/v1/metrics', { 'Content-Type': 'application/json', 'Content-Length': 1 })}{`);
    raw.socket.write(Buffer.concat([whole, bad, whole]));
    await until('two are being stored', () => commits.length === 2);
    commits[1]?.(2);
    await send(relay.port, '/healthz', { method: 'GET' });
    expect(raw.text()).toBe('');
    commits[0]?.(1);
    await until('all three are answered', () => statuses(raw.text()).length === 3);
    expect(statuses(raw.text())).toEqual([200, 400, 200]);
  });

  test('garbage behind a request does not take its answer away', async () => {
    const commit = Promise.withResolvers<number>();
    let begun = 0;
    const accept = () => {
      begun++;
      return commit.promise;
    };
    await using relay = await startReceiver({ accept });
    using raw = await openRaw(relay.port);
    raw.socket.write(Buffer.concat([whole, whole, Buffer.from('garbage\r\n\r\n')]));
    await until('two are being stored', () => begun === 2);
    await send(relay.port, '/healthz', { method: 'GET' });
    commit.resolve(1);
    await raw.closed;
    expect(statuses(raw.text())).toEqual([200, 200]);
    expect(raw.text()).toMatch(/Connection: close/);
  });

  test('behind a refused body are not looked at', async () => {
    await using relay = await startReceiver();
    using raw = await openRaw(relay.port);
    const refused = Buffer.from(`${head('/v1/metrics', { Origin: 'null', 'Content-Length': 3 })}abc`);
    raw.socket.write(Buffer.concat([refused, whole]));
    await raw.closed;
    expect(statuses(raw.text())).toEqual([403]);
    expect(relay.accepted).toEqual([]);
  });
});

test('a body in single bytes is put together', async () => {
  await using relay = await startReceiver();
  using raw = await openRaw(relay.port);
  raw.socket.setNoDelay(true);
  const text = head('/v1/logs', { ...json, 'Content-Type': 'application/json', 'Content-Length': 2 });
  for (const byte of `${text}{}`) {
    raw.socket.write(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until('the answer is here', () => raw.text().endsWith('{}'));
  expect(statuses(raw.text())).toEqual([200]);
});
