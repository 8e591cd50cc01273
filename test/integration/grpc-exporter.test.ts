import { randomBytes } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createConnection, createServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createServer as createTlsServer } from 'node:tls';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExportRequest, ExportResult } from '../../src/main/core/delivery/exporter.ts';
import { createGrpcExporters, type GrpcExporters } from '../../src/main/core/delivery/grpc-exporter.ts';
import { Gzip } from '../../src/main/core/delivery/gzip.ts';
import { systemNetwork } from '../../src/main/core/delivery/network/network-settings.ts';
import { makeCertificates, noCertificatesBecause } from '../support/certificates.ts';
import { testConnector } from '../support/connector.ts';
import { type HandClock, handClock } from '../support/hand-clock.ts';
import { answer, answerOk, type Http2PeerOptions, type OnStream, startHttp2Peer } from '../support/http2-server.ts';
import { close, listen } from '../support/server.ts';
import { until } from '../support/until.ts';

const secret = 'tok-canary-0123456789';
const payload = Buffer.from('payload-canary');
const destination = { compression: 'gzip', network: systemNetwork } as const;

let clock: HandClock;
let grpc: GrpcExporters;
const cleanups: (() => void | Promise<void>)[] = [];

beforeEach(() => {
  clock = handClock(Date.UTC(2026, 10, 20));
  grpc = exporters();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function exporters(trustedCertificates: readonly string[] = []): GrpcExporters {
  const connector = testConnector({ clock, ...(trustedCertificates.length === 0 ? {} : { trustedCertificates }) });
  const made = createGrpcExporters({ clock, version: '1.2.3', connector, gzip: new Gzip() });
  cleanups.push(() => made.closeIdle());
  return made;
}

async function peerWith(onStream: OnStream, more: Http2PeerOptions = {}) {
  const peer = await startHttp2Peer({ onStream, ...more });
  cleanups.push(async () => peer[Symbol.asyncDispose]());
  return peer;
}

/** A server below HTTP/2. */
async function rawServer(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    onSocket(socket);
  });
  const port = await listen(server);
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return close(server);
  });
  return `http://127.0.0.1:${port}`;
}

async function send(url: string, more: Partial<ExportRequest> = {}): Promise<ExportResult> {
  const headers = { 'X-Span-Token': secret };
  const request = { signal: 'metrics', url, headers, body: payload, timeoutMs: 30_000, ...more } as const;
  const result = await grpc.send(destination, request);
  if (result.kind === 'failure') expect(`${result.code} ${result.message}`).not.toMatch(/canary/);
  return result;
}

/** Turns the clock by `ms` as soon as `ready` holds, while a call is on its way. */
async function sendAndTurn(url: string, ms: number, ready: () => boolean): Promise<ExportResult> {
  const sending = send(url);
  await until('the call is on its way', ready);
  clock.advance(ms);
  return sending;
}

const refusedStream = 7;
const cancel = 8;
const enhanceYourCalm = 11;

