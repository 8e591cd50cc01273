import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRequest, type JsonObject, type JsonValue } from '../../../../src/main/core/otlp/decode.ts';
import { type Attribute, Enricher } from '../../../../src/main/core/otlp/enrich.ts';
import { inspectRequest } from '../../../../src/main/core/otlp/inspect.ts';
import { transcodeJson } from '../../../../src/main/core/otlp/json.ts';
import { requestType } from '../../../../src/main/core/otlp/schema.ts';
import { type Signal, signals } from '../../../../src/shared/signal.ts';
import { pick, seededRandom } from '../../../support/random.ts';
import { recorded } from '../../../support/recordings.ts';
import { requestArbitrary } from './arbitraries.ts';
import { enrichedJson } from './enriched-json.ts';
import { encodeOddly } from './odd-encoding.ts';
import { referenceEnrich, withoutAttributes } from './reference-enrich.ts';

const keys = ['work_email', 'user.email', 'team'];

/** A request some of whose attributes have the keys that are to be added. */
function familiarRequest(signal: Signal): fc.Arbitrary<JsonObject> {
  return fc.tuple(requestArbitrary(signal), fc.nat()).map(([request, seed]) => {
    const random = seededRandom(seed);
    const rename = (value: JsonValue, name: string): JsonValue => {
      if (Array.isArray(value)) return value.map((element) => rename(element, name));
      if (name === 'key') return pick(random, keys);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([inner, field]) => [inner, rename(field, inner)]));
    };
    return Object.fromEntries(Object.entries(request).map(([name, value]) => [name, rename(value, name)]));
  });
}

function transcode(signal: Signal, request: JsonObject) {
  const transcoding = transcodeJson(signal, Buffer.from(JSON.stringify(request)));
  if (!transcoding.ok) throw new Error(transcoding.problem);
  return transcoding;
}

const oddly = (signal: Signal) =>
  fc
    .tuple(familiarRequest(signal), fc.nat())
    .map(([request, seed]) => encodeOddly(requestType[signal], request, seededRandom(seed)));

const attributeLists: fc.Arbitrary<Attribute[]> = fc.uniqueArray(
  fc.record({
    key: fc.oneof(fc.constantFrom(...keys), fc.string({ minLength: 1, maxLength: 20 })),
    value: fc.oneof(
      fc.string({ maxLength: 10 }),
      fc.integer({ min: 110, max: 140 }).map((length) => 'é'.repeat(length)),
    ),
    override: fc.boolean(),
  }),
  { selector: ({ key }) => key, maxLength: 4 },
);

const runs = { numRuns: 300 };

describe.each(signals)('any %s request, however it is encoded,', (signal) => {
  it('is enriched to the byte as the reference says, and stays well formed with as many points', () => {
    fc.assert(
      fc.property(oddly(signal), attributeLists, (body, attributes) => {
        const enriched = new Enricher(attributes).enrich(signal, body);

        expect(Buffer.from(enriched).toString('hex')).toBe(referenceEnrich(signal, body, attributes).toString('hex'));
        expect(inspectRequest(signal, enriched)).toEqual(inspectRequest(signal, body));
        expect(inspectRequest(signal, body).ok).toBe(true);
        if (Buffer.compare(enriched, body) === 0) expect(enriched).toBe(body);
      }),
      runs,
    );
  });

  it('is enriched only once', () => {
    fc.assert(
      fc.property(oddly(signal), attributeLists, (body, attributes) => {
        const enricher = new Enricher(attributes);
        const enriched = enricher.enrich(signal, body);

        expect(enricher.enrich(signal, enriched)).toBe(enriched);
      }),
      runs,
    );
  });

  it('is enriched before a merge as after it', () => {
    fc.assert(
      fc.property(oddly(signal), oddly(signal), attributeLists, (first, second, attributes) => {
        const enricher = new Enricher(attributes);
        const apart = [first, second].map((body) => enricher.enrich(signal, body));

        expect(Buffer.compare(enricher.enrich(signal, Buffer.concat([first, second])), Buffer.concat(apart))).toBe(0);
      }),
      runs,
    );
  });
});

describe.each(signals)('any %s request', (signal) => {
  it('means what it meant, and has the attributes', async () => {
    await fc.assert(
      fc.asyncProperty(familiarRequest(signal), attributeLists, async (request, attributes) => {
        const enriched = new Enricher(attributes).enrich(signal, transcode(signal, request).body);

        expect(await decodeRequest(signal, enriched)).toEqual(enrichedJson(signal, request, attributes));
      }),
      { numRuns: 150 },
    );
  });

  it('is what it was without the bytes that came in', () => {
    const attributes = keys.map((key) => ({ key: `added.${key}`, value: 'x'.repeat(100), override: false }));
    const enricher = new Enricher(attributes);
    fc.assert(
      fc.property(familiarRequest(signal), (request) => {
        const { body } = transcode(signal, request);
        // An empty resource cannot be told from none once it was filled.
        fc.pre(!JSON.stringify(request).includes('"resource":{}'));

        expect(Buffer.compare(withoutAttributes(signal, enricher.enrich(signal, body), attributes), body)).toBe(0);
      }),
      runs,
    );
  });

  it('throws nothing and breaks nothing when it is damaged', () => {
    const recording = recorded(signal, 'pb');
    const change = fc.tuple(fc.nat(recording.length - 1), fc.uint8Array({ maxLength: 4 }), fc.nat(4));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), attributeLists, (changes, attributes) => {
        let body = Buffer.from(recording);
        for (const [at, inserted, removed] of changes) {
          body = Buffer.concat([body.subarray(0, at), inserted, body.subarray(at + removed)]);
        }

        const enriched = new Enricher(attributes).enrich(signal, body);

        const before = inspectRequest(signal, body);
        if (before.ok) expect(inspectRequest(signal, enriched)).toEqual(before);
      }),
      { numRuns: 1_000 },
    );
  });
});
