import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { systemClock } from '../../src/main/core/clock.ts';
import { silentLog } from '../../src/main/core/log.ts';
import { exportMethods } from '../../src/main/core/otlp/grpc-methods.ts';
import { inspectRequest } from '../../src/main/core/otlp/inspect.ts';
import { grpcFront } from '../../src/main/core/receiver/grpc-server.ts';
import { createIntake } from '../../src/main/core/receiver/intake.ts';
import { createReceiver } from '../../src/main/core/receiver/receiver.ts';
import { signals } from '../../src/shared/signal.ts';
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
  readFrames,
  uint32,
} from '../support/http2-frames.ts';
import { below, pick, type Random, randomBytes, seededRandom } from '../support/random.ts';
import { recorded } from '../support/recordings.ts';
import { until } from '../support/until.ts';
import { anyEnding, converse, hangMs, mutate, tcpHandles, tightLimits } from './conversation.ts';

/** What became of the calls: a fuzzer that sees only one kind of outcome tests little. */
export interface FuzzedCalls {
  readonly accepted: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Connections that ended without a word of HTTP/2. */
  readonly closed: number;
}

const parallel = 16;

/**
 * Sends well-formed, mutated and random frames to a real gRPC receiver. Throws when an answer is not HTTP/2, when a connection
 * hangs, when something malformed is accepted, when the receiver does not serve on, or when it keeps sockets or bytes.
 */
export async function fuzzGrpc(seed: number, iterations: number): Promise<FuzzedCalls> {
  const socketsBefore = tcpHandles();
  const refused: Record<string, number> = {};
  let accepted = 0;
  let closed = 0;
  const intake = createIntake({
    clock: systemClock,
    log: silentLog,
    limits: { ...tightLimits, maxBytesInFlight: 2_000_000, maxCallsPerConnection: 8 },
    accept: async ({ signal, body, points }) => {
      assert.deepEqual(inspectRequest(signal, body), { ok: true, points });
      accepted++;
      return 1;
    },
    refuse: (_signal, points) => assert.ok(points > 0),
    onRefused: ({ reason }) => {
      refused[reason] = (refused[reason] ?? 0) + 1;
    },
  });
  const receiver = createReceiver({
    port: 0,
    hosts: ['127.0.0.1'],
    intake,
    front: grpcFront,
    ports: () => ({ http: 14_318, grpc: 14_317 }),
  });
  await receiver.start();
  const random = seededRandom(seed);
  let next = 0;
  const run = async () => {
    while (next < iterations) {
      const where = `seed ${seed}, iteration ${next++}`;
      const bytes = makeConversation(random);
      const heard = Buffer.from(await converse(receiver.port, bytes, anyEnding(random), where), 'latin1');
      if (heard.length === 0) closed++;
      else checkAnswers(heard, where);
      // Refused so are the receiver's own mistakes, and those that `accept` above finds.
      assert.equal(refused.internal, undefined, where);
    }
  };
  await Promise.all(Array.from({ length: parallel }, run));

  const where = `after seed ${seed}`;
  await until(`every byte has come back ${where}`, () => intake.budget.usedBytes === 0, hangMs);
  {
    using client = grpcClient(receiver.port);
    const { code } = await client.export('logs', recorded('logs', 'pb'));
    assert.equal(code, 0, where);
  }
  await receiver.stop({ drainMs: 0 });
  await intake.close();
  await until(`no sockets are left open ${where}`, () => tcpHandles() <= socketsBefore, hangMs);
  return { accepted, refused, closed };
}

const settings = frame(frameTypes.settings, 0, 0);

function makeConversation(random: Random): Buffer {
  const kind = random();
  if (kind < 0.05) return Buffer.from(randomBytes(random, below(random, 300)));
  const calls = Array.from({ length: 1 + below(random, 4) }, (_, index) => makeCall(random, index * 2 + 1));
  const frames = random() < 0.3 ? sideBySide(random, calls) : calls.flat();
  const odd = random() < 0.3 ? [makeOddFrame(random)] : [];
  const at = below(random, frames.length + 1);
  const whole = Buffer.concat([preface, settings, ...frames.slice(0, at), ...odd, ...frames.slice(at)]);
  // Mostly behind the preface: before it nothing is known yet.
  const start = random() < 0.9 ? preface.length : 0;
  return kind < 0.5 ? whole : Buffer.concat([whole.subarray(0, start), mutate(random, whole.subarray(start), tokens)]);
}

/** In the order of a client that has several calls at once: new ones begin one after the other, their bodies mix. */
function sideBySide(random: Random, calls: readonly Buffer[][]): Buffer[] {
  const frames = calls.flatMap((one) => one.splice(0, 1));
  for (let left = calls.filter((one) => one.length > 0); left.length > 0; left = left.filter((one) => one.length > 0)) {
    frames.push(...pick(random, left).splice(0, 1));
  }
  return frames;
}