describe('a call that goes well', () => {
  it('is what gRPC asks for, with our headers as metadata', async () => {
    let body: Buffer | undefined;
    const peer = await peerWith(({ stream }) => {
      void buffer(stream).then((whole) => {
        body = whole;
        answerOk(stream);
      });
    });
    const headers = { 'X-Span-Token': secret, 'content-type': 'text/plain', TE: 'gzip', 'grpc-timeout': '1S' };
    expect(await send(peer.url, { signal: 'traces', headers, timeoutMs: 12_000 })).toEqual({
      kind: 'grpc',
      code: 'OK',
      message: '',
      body: Buffer.alloc(0),
    });
    expect(peer.calls).toEqual([
      expect.objectContaining({
        ':method': 'POST',
        ':scheme': 'http',
        ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        ':authority': `127.0.0.1:${peer.port}`,
        te: 'trailers',
        'content-type': 'application/grpc',
        'grpc-timeout': '12000m',
        'grpc-encoding': 'gzip',
        'user-agent': 'span-relay/1.2.3',
        'x-span-token': secret,
      }),
    ]);
    expect(body?.readUInt8(0)).toBe(1);
    expect(body?.readUInt32BE(1)).toBe((body?.length ?? 0) - 5);
    expect(gunzipSync(body?.subarray(5) ?? '')).toEqual(payload);
  });

  it('without compression says nothing of it', async () => {
    let body: Buffer | undefined;
    const peer = await peerWith(({ stream }) => {
      void buffer(stream).then((whole) => {
        body = whole;
        answerOk(stream);
      });
    });
    const request = { signal: 'logs', url: peer.url, headers: {}, body: payload, timeoutMs: 1_000 } as const;
    await grpc.send({ ...destination, compression: 'none' }, request);
    expect(peer.calls[0]).not.toHaveProperty('grpc-encoding');
    expect(body).toEqual(Buffer.concat([Buffer.from([0, 0, 0, 0, payload.length]), payload]));
  });

  it('shares a connection with calls at the same time, and with those after it', async () => {
    const open: (() => void)[] = [];
    const peer = await peerWith(({ stream }) => {
      open.push(() => answerOk(stream));
      if (open.length === 3) for (const go of open) go();
      if (open.length > 3) answerOk(stream);
    });
    const results = await Promise.all([
      send(peer.url, { signal: 'metrics' }),
      send(peer.url, { signal: 'logs' }),
      send(peer.url, { signal: 'traces' }),
    ]);
    expect(results).toMatchObject([{ code: 'OK' }, { code: 'OK' }, { code: 'OK' }]);
    await send(peer.url);
    expect(peer.connections).toHaveLength(1);
  });

  it('has a connection of its own where the way is another', async () => {
    const peer = await peerWith(({ stream }) => answerOk(stream));
    await send(peer.url);
    const request = { signal: 'logs', url: peer.url, headers: {}, body: payload, timeoutMs: 1_000 } as const;
    await grpc.send({ ...destination, network: { proxy: 'none' } }, request);
    expect(peer.connections).toHaveLength(2);
  });

  it('waits its turn where the other side takes one call at a time', async () => {
    const peer = await peerWith(({ stream }) => answerOk(stream), { settings: { maxConcurrentStreams: 1 } });
    const results = await Promise.all([send(peer.url), send(peer.url), send(peer.url)]);
    expect(results).toMatchObject([{ code: 'OK' }, { code: 'OK' }, { code: 'OK' }]);
    expect(peer.connections).toHaveLength(1);
  });

  it('carries a body of many frames', async () => {
    const body = Buffer.alloc(3_000_000, 'x');
    let received = 0;
    const peer = await peerWith(({ stream }) => {
      void buffer(stream).then((whole) => {
        received = gunzipSync(whole.subarray(5)).length;
        answerOk(stream);
      });
    });
    await send(peer.url, { body });
    expect(received).toBe(body.length);
  });
});

