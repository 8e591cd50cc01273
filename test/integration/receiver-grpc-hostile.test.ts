import { describe, expect, test } from 'vitest';
import { grpcClient } from '../support/grpc-client.ts';
import {
  call,
  callFields,
  flags,
  frame,
  frameTypes,
  headerBlock,
  message,
  preface,
  uint32,
} from '../support/http2-frames.ts';
import { recorded } from '../support/recordings.ts';
import { until } from '../support/until.ts';
import { callGrpc, openRawHttp2 } from './grpc-harness.ts';
import { type Harness, openRaw, startReceiver } from './receiver-harness.ts';

const body = recorded('metrics', 'pb');
const settings = frame(frameTypes.settings, 0, 0);

/** Whatever happened, nothing of it is kept, and the next client is served. */
async function servesOn(relay: Harness): Promise<void> {
  await until('every byte is given back', () => relay.usedBytes() === 0);
  using client = grpcClient(relay.port);
  const before = relay.accepted.length;
  expect(await client.export('metrics', body)).toMatchObject({ code: 0 });
  expect(relay.accepted).toHaveLength(before + 1);
}

describe('bytes that are not gRPC end the connection, and the relay serves on', () => {
  test.each([
    ['garbage', Buffer.from('\x00\x01\x02 garbage \r\n\r\n')],
    ['half a preface, then garbage', Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')],
    ['a preface and garbage', Buffer.concat([preface, Buffer.alloc(100, 0xff)])],
    ['a first frame that is no SETTINGS', Buffer.concat([preface, frame(frameTypes.ping, 0, 0, Buffer.alloc(8))])],
    ['a frame that is too long', Buffer.concat([preface, settings, Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])])],
    ['DATA on stream 0', Buffer.concat([preface, settings, frame(frameTypes.data, 0, 0, Buffer.alloc(10))])],
    ['DATA on a stream that is not open', Buffer.concat([preface, settings, frame(frameTypes.data, 0, 1, body)])],
    ['a stream with an even number', Buffer.concat([preface, settings, call(2)])],
    ['SETTINGS of a wrong length', Buffer.concat([preface, frame(frameTypes.settings, 0, 0, Buffer.alloc(5))])],
    [
      'SETTINGS of a wrong value',
      Buffer.concat([preface, frame(frameTypes.settings, 0, 0, Buffer.from([0, 4, 255, 255, 255, 255]))]),
    ],
    ['PING of a wrong length', Buffer.concat([preface, settings, frame(frameTypes.ping, 0, 0, Buffer.alloc(7))])],
    ['WINDOW_UPDATE by 0', Buffer.concat([preface, settings, frame(frameTypes.windowUpdate, 0, 0, uint32(0))])],
    [
      'WINDOW_UPDATE beyond the largest',
      Buffer.concat([preface, settings, frame(frameTypes.windowUpdate, 0, 0, uint32(2 ** 31 - 1))]),
    ],
    [
      'a header block that is not HPACK',
      Buffer.concat([preface, settings, frame(frameTypes.headers, flags.endHeaders, 1, Buffer.alloc(40, 0xff))]),
    ],
    [
      'CONTINUATION of nothing',
      Buffer.concat([preface, settings, frame(frameTypes.continuation, flags.endHeaders, 1, Buffer.alloc(3))]),
    ],
    [
      'another frame in the middle of headers',
      Buffer.concat([preface, settings, frame(frameTypes.headers, 0, 1, headerBlock(callFields())), settings]),
    ],
    ['PUSH_PROMISE', Buffer.concat([preface, settings, frame(frameTypes.pushPromise, flags.endHeaders, 1, uint32(2))])],
    [
      'padding that is longer than the frame',
      Buffer.concat([preface, settings, call(1), frame(frameTypes.data, flags.padded, 1, Buffer.from([200, 1, 2]))]),
    ],
  ])('%s', async (_, bytes) => {
    await using relay = await startReceiver({}, 'grpc');
    using raw = await openRaw(relay.port);
    raw.socket.write(bytes);
    await raw.closed;
    expect(relay.accepted).toEqual([]);
    await servesOn(relay);
  });
});

