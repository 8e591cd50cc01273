import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRequest, type JsonObject, type JsonValue, requestRoot } from '../../../../src/main/core/otlp/decode.ts';
import { inspectRequest } from '../../../../src/main/core/otlp/inspect.ts';
import { transcodeJson } from '../../../../src/main/core/otlp/json.ts';
import { isMessageType, type MessageType, messages, requestType } from '../../../../src/main/core/otlp/schema.ts';
import { signals } from '../../../../src/shared/signal.ts';
import { countPoints } from '../../../support/count-points.ts';
import { recorded } from '../../../support/recordings.ts';
import { requestArbitrary } from './arbitraries.ts';

const runs = { numRuns: 60 };

describe.each(signals)('any %s request', (signal) => {
  it('is well formed and counted right when protobufjs has encoded it', async () => {
    const type = (await requestRoot()).lookupType(requestType[signal]);
    await fc.assert(
      fc.asyncProperty(requestArbitrary(signal), async (request) => {
        const body = type.encode(type.fromObject(forProtobufjs(requestType[signal], request))).finish();

        expect(inspectRequest(signal, body)).toEqual({ ok: true, points: countPoints(signal, request) });
        expect(await decodeRequest(signal, body)).toEqual(request);
      }),
      runs,
    );
  });

  it('comes out of the transcoder as it went in', async () => {
    await fc.assert(
      fc.asyncProperty(requestArbitrary(signal), fc.boolean(), async (request, indented) => {
        const transcoding = transcodeJson(signal, Buffer.from(JSON.stringify(request, null, indented ? 1 : 0)));

        if (!transcoding.ok) throw new Error(transcoding.problem);
        expect(await decodeRequest(signal, transcoding.body)).toEqual(request);
        expect(inspectRequest(signal, transcoding.body)).toEqual({ ok: true, points: transcoding.points });
        expect(transcoding.points).toBe(countPoints(signal, request));
      }),
      runs,
    );
  });

  it('is decodable whenever the walker calls it well formed, whatever was done to a recording', async () => {
    const type = (await requestRoot()).lookupType(requestType[signal]);
    const recording = recorded(signal, 'pb');
    const change = fc.tuple(fc.nat(recording.length - 1), fc.uint8Array({ maxLength: 4 }), fc.nat(4));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        let body = Buffer.from(recording);
        for (const [at, inserted, removed] of changes) {
          body = Buffer.concat([body.subarray(0, at), inserted, body.subarray(at + removed)]);
        }

        if (inspectRequest(signal, body).ok) type.decode(body);
      }),
      { numRuns: 500 },
    );
  });

  it('is refused without an exception when it is noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        for (const { problem } of [inspectRequest(signal, noise), transcodeJson(signal, noise)].filter(
          (it) => !it.ok,
        )) {
          expect(problem).toMatch(/^\S.{5,500}$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** OTLP's own spelling of ids in JSON is none that protobufjs knows. */
function forProtobufjs(type: MessageType, object: JsonObject): Record<string, unknown> {
  const fields = messages[type];
  const convert = (name: string, value: JsonValue): unknown => {
    const fieldType = fields[name]?.type ?? 'string';
    if (Array.isArray(value)) return value.map((element) => convert(name, element));
    if (isMessageType(fieldType) && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return forProtobufjs(fieldType, Object.fromEntries(Object.entries(value)));
    }
    return fieldType === 'traceId' || fieldType === 'spanId' ? Buffer.from(String(value), 'hex') : value;
  };
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, convert(name, value)]));
}