describe('an answer', () => {
  it.each([
    ['in trailers', true],
    ['in headers alone', false],
  ])('whose status stands %s', async (_where, trailers) => {
    const status = { 'grpc-status': '14', 'grpc-message': 'na%C3%AFve %E2%9C%93 50%', 'x-other': '1' };
    const peer = await peerWith(({ stream }) => {
      if (trailers) return answer(stream, { trailers: status });
      stream.resume();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...status }, { endStream: true });
    });
    expect(await send(peer.url)).toMatchObject({ kind: 'grpc', code: 'UNAVAILABLE', message: 'naïve ✓ 50%' });
  });

  it.each(['99', '-1', 'abc', ''])('with the odd status %j is UNKNOWN', async (status) => {
    const peer = await peerWith(({ stream }) => answer(stream, { trailers: { 'grpc-status': status } }));
    expect(await send(peer.url)).toMatchObject({ kind: 'grpc', code: 'UNKNOWN' });
  });

  it.each([
    ['not compressed', Buffer.from([0, 0, 0, 0, 2, 8, 1]), [8, 1]],
    ['compressed', framed(gzipSync(Buffer.from([8, 1])), 1), [8, 1]],
    ['compressed, and not what it says', framed(Buffer.from('nonsense'), 1), []],
    ['empty', Buffer.alloc(5), []],
    ['missing', Buffer.alloc(0), []],
    ['cut short', Buffer.from([0, 0, 0, 0, 9, 1]), []],
    ['longer when inflated than anybody needs', framed(gzipSync(Buffer.alloc(5_000_000)), 1), []],
  ])('whose message is %s', async (_what, body, message) => {
    const peer = await peerWith(({ stream }) => answer(stream, { body, headers: { 'grpc-encoding': 'gzip' } }));
    const result = await send(peer.url);
    expect(result).toMatchObject({ kind: 'grpc', code: 'OK' });
    expect(result.kind === 'grpc' && [...result.body]).toEqual(message);
  });

  it('over 4 MiB is read to its status, and not kept', async () => {
    const peer = await peerWith(({ stream }) => answer(stream, { body: framed(Buffer.alloc(6_000_000), 0) }));
    expect(await send(peer.url)).toMatchObject({ kind: 'grpc', code: 'OK', body: { length: 0 } });
  });

  it.each([
    ['a web page', 200, 'text/html', '<html>'],
    ['a proxy in trouble', 502, 'text/plain', 'bad gateway'],
    ['a login', 401, 'text/plain', ''],
    ['a server of another kind', 415, 'application/json', '{}'],
  ])('without a gRPC status is told apart: %s', async (_who, status, type, body) => {
    const peer = await peerWith(({ stream }) => {
      stream.resume();
      stream.respond({ ':status': status, 'content-type': type });
      stream.end(body);
    });
    expect(await send(peer.url)).toEqual({
      kind: 'not-grpc',
      status,
      headers: expect.objectContaining({ 'content-type': type }),
      body: Buffer.from(body),
      truncated: false,
    });
  });

  it('stands, although the request was not read to its end', async () => {
    const peer = await peerWith(({ stream }) => {
      stream.respond({ ':status': 200, 'grpc-status': '8', 'grpc-message': 'too large' }, { endStream: true });
      stream.close(0);
    });
    const body = Buffer.alloc(1_000_000);
    const request = { signal: 'logs', url: peer.url, headers: {}, body, timeoutMs: 1_000 } as const;
    expect(await grpc.send({ ...destination, compression: 'none' }, request)).toMatchObject({
      kind: 'grpc',
      code: 'RESOURCE_EXHAUSTED',
    });
  });

  it('stands, although its stream is reset behind it', async () => {
    const peer = await peerWith(({ stream, socket }) => {
      stream.resume();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16' });
      stream.write('x', () => socket.resetAndDestroy());
    });
    expect(await send(peer.url)).toMatchObject({ kind: 'grpc', code: 'UNAUTHENTICATED' });
  });

  it('is a refusal as soon as its HTTP status is known', async () => {
    const peer = await peerWith(({ stream, socket }) => {
      stream.resume();
      stream.respond({ ':status': 503 });
      stream.write('half', () => socket.resetAndDestroy());
    });
    expect(await send(peer.url)).toMatchObject({ kind: 'not-grpc', status: 503, truncated: true });
  });
});