test('whatever a client says behind a call that the guard refuses is not heard', async () => {
  await using relay = await startReceiver({}, 'grpc');
  using raw = await openRawHttp2(relay.port);
  raw.socket.write(call(1, { fields: callFields({ origin: 'null' }), endStream: true }));
  expect(await raw.closed).toBe('end');
  expect(raw.frames().map(({ type }) => type)).toContain(frameTypes.goAway);
  expect(relay.answeredWithRefusal).toMatchObject([{ reason: 'guard' }]);
  await servesOn(relay);
});

describe('too much', () => {
  test('bytes beyond a message are refused as they come, however long they go on', async () => {
    await using relay = await startReceiver({}, 'grpc');
    const answer = await callGrpc(relay.port, { body: Buffer.concat([message(body), Buffer.alloc(1)]), end: false });
    expect(answer).toMatchObject({ code: 12, message: expect.stringContaining('goes on behind its message') });
    expect(relay.refused).toEqual([{ signal: 'metrics', points: 1 }]);
    await servesOn(relay);
  });

  test('a length over the limit is refused before the message is sent', async () => {
    await using relay = await startReceiver({}, 'grpc');
    const answer = await callGrpc(relay.port, {
      body: message(Buffer.alloc(1), { length: 64 * 1024 * 1024 + 1 }),
      end: false,
    });
    expect(answer).toMatchObject({ code: 8, message: expect.stringContaining('larger than 67108864 bytes') });
    await servesOn(relay);
  });

  test('a call that is refused may go on sending for ever: nothing of it is kept', async () => {
    await using relay = await startReceiver({ limits: { maxBytesInFlight: 200_000 } }, 'grpc');
    using raw = await openRawHttp2(relay.port);
    raw.socket.write(call(1));
    const more = frame(frameTypes.data, 0, 1, Buffer.alloc(16_000));
    // The first byte is the flag of the message, and wrong.
    raw.socket.write(frame(frameTypes.data, 0, 1, Buffer.alloc(5, 0xff)));
    await until('it is refused', () => relay.refused.length === 1);
    for (let count = 0; count < 200 && !raw.socket.destroyed; count++) raw.socket.write(more);
    await until('the stream is closed', () => raw.frames().some(({ type }) => type === frameTypes.rstStream));
    await servesOn(relay);
  });

  test('empty DATA for ever ends the connection', async () => {
    await using relay = await startReceiver({}, 'grpc');
    using raw = await openRawHttp2(relay.port);
    raw.socket.write(call(1));
    const empty = Buffer.concat(Array.from({ length: 50 }, () => frame(frameTypes.data, 0, 1)));
    await until('it is refused', () => {
      if (raw.socket.writable) raw.socket.write(empty);
      return relay.refused.length === 1;
    });
    await raw.closed;
    await servesOn(relay);
  });

  test.each([
    ['headers that go on for ever', () => frame(frameTypes.continuation, 0, 1, Buffer.alloc(16_000))],
    ['empty CONTINUATION frames', () => frame(frameTypes.continuation, 0, 1)],
  ])('%s', async (_, more) => {
    await using relay = await startReceiver({}, 'grpc');
    using raw = await openRawHttp2(relay.port);
    let ended = false;
    void raw.closed.then(() => {
      ended = true;
    });
    raw.socket.write(frame(frameTypes.headers, 0, 1, headerBlock(callFields())));
    await until('the connection ends', () => {
      if (!ended) raw.socket.write(Buffer.concat(Array.from({ length: 100 }, more)));
      return ended;
    });
    await servesOn(relay);
  });

  test.each([
    ['SETTINGS', () => settings],
    ['PING', () => frame(frameTypes.ping, 0, 0, Buffer.alloc(8))],
    ['PRIORITY', () => frame(frameTypes.priority, 0, 1, Buffer.alloc(5))],
    ['frames of an unknown type', () => frame(0xee, 0, 0, Buffer.alloc(100))],
    ['WINDOW_UPDATE', () => frame(frameTypes.windowUpdate, 0, 0, uint32(1))],
    [
      'calls that are reset at once',
      (id: number) => Buffer.concat([call(id), frame(frameTypes.rstStream, 0, id, uint32(8))]),
    ],
    ['calls that are never answered', (id: number) => call(id)],
  ])('a flood of %s is borne or ends the connection', async (_, one) => {
    await using relay = await startReceiver({}, 'grpc');
    using raw = await openRawHttp2(relay.port);
    // Whoever floods does not read.
    raw.socket.pause();
    for (let index = 0; index < 20_000 && !raw.socket.destroyed; index += 100) {
      const bytes = Array.from({ length: 100 }, (_, at) => one((index + at) * 2 + 1));
      if (!raw.socket.write(Buffer.concat(bytes))) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    using client = grpcClient(relay.port);
    expect(await client.export('metrics', body)).toMatchObject({ code: 0 });
    raw.socket.destroy();
    await servesOn(relay);
  });

  test('more calls than a connection may have wait for the others, in a client that obeys', async () => {
    const commits: (() => void)[] = [];
    const accept = () => new Promise<number>((resolve) => commits.push(() => resolve(1)));
    await using relay = await startReceiver({ accept, limits: { maxCallsPerConnection: 2 } }, 'grpc');
    using client = grpcClient(relay.port);
    // The first one brings the limit along.
    const first = client.export('metrics', body);
    await until('one is being stored', () => commits.length === 1);
    const others = Array.from({ length: 3 }, () => client.export('metrics', body));
    await until('two are being stored', () => commits.length === 2);
    for (let stored = 0; stored < 4; stored++) {
      await until('another is being stored', () => commits.length > stored);
      commits[stored]?.();
    }
    for (const result of [first, ...others]) expect(await result).toMatchObject({ code: 0 });
  });
});

describe('time', () => {
  const limits = { headersTimeoutMs: 50, requestTimeoutMs: 100, keepAliveTimeoutMs: 150, lingerMs: 50 };

  test.each([
    ['says nothing', Buffer.alloc(0), false],
    ['says half a preface', preface.subarray(0, 10), true],
    ['says half a line of HTTP/1.1', Buffer.from('POST /v1/me'), true],
    ['says nothing behind its preface', Buffer.concat([preface, settings]), false],
    ['says half a frame', Buffer.concat([preface, settings, call(1).subarray(0, 20)]), false],
    [
      'says half of its headers',
      Buffer.concat([preface, settings, frame(frameTypes.headers, 0, 1, headerBlock(callFields()))]),
      false,
    ],
  ])('a client that %s is cut off', async (_, bytes, told) => {
    await using relay = await startReceiver({ limits }, 'grpc');
    using raw = await openRaw(relay.port);
    raw.socket.write(bytes);
    await raw.closed;
    expect(relay.answeredWithRefusal.map(({ reason }) => reason)).toEqual(told ? ['timeout'] : []);
    expect(relay.refused).toEqual([]);
    await servesOn(relay);
  });

  test.each([
    ['its headers', []],
    ['half a prefix', [message(body).subarray(0, 3)]],
    ['half a message', [message(body).subarray(0, 300)]],
  ])('a call that stops after %s is DEADLINE_EXCEEDED, the connection goes on', async (_, pieces) => {
    await using relay = await startReceiver({ limits: { ...limits, keepAliveTimeoutMs: 60_000 } }, 'grpc');
    expect(await callGrpc(relay.port, { body: pieces, end: false })).toMatchObject({ code: 4, resetCode: 0 });
    expect(relay.refused).toEqual([{ signal: 'metrics', points: 1 }]);
    await servesOn(relay);
  });

  test('a message that comes byte by byte has to come in time as well', async () => {
    await using relay = await startReceiver({ limits: { ...limits, keepAliveTimeoutMs: 60_000 } }, 'grpc');
    using raw = await openRawHttp2(relay.port);
    raw.socket.write(Buffer.concat([call(1), frame(frameTypes.data, 0, 1, message(body).subarray(0, 5))]));
    await until('it is refused', () => {
      raw.socket.write(frame(frameTypes.data, 0, 1, body.subarray(0, 1)));
      return relay.refused.length === 1;
    });
    expect(relay.answeredWithRefusal).toMatchObject([{ reason: 'timeout', signal: 'metrics' }]);
  });

  test('waiting for the commit is not limited', async () => {
    const commit = Promise.withResolvers<number>();
    await using relay = await startReceiver({ limits, accept: () => commit.promise }, 'grpc');
    const answer = callGrpc(relay.port, { body: message(body) });
    using silent = await openRaw(relay.port);
    await silent.closed;
    using resting = await openRawHttp2(relay.port);
    await resting.closed;
    commit.resolve(1);
    expect(await answer).toMatchObject({ code: 0 });
  });

  test('whoever gives no room for the answer, or does not read it, is cut off', async () => {
    await using relay = await startReceiver({ limits: { ...limits, keepAliveTimeoutMs: 60_000 } }, 'grpc');
    using raw = await openRaw(relay.port);
    const noWindow = frame(frameTypes.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]));
    raw.socket.write(
      Buffer.concat([preface, noWindow, call(1), frame(frameTypes.data, flags.endStream, 1, message(body))]),
    );
    await raw.closed;
    // What it sent is on disk all the same.
    expect(relay.accepted).toHaveLength(1);
    expect(relay.refused).toEqual([]);
    await servesOn(relay);
  });

  test('a client that does not end its side after GOAWAY is cut off', async () => {
    await using relay = await startReceiver({ limits }, 'grpc');
    using raw = await openRawHttp2(relay.port);
    raw.socket.write(Buffer.concat([call(1), frame(frameTypes.data, flags.endStream, 1, message(body))]));
    expect(await raw.closed).toBe('end');
    expect(raw.frames().map(({ type }) => type)).toContain(frameTypes.goAway);
    // What is sent to a socket that is closed is answered by a reset.
    await until('it is cut off', () => {
      if (!raw.socket.destroyed) raw.socket.write(settings);
      return raw.socket.destroyed;
    });
    expect(relay.refused).toEqual([]);
  });
});

