import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import type { Type } from 'protobufjs/light.js';
import { identityOf } from '../../src/main/core/otlp/attributes.ts';
import { requestRoot } from '../../src/main/core/otlp/decode.ts';
import { Enricher } from '../../src/main/core/otlp/enrich.ts';
import { inspectRequest } from '../../src/main/core/otlp/inspect.ts';
import { transcodeJson } from '../../src/main/core/otlp/json.ts';
import { requestType } from '../../src/main/core/otlp/schema.ts';
import { type Signal, signals } from '../../src/shared/signal.ts';
import { countPoints } from '../support/count-points.ts';
import { below, pick, type Random, randomBytes, seededRandom } from '../support/random.ts';
import { recorded } from '../support/recordings.ts';
import { referenceEnrich } from '../unit/core/otlp/reference-enrich.ts';

/** How many inputs were taken and how many refused: a fuzzer that only sees one of the two tests little. */
export interface FuzzResult {
  accepted: number;
  refused: number;
}

/** Far above what any of the inputs takes, far below what a quadratic mistake would. */
const maxMsPerInput = 2_000;

/**
 * Feeds mutated recordings to the tag walker. Throws, naming the iteration, when it throws or dawdles, takes what
 * protobufjs cannot decode, counts differently, or refuses what protobufjs takes for a reason other than its being stricter.
 */
export async function fuzzInspect(seed: number, iterations: number): Promise<FuzzResult> {
  const root = await requestRoot();
  return fuzz(seed, iterations, 'pb', mutateBinary, (signal, input) => {
    const type = root.lookupType(requestType[signal]);
    const inspection = inspectRequest(signal, input);
    const decoded = decode(type, input);
    if (inspection.ok) {
      assert.ok(decoded, 'taken, but protobufjs cannot decode it');
      assert.equal(inspection.points, countPoints(signal, decoded));
    } else {
      assert.ok(inspection.problem.length < 5_000);
      if (decoded) assert.match(inspection.problem, /wire type|nested deeper/, 'refused, but protobufjs decodes it');
    }
    return inspection.ok;
  });
}

/**
 * Feeds mutated recordings to what looks into accepted requests and adds attributes to them. Throws, naming the iteration,
 * when it throws or dawdles, differs from the reference, makes something else of a well-formed request than one with as many
 * points, or adds twice.
 */
export async function fuzzEnrich(seed: number, iterations: number): Promise<FuzzResult> {
  const attributes = [
    { key: 'work_email', value: 'x'.repeat(130), override: true },
    { key: 'team', value: 'platform', override: false },
  ];
  const enricher = new Enricher(attributes);
  return fuzz(seed, iterations, 'pb', mutateBinary, (signal, input) => {
    assert.ok(['usable', 'placeholder', 'none'].includes(identityOf(signal, input)));
    const enriched = enricher.enrich(signal, input);
    const inspection = inspectRequest(signal, input);
    if (inspection.ok) {
      assert.ok(referenceEnrich(signal, input, attributes).equals(enriched), 'it differs from the reference');
      assert.deepEqual(inspectRequest(signal, enriched), inspection);
      assert.equal(enricher.enrich(signal, enriched), enriched, 'it was added to again');
    }
    return inspection.ok;
  });
}

/**
 * Feeds mutated recordings to the JSON transcoder. Throws, naming the iteration, when it throws or dawdles, disagrees with
 * `JSON.parse` about what JSON is, or writes what the tag walker or protobufjs do not take or count differently.
 */
export async function fuzzTranscode(seed: number, iterations: number): Promise<FuzzResult> {
  const root = await requestRoot();
  return fuzz(seed, iterations, 'json', mutateText, (signal, input) => {
    const transcoding = transcodeJson(signal, input);
    if (transcoding.ok) {
      assert.ok(isJson(input), 'taken, but it is no JSON');
      assert.deepEqual(inspectRequest(signal, transcoding.body), { ok: true, points: transcoding.points });
      assert.ok(decode(root.lookupType(requestType[signal]), transcoding.body), 'the outcome cannot be decoded');
    } else {
      assert.ok(transcoding.problem.length < 5_000);
      const syntax = /^invalid JSON/.test(transcoding.problem) && !transcoding.problem.endsWith('nested too deeply');
      if (syntax) assert.ok(!isJson(input), 'called invalid JSON, but JSON.parse takes it');
      if (/^invalid UTF-8/.test(transcoding.problem)) assert.ok(!isUtf8(input));
    }
    return transcoding.ok;
  });
}

type Mutate = (input: Buffer, random: Random) => Buffer;