describe('a call that is cut off', () => {
  it.each<[string, OnStream]>([
    ['refuses the stream', ({ stream }) => stream.close(refusedStream)],
    ['goes away before it', ({ session }) => session.goaway(0, 1)],
    ['goes away in anger before it', ({ session }) => session.goaway(enhanceYourCalm, 1)],
  ])('by a peer that %s: certainly not taken, and worth another try at once', async (_what, onStream) => {
    const peer = await peerWith((call) => (call.n === 1 ? onStream(call) : answerOk(call.stream)));
    await send(peer.url);
    expect(await send(peer.url)).toMatchObject({ reason: 'reset', possiblySent: false, staleConnection: true });
    expect(await send(peer.url)).toMatchObject({ code: 'OK' });
  });

  it.each<[string, OnStream, string]>([
    ['resets the stream', ({ stream }) => stream.close(2), 'INTERNAL_ERROR'],
    ['cancels it', ({ stream }) => stream.close(cancel), 'CANCEL'],
    ['resets the connection', ({ socket }) => socket.resetAndDestroy(), 'ECONNRESET'],
    ['closes the connection', ({ socket }) => socket.destroy(), 'CANCEL'],
    ['goes away in anger after it', ({ session }) => session.goaway(enhanceYourCalm, 1), 'ERR_HTTP2_SESSION_ERROR'],
  ])('by a peer that %s: may have been taken', async (_what, onStream, code) => {
    const peer = await peerWith((call) => {
      call.stream.resume();
      call.stream.on('end', () => onStream(call));
    });
    const result = await send(peer.url);
    expect(result).toMatchObject({ reason: 'reset', code, possiblySent: true, staleConnection: false });
  });

  it('on a connection that has answered before: worth another try at once', async () => {
    const peer = await peerWith(({ stream, socket, n }) => {
      stream.resume();
      if (n === 1) stream.on('end', () => socket.resetAndDestroy());
      else answerOk(stream);
    });
    await send(peer.url);
    expect(await send(peer.url)).toMatchObject({ reason: 'reset', possiblySent: true, staleConnection: true });
    expect(await send(peer.url)).toMatchObject({ code: 'OK' });
  });

  it('after its answer began: may have been taken', async () => {
    const peer = await peerWith(({ stream, socket }) => {
      stream.resume();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write(Buffer.alloc(5), () => socket.resetAndDestroy());
    });
    expect(await send(peer.url)).toMatchObject({ reason: 'reset', possiblySent: true, staleConnection: false });
  });

  it('by a peer that sends frames that are none', async () => {
    const peer = await peerWith(({ stream, socket }) => {
      stream.resume();
      stream.on('end', () => socket.write(Buffer.alloc(100, 0xff)));
    });
    expect(await send(peer.url)).toMatchObject({ reason: 'garbage', possiblySent: true });
  });

  it('by any bytes after a good beginning: told, and nobody the worse for it', async () => {
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    // Frames with a type, flags, a stream and a length that fit more or less: noise alone ends at once.
    const frame = fc
      .record({
        type: fc.nat(10),
        flags: fc.nat(255),
        stream: fc.constantFrom(0, 1, 3),
        content: fc.uint8Array({ maxLength: 40 }),
        lie: fc.nat(3),
      })
      .map(({ type, flags, stream, content, lie }) =>
        Buffer.concat([
          Buffer.from([0, 0, content.length + (lie === 3 ? 1 : 0), type, flags, 0, 0, 0, stream]),
          content,
        ]),
      );
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 6 }), fc.uint8Array({ maxLength: 20 }), async (frames, noise) => {
        const url = await rawServer((socket) => {
          socket.write(settings);
          let received = 0;
          socket.on('data', (chunk) => {
            received += chunk.length;
            // The preface and our settings are less than that.
            if (received > 300) socket.end(Buffer.concat([...frames, noise]));
          });
          socket.on('end', () => socket.end());
        });
        const result = await send(url, { body: randomBytes(1_000) });
        expect(['failure', 'not-grpc', 'grpc']).toContain(result.kind);
        grpc.closeIdle();
      }),
      { numRuns: 150 },
    );
    expect(clock.due()).toEqual([]);
  });

  it('by a peer whose headers never end', async () => {
    const peer = await peerWith(({ stream }) => {
      stream.resume();
      stream.respond({ ':status': 200, 'x-large': 'x'.repeat(1_000_000) });
    });
    expect(await send(peer.url)).toMatchObject({ kind: 'failure', possiblySent: true });
  });
});

describe('time', () => {
  it('no answer within the time-out: unknown, and the connection is not used again', async () => {
    const peer = await peerWith(({ stream, n }) => {
      stream.resume();
      if (n > 0) answerOk(stream);
    });
    const result = await sendAndTurn(peer.url, 30_000, () => peer.calls.length === 1 && clock.due().length === 1);
    expect(result).toMatchObject({ reason: 'timeout', possiblySent: true });
    expect(clock.due()).toEqual([]);
    expect(await send(peer.url)).toMatchObject({ code: 'OK' });
    expect(peer.connections).toHaveLength(2);
  });

  it('a peer that does not read: certainly not taken', async () => {
    const peer = await peerWith(() => undefined, { settings: { initialWindowSize: 10 } });
    const result = await sendAndTurn(peer.url, 30_000, () => peer.calls.length === 1);
    expect(result).toMatchObject({ reason: 'timeout', possiblySent: false });
  });

  it('what connecting took is not there for the answer', async () => {
    let release: () => void = () => undefined;
    const peer = await peerWith(({ stream }) => stream.resume());
    const slow = await rawServer((socket) => {
      release = () => relayTo(socket, peer.port);
    });
    const sending = send(slow);
    await until('it waits for settings', () => clock.due().includes(10_000));
    clock.advance(4_000);
    release();
    await until('the call is there', () => peer.calls.length === 1);
    expect(peer.calls[0]).toMatchObject({ 'grpc-timeout': '26000m' });
    clock.advance(26_000);
    expect(await sending).toMatchObject({ reason: 'timeout' });
  });

  it('aborted on its way: unknown; aborted before: certainly not sent', async () => {
    const peer = await peerWith(({ stream }) => stream.resume());
    const controller = new AbortController();
    const sending = send(peer.url, { abort: controller.signal });
    await until('the peer has it', () => peer.calls.length === 1);
    await until('it was written', () => clock.due().length === 1);
    controller.abort();
    expect(await sending).toMatchObject({ reason: 'aborted', possiblySent: true });
    expect(await send(peer.url, { abort: controller.signal })).toMatchObject({
      reason: 'aborted',
      possiblySent: false,
    });
    expect(clock.due()).toEqual([]);
  });

  it('aborted while it connects: the connection is given up', async () => {
    let ended = false;
    const url = await rawServer((socket) => {
      socket.resume().on('end', () => {
        ended = true;
        socket.end();
      });
    });
    const controller = new AbortController();
    const sending = send(url, { abort: controller.signal });
    await until('it waits for settings', () => clock.due().includes(10_000));
    controller.abort();
    expect(await sending).toMatchObject({ reason: 'aborted', possiblySent: false });
    await until('it is closed', () => ended);
    expect(clock.due()).toEqual([]);
  });

  it('aborted while others wait for the same connection: they get it', async () => {
    const peer = await peerWith(({ stream }) => answerOk(stream));
    const waiting: Socket[] = [];
    const url = await rawServer((socket) => void waiting.push(socket));
    const controller = new AbortController();
    const sendings = [send(url, { abort: controller.signal }), send(url)];
    await until('both wait for settings', () => clock.due().length === 3);
    controller.abort();
    expect(await sendings[0]).toMatchObject({ reason: 'aborted' });
    for (const socket of waiting) relayTo(socket, peer.port);
    expect(await sendings[1]).toMatchObject({ code: 'OK' });
    expect(waiting).toHaveLength(1);
  });
});

