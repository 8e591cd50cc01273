import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { exportMethods } from '../../src/main/core/otlp/grpc-methods.ts';
import { percentile } from '../support/stats.ts';

/**
 * PORT CONNECTIONS CALLS SECONDS FILE: exports the file by gRPC, CALLS at once on each of the connections, and prints what it
 * saw as JSON. Speaks HTTP/2 by hand, so that it takes as little of the processor as a Node program can: every call is the
 * same bytes but for the number of its stream, and no answer is decoded.
 */
const [port = 0, connections = 1, calls = 1, seconds = 1] = process.argv.slice(2, 6).map(Number);
const message = readFileSync(process.argv[6] ?? '');

/** RFC 9113, 6. */
const frameType = { data: 0, headers: 1, settings: 4, ping: 6, windowUpdate: 8 } as const;
const endStream = 0x1;
const acknowledgement = 0x1;
const endHeaders = 0x4;
const frameHeadBytes = 9;
const streamIdAt = 5;
const maxFrameBytes = 16_384;
/** What either side may send at first before it is told to go on. */
const firstWindowBytes = 65_535;
/** What the server may send on; its answers count with 5 bytes each. */
const windowBytes = 2 ** 20;

const prefix = Buffer.alloc(5);
prefix.writeUInt32BE(message.length, 1);
const body = Buffer.concat([prefix, message]);
const bodyFrames = Array.from({ length: Math.ceil(body.length / maxFrameBytes) }, (_, index) => {
  const start = index * maxFrameBytes;
  const flags = start + maxFrameBytes >= body.length ? endStream : 0;
  return frame(frameType.data, flags, body.subarray(start, start + maxFrameBytes));
});
const headerBlock = Buffer.concat([
  // `:method: POST` and `:scheme: http` are in the static table, RFC 7541, appendix A.
  Buffer.from([0x83, 0x86]),
  literal(':path', exportMethods.metrics),
  literal(':authority', `127.0.0.1:${port}`),
  literal('content-type', 'application/grpc'),
  literal('te', 'trailers'),
  literal('user-agent', 'grpc-benchmark/1.0'),
]);
const requestFrames = [frame(frameType.headers, endHeaders, headerBlock), ...bodyFrames];
const request = Buffer.concat(requestFrames);
const idPlaces = requestFrames.map((_, index) => Buffer.concat(requestFrames.slice(0, index)).length + streamIdAt);
const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(frameType.settings, 0, Buffer.alloc(0)),
  windowUpdate(windowBytes),
]);

const latencies: number[] = [];
let errors = 0;
let stopping = false;
const startedAt = performance.now();
for (let index = 0; index < connections; index++) run();
setTimeout(finish, seconds * 1_000);

function run(): void {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  /** By stream: when it was sent, and whether a message has come. Refusals have none. */
  const open = new Map<number, { readonly sentAt: number; answered: boolean }>();
  let nextId = 1;
  let mayBegin = 0;
  let mayGetBytes = windowBytes;
  let maySendBytes = firstWindowBytes;
  let unread: Buffer = Buffer.alloc(0);
  let outgoing: Buffer[] = [];

  const begin = () => {
    while (mayBegin > 0 && maySendBytes >= body.length && !stopping) {
      mayBegin--;
      maySendBytes -= body.length;
      const bytes = Buffer.from(request);
      for (const at of idPlaces) bytes.writeUInt32BE(nextId, at);
      open.set(nextId, { sentAt: performance.now(), answered: false });
      nextId += 2;
      outgoing.push(bytes);
    }
  };
  const end = (id: number) => {
    const call = open.get(id);
    open.delete(id);
    if (call?.answered) latencies.push(performance.now() - call.sentAt);
    else errors++;
    mayBegin++;
  };
  const readFrame = (type: number, flags: number, id: number, payload: Buffer) => {
    switch (type) {
      case frameType.settings:
        if ((flags & acknowledgement) !== 0) return;
        outgoing.push(frame(frameType.settings, acknowledgement, Buffer.alloc(0)));
        // The first word of the server: from here on it takes calls.
        if (nextId === 1) mayBegin = calls;
        return;
      case frameType.windowUpdate:
        if (id === 0) maySendBytes += payload.readUInt32BE(0);
        return;
      case frameType.ping:
        if ((flags & acknowledgement) === 0) outgoing.push(frame(frameType.ping, acknowledgement, payload));
        return;
      case frameType.data: {
        const call = open.get(id);
        if (call) call.answered = true;
        mayGetBytes -= payload.length;
        if (mayGetBytes < windowBytes / 2) {
          outgoing.push(windowUpdate(windowBytes));
          mayGetBytes += windowBytes;
        }
        return;
      }
      case frameType.headers:
        if ((flags & endStream) !== 0) end(id);
        return;
      default:
        // A stream that is reset, or a connection that ends.
        errors++;
    }
  };

  socket.on('connect', () => socket.write(preface));
  socket.on('data', (piece: Buffer) => {
    if (stopping) return;
    const bytes = unread.length === 0 ? piece : Buffer.concat([unread, piece]);
    let at = 0;
    while (bytes.length - at >= frameHeadBytes) {
      const next = at + frameHeadBytes + bytes.readUIntBE(at, 3);
      if (bytes.length < next) break;
      readFrame(
        bytes[at + 3] ?? 0,
        bytes[at + 4] ?? 0,
        bytes.readUInt32BE(at + streamIdAt),
        bytes.subarray(at + frameHeadBytes, next),
      );
      at = next;
    }
    unread = bytes.subarray(at);
    begin();
    if (outgoing.length > 0) socket.write(Buffer.concat(outgoing));
    outgoing = [];
  });
  socket.on('error', () => errors++);
}

function frame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  return Buffer.concat([head, payload]);
}

/** For the whole connection. */
function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(frameType.windowUpdate, 0, payload);
}

/** Literal Header Field without Indexing, as plain text of less than 127 bytes, RFC 7541, 6.2.2. */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x00, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

function finish(): void {
  stopping = true;
  const elapsedSeconds = (performance.now() - startedAt) / 1_000;
  const sorted = Float64Array.from(latencies).sort();
  const report = {
    perSecond: sorted.length / elapsedSeconds,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    errors,
  };
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
}