async function fuzz(
  seed: number,
  iterations: number,
  encoding: 'pb' | 'json',
  mutate: Mutate,
  check: (signal: Signal, input: Buffer) => boolean,
): Promise<FuzzResult> {
  const recordings = [
    ...signals.map((signal) => ({ signal, body: recorded(signal, encoding) })),
    richMetrics(encoding),
  ];
  const random = seededRandom(seed);
  const result = { accepted: 0, refused: 0 };
  for (let iteration = 0; iteration < iterations; iteration++) {
    const recording = pick(random, recordings);
    // Now and then a request comes to the wrong path.
    const signal = below(random, 20) === 0 ? pick(random, signals) : recording.signal;
    let input: Buffer = recording.body;
    for (let count = 1 + below(random, 3); count > 0; count--) input = mutate(input, random);
    const startedAt = performance.now();
    try {
      if (check(signal, input)) result.accepted++;
      else result.refused++;
      assert.ok(performance.now() - startedAt < maxMsPerInput, 'it took too long');
    } catch (error) {
      throw new Error(`Seed ${seed}, iteration ${iteration}, ${signal}: ${input.toString('base64').slice(0, 20_000)}`, {
        cause: error,
      });
    }
  }
  return result;
}

interface Recording {
  readonly signal: Signal;
  readonly body: Buffer;
}

/** The kinds of metrics that Claude Code does not export. */
function richMetrics(encoding: 'pb' | 'json'): Recording {
  const times = { startTimeUnixNano: '1795168043421000000', timeUnixNano: '1795168043542000000' };
  const attributes = [
    { key: 'm', value: { kvlistValue: { values: [{ key: 'b', value: { bytesValue: 'AAEC' } }] } } },
    { key: 'l', value: { arrayValue: { values: [{ doubleValue: 0.5 }, { boolValue: false }, {}] } } },
  ];
  const exemplars = [{ timeUnixNano: '1', asInt: '-2', spanId: '1ba1ef77af4dc916', filteredAttributes: attributes }];
  const buckets = { offset: -3, bucketCounts: ['0', '300', '18446744073709551615'] };
  const metrics = [
    { name: 'g', gauge: { dataPoints: [{ ...times, asInt: '-1', flags: 1, exemplars }] } },
    {
      name: 'h',
      histogram: {
        dataPoints: [{ ...times, count: '3', sum: 0, bucketCounts: ['1', '2'], explicitBounds: [0.5], attributes }],
      },
    },
    {
      name: 'e',
      exponentialHistogram: {
        dataPoints: [{ ...times, count: '3', scale: -1, positive: buckets, negative: buckets, min: 0 }],
      },
    },
    { name: 's', summary: { dataPoints: [{ ...times, count: '2', quantileValues: [{ quantile: 0.5, value: 1 }] }] } },
  ];
  const json = Buffer.from(JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }));
  if (encoding === 'json') return { signal: 'metrics', body: json };
  const transcoding = transcodeJson('metrics', json);
  if (!transcoding.ok) throw new Error(transcoding.problem);
  return { signal: 'metrics', body: Buffer.from(transcoding.body) };
}

function mutateBinary(input: Buffer, random: Random): Buffer {
  const at = below(random, input.length + 1);
  switch (below(random, 10)) {
    case 0:
    case 1:
      return flipBit(input, random);
    case 2:
      return below(random, 2) === 0
        ? input.subarray(0, at)
        : splice(input, at, below(random, 8), randomBytes(random, below(random, 8)));
    case 8: {
      // The same length, so that what is around stays well formed.
      const inserted = randomBytes(random, below(random, 8));
      return splice(input, at, inserted.length, inserted);
    }
    case 3:
      // A byte that may be a length or a tag becomes another one that might matter.
      return splice(input, at, 1, Buffer.of(pick(random, [0, 1, 3, 4, 0x0b, 0x0c, 0x7f, 0x80, 0xff])));
    case 4:
      return splice(input, at, 0, pick(random, hostileVarints));
    case 5:
      return splice(input, at, 0, input.subarray(at, at + below(random, 200)));
    case 6:
      return Buffer.concat([input, nestedValues(below(random, 60))]);
    default:
      return Buffer.concat([input, Buffer.alloc(below(random, 300), pick(random, [0x0b, 0x0a, 0x2a, 0x80]))]);
  }
}

const hostileVarints = [
  Buffer.of(0xff, 0xff, 0xff, 0xff, 0x07),
  Buffer.of(0xff, 0xff, 0xff, 0xff, 0x0f),
  Buffer.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01),
  Buffer.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00),
  Buffer.of(0x82, 0x80, 0x00),
];