describe('a connection that was not used for a while', () => {
  it('is made anew after the other side has closed it', async () => {
    const peer = await peerWith(({ stream }) => answerOk(stream));
    await send(peer.url);
    peer.connections[0]?.end();
    await until('it is closed', () => peer.connections[0]?.destroyed === true);
    expect(await send(peer.url)).toMatchObject({ code: 'OK' });
    expect(peer.connections).toHaveLength(2);
  });

  it('is asked first, and kept when the other side answers', async () => {
    const peer = await peerWith(({ stream }) => answerOk(stream));
    await send(peer.url);
    clock.advance(9_999);
    await send(peer.url);
    expect(peer.pings()).toBe(0);
    clock.advance(10_000);
    expect(await Promise.all([send(peer.url), send(peer.url)])).toMatchObject([{ code: 'OK' }, { code: 'OK' }]);
    expect(peer.pings()).toBe(1);
    expect(peer.connections).toHaveLength(1);
  });

  it('is given up when nobody answers: nothing was sent on it, so nothing can arrive twice', async () => {
    const peer = await peerWith(({ stream }) => answerOk(stream));
    const forwarded: { stop(): void }[] = [];
    const url = await rawServer((socket) => void forwarded.push(relayTo(socket, peer.port)));
    await send(url);
    clock.advance(60_000);
    forwarded[0]?.stop();
    const sending = send(url);
    await until('it asks', () => clock.due().includes(5_000));
    clock.advance(5_000);
    expect(await sending).toMatchObject({ code: 'OK' });
    expect(forwarded).toHaveLength(2);
    expect(peer.calls).toHaveLength(2);
  });

  it('is closed when asked to; a call under way goes on', async () => {
    const gate = Promise.withResolvers<void>();
    const peer = await peerWith(({ stream, n }) => {
      if (n === 0) void gate.promise.then(() => answerOk(stream));
      else answerOk(stream);
    });
    const sending = send(peer.url);
    await until('it is under way', () => peer.calls.length === 1);
    grpc.closeIdle();
    expect(await send(peer.url)).toMatchObject({ code: 'OK' });
    expect(peer.connections).toHaveLength(2);
    gate.resolve();
    expect(await sending).toMatchObject({ code: 'OK' });
    grpc.closeIdle();
    await until('both are closed', () => peer.connections.every((socket) => socket.destroyed));
  });
});