function makeCall(random: Random, id: number): Buffer[] {
  const signal = pick(random, signals);
  const changed: Record<string, string | undefined> = { ':path': exportMethods[signal] };
  let body: Buffer = recorded(signal, 'pb');
  if (random() < 0.2) body = mutate(random, body, tokens);
  let compressed = 0;
  if (random() < 0.4) {
    changed['grpc-encoding'] = pick(random, ['gzip', 'gzip', 'gzip', 'identity', 'zstd']);
    compressed = 1;
    body = gzipSync(random() < 0.1 ? Buffer.alloc(1_000_000) : body);
    if (random() < 0.3) body = mutate(random, body, tokens);
  }
  if (random() < 0.05) changed[':authority'] = pick(random, ['example.com', 'localhost', '[::1]:1']);
  if (random() < 0.05) changed.origin = 'null';
  if (random() < 0.05) changed[':path'] = pick(random, ['/', '/v1/metrics', '*', '/a/Export']);
  if (random() < 0.05)
    changed['content-type'] = pick(random, ['application/json', 'application/grpc+proto', 'text/html']);
  if (random() < 0.05) changed[':method'] = pick(random, ['GET', 'PUT', 'CONNECT']);
  if (random() < 0.05) changed.long = 'a'.repeat(below(random, 60_000));
  const length = random() < 0.9 ? body.length : pick(random, [0, 1, body.length + 1, 200_000, 2 ** 32 - 1]);
  const flag = random() < 0.95 ? compressed : below(random, 256);
  let whole = message(body, { compressed: flag, length });
  if (random() < 0.05) whole = Buffer.concat([whole, whole]);
  if (random() < 0.05) whole = Buffer.alloc(0);

  const frames = makeHeaders(random, id, callFields(changed));
  for (let start = 0; start < whole.length; ) {
    const piece = whole.subarray(start, start + 1 + below(random, 16_384));
    frames.push(frame(frameTypes.data, 0, id, piece));
    start += piece.length;
  }
  if (random() < 0.9) frames.push(frame(frameTypes.data, flags.endStream, id));
  if (random() < 0.1)
    frames.splice(below(random, frames.length + 1), 0, frame(frameTypes.rstStream, 0, id, uint32(below(random, 14))));
  return frames;
}

function makeHeaders(random: Random, id: number, fields: readonly (readonly [string, string])[]): Buffer[] {
  const block = headerBlock(fields);
  if (block.length <= 16_384 && random() < 0.8) return [call(id, { fields })];
  const half = Math.min(16_384, block.length >> 1);
  const frames = [frame(frameTypes.headers, 0, id, block.subarray(0, half))];
  for (let start = half; start < block.length; start += 16_384) {
    const end = start + 16_384;
    const flag = end >= block.length ? flags.endHeaders : 0;
    frames.push(frame(frameTypes.continuation, flag, id, block.subarray(start, end)));
  }
  // Only as one are they what a client sends; in any order they are not.
  return random() < 0.95 ? [Buffer.concat(frames)] : frames;
}

function makeOddFrame(random: Random): Buffer {
  const length = pick(random, [0, 4, 5, 6, 8, 17]);
  return frame(below(random, 12), below(random, 256), below(random, 10), Buffer.from(randomBytes(random, length)));
}

const tokens = [
  settings,
  frame(frameTypes.settings, flags.acknowledged, 0),
  frame(frameTypes.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])),
  frame(frameTypes.ping, 0, 0, Buffer.alloc(8)),
  frame(frameTypes.rstStream, 0, 1, uint32(8)),
  frame(frameTypes.windowUpdate, 0, 0, uint32(0)),
  frame(frameTypes.goAway, 0, 0, Buffer.alloc(8)),
  frame(frameTypes.data, flags.endStream, 1),
  frame(frameTypes.continuation, flags.endHeaders, 1),
  '\0',
  '\xff\xff\xff\xff',
];

/** Nothing but whole frames, of types that a server may send; or the HTTP/1.1 that those get who speak it. */
function checkAnswers(heard: Buffer, where: string): void {
  if (heard.toString('latin1', 0, 9) === 'HTTP/1.1 ') return;
  const frames = readFrames(heard);
  const bytes = frames.reduce((sum, { payload }) => sum + 9 + payload.length, 0);
  // Where it was reset, the last one may be cut.
  assert.ok(heard.length - bytes < 16_393, where);
  assert.equal(frames[0]?.type ?? frameTypes.settings, frameTypes.settings, where);
  const allowed: readonly number[] = Object.values(frameTypes);
  for (const { type } of frames) assert.ok(allowed.includes(type) && type !== frameTypes.pushPromise, where);
}