/** One more resource, with an attribute that holds lists in lists. */
function nestedValues(levels: number): Buffer {
  let value = Buffer.from([0x0a, 1, 0x78]);
  for (let level = 0; level < levels; level++) value = wrap(0x2a, wrap(0x0a, value));
  return wrap(0x0a, wrap(0x0a, wrap(0x0a, wrap(0x12, value))));
}

function wrap(tag: number, content: Buffer): Buffer<ArrayBuffer> {
  const length = [(content.length & 0x7f) | 0x80, content.length >>> 7];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}

function mutateText(input: Buffer, random: Random): Buffer {
  const at = below(random, input.length + 1);
  switch (below(random, 10)) {
    case 0:
      return flipBit(input, random);
    case 1:
      return below(random, 4) === 0 ? input.subarray(0, at) : splice(input, at, 0, Buffer.from(' \n'));
    case 2:
      return splice(input, at, below(random, 8), randomBytes(random, below(random, 4)));
    case 3:
      return splice(input, at, 0, input.subarray(at, at + below(random, 200)));
    case 4:
    case 5:
      return replaceSome(input, random, /\d+/g, pick(random, hostileNumbers));
    case 6:
      return replaceSome(input, random, /"[^"]*"/g, pick(random, hostileStrings));
    case 7:
      return replaceSome(input, random, /\{"stringValue":"[^"]*"\}/g, pick(random, hostileValues(below(random, 60))));
    case 8:
      return replaceSome(input, random, /[{}[\],:]/g, pick(random, ['{', '}', '[', ']', ',', ':', '']));
    default:
      return Buffer.concat([input, Buffer.from(pick(random, ['', ' ', '\n{}', '\u0000', ']', '[['.repeat(500)]))]);
  }
}

const hostileNumbers = [
  '0',
  '-0',
  '01',
  '-1',
  '1e5',
  '1.0',
  '1.5',
  '1E-2',
  '1e400',
  '-1e400',
  '1e99999',
  '18446744073709551616',
  '9007199254740993',
  '-9223372036854775808',
  '9'.repeat(5_000),
  `0.${'0'.repeat(5_000)}1`,
  '+1',
  '.5',
  '1.',
  '0x1',
  'NaN',
  'Infinity',
  'null',
];

const hostileStrings = [
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"\\ud83d\\ude00"',
  '"\\"',
  '"\\x"',
  '"ü"',
  '"\u2028"',
  'null',
  '0',
  'true',
  '[]',
  '{}',
  '"NaN"',
  '"__proto__"',
  '"stringValue"',
  '"intValue"',
  '"doubleValue"',
  '"bytesValue"',
  '"boolValue"',
  '"arrayValue"',
  '"\\u0076alues"',
];

function hostileValues(levels: number): string[] {
  return [
    '{}',
    'null',
    '{"bytesValue":"AAA="}',
    '{"bytesValue":"A"}',
    '{"doubleValue":"-Infinity"}',
    '{"intValue":"9223372036854775807"}',
    '{"stringValue":"a","intValue":1}',
    '{"stringValue":"a","stringValue":"b"}',
    `${'{"arrayValue":{"values":['.repeat(levels)}{}${']}}'.repeat(levels)}`,
    `${'{"kvlistValue":{"values":[{"key":"k","value":'.repeat(levels)}{}${'}]}}'.repeat(levels)}`,
    `{"unknown":${'['.repeat(levels * 3)}${']'.repeat(levels * 3)}}`,
  ];
}

/** Replaces one to three of the matches. */
function replaceSome(input: Buffer, random: Random, pattern: RegExp, replacement: string): Buffer {
  let text = input.toString('latin1');
  const insert = Buffer.from(replacement).toString('latin1');
  for (let count = 1 + below(random, 3); count > 0; count--) {
    const matches = [...text.matchAll(pattern)];
    if (matches.length === 0) break;
    const match = pick(random, matches);
    text = text.slice(0, match.index) + insert + text.slice(match.index + match[0].length);
  }
  return Buffer.from(text, 'latin1');
}

function flipBit(input: Buffer, random: Random): Buffer {
  const copy = Buffer.from(input);
  const at = below(random, copy.length);
  if (copy.length > 0) copy.writeUInt8(copy.readUInt8(at) ^ (1 << below(random, 8)), at);
  return copy;
}

function splice(input: Buffer, at: number, removed: number, inserted: Uint8Array): Buffer {
  return Buffer.concat([input.subarray(0, at), inserted, input.subarray(at + removed)]);
}

function decode(type: Type, input: Uint8Array): object | undefined {
  try {
    return type.decode(input);
  } catch {
    return undefined;
  }
}

function isJson(input: Buffer): boolean {
  try {
    // TextDecoder takes a byte order mark away, as the transcoder does.
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(input));
    return true;
  } catch {
    return false;
  }
}