describe('no gRPC at all', () => {
  it('HTTP/1.1 only', async () => {
    const server = createHttpServer((_request, response) => response.end('hello'));
    const port = await listen(server);
    cleanups.push(() => close(server));
    expect(await send(`http://127.0.0.1:${port}`)).toMatchObject({
      kind: 'failure',
      possiblySent: false,
      message: expect.stringContaining('does not speak HTTP/2 without TLS, which gRPC needs'),
    });
  });

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['HTTP/1.1 that speaks first', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ])('%s', async (_what, bytes) => {
    const url = await rawServer((socket) => socket.end(bytes));
    expect(await send(url)).toMatchObject({
      kind: 'failure',
      possiblySent: false,
      message: expect.stringContaining('does not speak HTTP/2 without TLS, which gRPC needs'),
    });
  });

  it('a peer that breaks off at once', async () => {
    const url = await rawServer((socket) => socket.destroy());
    expect(await send(url)).toMatchObject({ reason: 'reset', possiblySent: false, staleConnection: false });
  });

  it('a peer that says nothing', async () => {
    const url = await rawServer((socket) => socket.resume());
    const result = await sendAndTurn(url, 10_000, () => clock.due().includes(10_000));
    expect(result).toMatchObject({ kind: 'failure', possiblySent: false, message: expect.stringContaining('10 s') });
    expect(clock.due()).toEqual([]);
  });

  it('nobody listens', async () => {
    const peer = await startHttp2Peer();
    await peer[Symbol.asyncDispose]();
    expect(await send(peer.url)).toMatchObject({ reason: 'connect', code: 'ECONNREFUSED', possiblySent: false });
  });

  it.each([
    ['an address that is none', 'nonsense', {}],
    ['another scheme', 'grpc://127.0.0.1:4317', {}],
    ['a header value that gRPC does not allow', 'http://127.0.0.1:1', { headers: { 'x-span-token': `${secret}\n` } }],
    ['a header name that gRPC does not allow', 'http://127.0.0.1:1', { headers: { 'x span': secret } }],
  ])('%s', async (_what, url, more) => {
    expect(await send(url, more)).toMatchObject({ reason: 'unsendable', possiblySent: false });
  });
});

const noCertificates = await noCertificatesBecause();

describe.skipIf(noCertificates !== undefined)(
  `TLS${noCertificates === undefined ? '' : `: skipped, ${noCertificates}`}`,
  () => {
    it('goes well with a peer that chooses HTTP/2', async () => {
      const certificates = await makeCertificates();
      const peer = await peerWith(({ stream }) => answerOk(stream), { tls: certificates.good, alpn: ['h2'] });
      grpc = exporters([certificates.authority]);
      expect(await send(peer.url)).toMatchObject({ code: 'OK' });
      expect(peer.calls[0]).toMatchObject({ ':scheme': 'https', ':authority': `localhost:${peer.port}` });
    });

    it('goes well with a load balancer that does not know ALPN', async () => {
      const certificates = await makeCertificates();
      const peer = await peerWith(({ stream }) => answerOk(stream));
      const balancer = createTlsServer(certificates.good, (socket) => void relayTo(socket, peer.port));
      const port = await listen(balancer);
      cleanups.push(() => void balancer.close());
      grpc = exporters([certificates.authority]);
      expect(await send(`https://localhost:${port}`)).toMatchObject({ code: 'OK' });
    });

    it('says so where the other side takes HTTP/1.1 only', async () => {
      const certificates = await makeCertificates();
      const peer = await peerWith(({ stream }) => answerOk(stream), { tls: certificates.good, alpn: ['http/1.1'] });
      grpc = exporters([certificates.authority]);
      const result = await send(peer.url);
      expect(result).toMatchObject({
        kind: 'failure',
        possiblySent: false,
        message: expect.stringContaining('HTTP/2'),
      });
    });

    it('sends nothing to a peer that is not trusted', async () => {
      const certificates = await makeCertificates();
      const peer = await peerWith(({ stream }) => answerOk(stream), { tls: certificates.expired, alpn: ['h2'] });
      grpc = exporters([certificates.authority]);
      expect(await send(peer.url)).toMatchObject({ reason: 'tls', possiblySent: false });
      expect(peer.calls).toEqual([]);
    });
  },
);

function framed(message: Buffer, flag: 0 | 1): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flag);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Joins two connections, until nothing passes any more in either direction and neither end is told. */
function relayTo(socket: Socket, port: number): { stop(): void } {
  const other = createConnection(port, '127.0.0.1');
  other.on('error', () => socket.destroy());
  socket.pipe(other).pipe(socket);
  cleanups.push(() => void other.destroy());
  return {
    stop() {
      socket.unpipe(other);
      other.unpipe(socket);
    },
  };
}

it('a port that takes connections and says nothing is not called unreachable', async () => {
  const url = await rawServer((socket) => void socket.resume());
  const sending = send(url, { timeoutMs: 1_000 });
  await until('it waits for settings', () => clock.due().includes(10_000));
  clock.advance(1_000);
  expect(await sending).toMatchObject({
    reason: 'timeout',
    possiblySent: false,
    message: expect.stringContaining('takes the connection, but does not begin HTTP/2, which gRPC needs, within 1 s'),
  });
});