describe('clients that leave', () => {
  test.each([
    ['before their first byte', Buffer.alloc(0)],
    ['in the middle of the preface', preface.subarray(0, 10)],
    ['behind the preface', preface],
  ])('by a reset %s', async (_, bytes) => {
    await using relay = await startReceiver({}, 'grpc');
    using raw = await openRaw(relay.port);
    if (bytes.length > 0) await new Promise((resolve) => raw.socket.write(bytes, resolve));
    raw.socket.resetAndDestroy();
    await servesOn(relay);
    expect(relay.answeredWithRefusal).toEqual([]);
  });

  test.each([
    ['in order', (socket: { end(): void }) => socket.end()],
    ['by a reset', (socket: { resetAndDestroy(): void }) => socket.resetAndDestroy()],
  ])('%s in the middle of a message: what they sent is booked as refused', async (_, leave) => {
    await using relay = await startReceiver({}, 'grpc');
    using raw = await openRawHttp2(relay.port);
    raw.socket.write(Buffer.concat([call(1), frame(frameTypes.data, 0, 1, message(body).subarray(0, -10))]));
    await until('it has arrived', () => relay.usedBytes() > body.length);
    leave(raw.socket);
    await until('it is refused', () => relay.refused.length > 0);
    expect(relay.refused).toEqual([{ signal: 'metrics', points: 1 }]);
    // Nobody was told anything.
    expect(relay.answeredWithRefusal).toEqual([]);
    expect(relay.accepted).toEqual([]);
    await servesOn(relay);
  });

  test.each([
    ['CANCEL', 8],
    ['NO_ERROR', 0],
  ])('by RST_STREAM with %s in the middle of a message', async (_, code) => {
    await using relay = await startReceiver({}, 'grpc');
    using raw = await openRawHttp2(relay.port);
    const half = frame(frameTypes.data, 0, 1, message(body).subarray(0, -10));
    raw.socket.write(Buffer.concat([call(1), half, frame(frameTypes.rstStream, 0, 1, uint32(code))]));
    await until('it is refused', () => relay.refused.length > 0);
    expect(relay.refused).toEqual([{ signal: 'metrics', points: 1 }]);
    expect(relay.answeredWithRefusal).toEqual([]);
    await servesOn(relay);
  });

  test('a call whose client is gone by the time of its commit is accepted all the same', async () => {
    const commit = Promise.withResolvers<number>();
    let begun = false;
    const accept = () => {
      begun = true;
      return commit.promise;
    };
    await using relay = await startReceiver({ accept }, 'grpc');
    using raw = await openRawHttp2(relay.port);
    raw.socket.write(Buffer.concat([call(1), frame(frameTypes.data, flags.endStream, 1, message(body))]));
    await until('it is being stored', () => begun);
    raw.socket.resetAndDestroy();
    await raw.closed;
    commit.resolve(1);
    await until('it is acknowledged', () => relay.acknowledged.length === 1);
    expect(relay.refused).toEqual([]);
  });
});
