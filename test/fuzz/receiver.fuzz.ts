import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { systemClock } from '../../src/main/core/clock.ts';
import { silentLog } from '../../src/main/core/log.ts';
import { inspectRequest } from '../../src/main/core/otlp/inspect.ts';
import { httpFront } from '../../src/main/core/receiver/http-server.ts';
import { type Inflation, inflate, inflateInline } from '../../src/main/core/receiver/inflate.ts';
import { createIntake } from '../../src/main/core/receiver/intake.ts';
import { createReceiver } from '../../src/main/core/receiver/receiver.ts';
import { signals } from '../../src/shared/signal.ts';
import { below, pick, type Random, randomBytes, seededRandom } from '../support/random.ts';
import { recorded } from '../support/recordings.ts';
import { until } from '../support/until.ts';
import { anyEnding, converse, type Ending, hangMs, mutate, tcpHandles, tightLimits } from './conversation.ts';

/** How many inputs got which answer: a fuzzer that sees only one kind tests little. `closed`: no answer at all. */
export interface FuzzedAnswers {
  readonly byStatus: Readonly<Record<string, number>>;
  readonly closed: number;
}

/** Room for the largest request and not much more: what is not given back shows. */
const maxBytesInFlight = 120_000;
const parallel = 16;

/**
 * Sends well-formed, mutated and random bytes to a real receiver. Throws when an answer is not HTTP, when a connection
 * hangs, when something malformed is accepted, when the receiver does not serve on, or when it keeps sockets or bytes.
 */
export async function fuzzReceiver(seed: number, iterations: number): Promise<FuzzedAnswers> {
  const socketsBefore = tcpHandles();
  const intake = createIntake({
    clock: systemClock,
    log: silentLog,
    limits: { ...tightLimits, maxBytesInFlight },
    accept: async ({ signal, body, points }) => {
      assert.deepEqual(inspectRequest(signal, body), { ok: true, points });
      return 1;
    },
    refuse: (_signal, points) => assert.ok(points > 0),
  });
  const receiver = createReceiver({
    port: 0,
    hosts: ['127.0.0.1'],
    intake,
    front: httpFront,
    ports: () => ({ http: 14_318, grpc: 14_317 }),
  });
  await receiver.start();
  const byStatus: Record<string, number> = {};
  let closed = 0;
  const random = seededRandom(seed);
  let next = 0;
  const run = async () => {
    while (next < iterations) {
      const iteration = next++;
      const { bytes, ending } = makeInput(random);
      const text = await converse(receiver.port, bytes, ending, `seed ${seed}, iteration ${iteration}`);
      const statuses = readAnswers(text, bytes.includes('HEAD '), `seed ${seed}, iteration ${iteration}`);
      // The receiver answers 500 for its own mistakes, and for those that `accept` above finds.
      assert.ok(!statuses.includes(500), `seed ${seed}, iteration ${iteration}`);
      for (const status of statuses) byStatus[status] = (byStatus[status] ?? 0) + 1;
      if (statuses.length === 0) closed++;
    }
  };
  await Promise.all(Array.from({ length: parallel }, run));

  // Whatever happened, the next client is served, and every byte of the budget has come back.
  const where = `after seed ${seed}`;
  const health = await converse(
    receiver.port,
    Buffer.from('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    'end',
    where,
  );
  assert.match(health, /^HTTP\/1\.1 200 .*ready/s);
  const largest = Buffer.from(`{${' '.repeat(99_000)}}`);
  const headers = { 'Content-Type': 'application/json', 'Content-Length': largest.length };
  const answer = await converse(
    receiver.port,
    Buffer.concat([head('POST', '/v1/logs', headers), largest]),
    'end',
    where,
  );
  assert.match(answer, /^HTTP\/1\.1 200 /);
  await receiver.stop({ drainMs: 0 });
  await intake.close();
  await until(`no sockets are left open ${where}`, () => tcpHandles() <= socketsBefore, hangMs);
  return { byStatus, closed };
}

/** Inflates mutated gzip both ways. Throws when the two disagree, give too much, throw or hang. */
export async function fuzzGzip(seed: number, iterations: number): Promise<Record<Inflation['outcome'], number>> {
  const outcomes: Record<Inflation['outcome'], number> = { inflated: 0, malformed: 0, 'too-large': 0, overloaded: 0 };
  const random = seededRandom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const where = `seed ${seed}, iteration ${iteration}`;
    const maxBytes = pick(random, [1, 5_000, 100_000]);
    const plain = pick(random, plains);
    const intact = Buffer.concat(random() < 0.2 ? [gzipSync(plain), gzipSync(plain)] : [gzipSync(plain)]);
    const input = random() < 0.2 ? intact : mutate(random, intact, tokens);
    const inline = inflateInline(input, maxBytes, () => true);
    const streamed = await inflate(input, maxBytes, () => true);
    // Where input is both too large and damaged, it depends on the size of the pieces which is seen first.
    const both = new Set([streamed.outcome, inline.outcome]);
    assert.ok(both.size === 1 || (both.has('too-large') && both.has('malformed')), where);
    if (streamed.outcome === 'inflated' && inline.outcome === 'inflated') {
      assert.ok(streamed.body.length <= maxBytes, where);
      assert.equal(Buffer.compare(streamed.body, inline.body), 0, where);
    }
    outcomes[inline.outcome]++;
  }
  return outcomes;
}

const bodies = signals.flatMap((signal) => [recorded(signal, 'pb'), recorded(signal, 'json')]);

const plains = [...bodies, Buffer.alloc(300_000), Buffer.alloc(0)];

function makeInput(random: Random): { bytes: Buffer; ending: Ending } {
  const kind = random();
  const requests = Array.from({ length: random() < 0.2 ? 3 : 1 }, () => makeRequest(random));
  const whole = Buffer.concat(requests);
  const bytes =
    kind < 0.3
      ? whole
      : kind < 0.9
        ? mutate(random, whole, tokens)
        : Buffer.from(randomBytes(random, below(random, 300)));
  return { bytes, ending: anyEnding(random) };
}

function makeRequest(random: Random): Buffer {
  const method = random() < 0.9 ? 'POST' : pick(random, ['GET', 'HEAD', 'OPTIONS', 'PUT', 'CONNECT', 'PRI']);
  const path =
    random() < 0.85
      ? `/v1/${pick(random, signals)}`
      : pick(random, [
          '/healthz',
          '/',
          '*',
          '/v1/logs/v1/logs',
          'http://localhost/v1/logs',
          'http://a.example/v1/logs',
        ]);
  const headers: Record<string, string | number> = {};
  headers['Content-Type'] = pick(random, [
    'application/x-protobuf',
    'application/json',
    'application/json; a=b',
    'text/plain',
  ]);
  let body: Buffer = pick(random, bodies);
  if (random() < 0.2) body = mutate(random, body, tokens);
  if (random() < 0.3) {
    headers['Content-Encoding'] = pick(random, ['gzip', 'gzip', 'x-gzip', 'br']);
    body = gzipSync(random() < 0.1 ? Buffer.alloc(1_000_000) : body);
    if (random() < 0.3) body = mutate(random, body, tokens);
  }
  if (random() < 0.05) headers.Origin = 'null';
  if (random() < 0.05) headers.Expect = pick(random, ['100-continue', 'more']);
  if (random() < 0.05) headers.Connection = pick(random, ['close', 'keep-alive', 'Upgrade']);
  if (random() < 0.4) {
    headers['Transfer-Encoding'] = 'chunked';
    return Buffer.concat([head(method, path, headers), ...chunks(random, body)]);
  }
  headers['Content-Length'] = random() < 0.9 ? body.length : pick(random, [0, -1, 1e9, 'x', body.length + 1]);
  return Buffer.concat([head(method, path, headers), body]);
}

function head(method: string, path: string, headers: Readonly<Record<string, string | number>>): Buffer {
  const lines = Object.entries({ Host: '127.0.0.1', 'Content-Type': 'application/x-protobuf', ...headers });
  return Buffer.from(
    `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
  );
}

function chunks(random: Random, body: Buffer): Buffer[] {
  const framed: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const chunk = body.subarray(at, at + 1 + below(random, 4000));
    framed.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
    at += chunk.length;
  }
  return [...framed, Buffer.from('0\r\n\r\n')];
}

const tokens = [
  '\r\n',
  '\r',
  '\n',
  '\0',
  ':',
  ' ',
  '0\r\n\r\n',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'HTTP/1.1',
  '\xff',
];

/** The statuses of the answers in `text`, which must be nothing but answers; the last may be cut where a reset was possible. */
function readAnswers(text: string, mayLackBodies: boolean, where: string): number[] {
  const statuses: number[] = [];
  let rest = text;
  while (rest.length > 0) {
    const match = /^HTTP\/1\.1 (\d{3}) [A-Za-z ]+\r\n((?:[A-Za-z-]+: [\x20-\x7e]*\r\n)*)\r\n/.exec(rest);
    assert.ok(match, `not HTTP: ${JSON.stringify(rest.slice(0, 200))}: ${where}`);
    const [all, status, headers] = match;
    statuses.push(Number(status));
    rest = rest.slice(all.length);
    if (status === '100') continue;
    const length = Number(/^Content-Length: (\d+)\r$/m.exec(headers ?? '')?.[1]);
    if (mayLackBodies && (rest === '' || rest.startsWith('HTTP/'))) continue;
    assert.ok(rest.length >= length, `an answer is cut short: ${where}`);
    rest = rest.slice(length);
  }
  return statuses;
}
