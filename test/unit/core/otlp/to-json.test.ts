import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRequest } from '../../../../src/main/core/otlp/decode.ts';
import { inspectRequest } from '../../../../src/main/core/otlp/inspect.ts';
import { transcodeJson } from '../../../../src/main/core/otlp/json.ts';
import { isMessageType, type MessageType, messages, requestType } from '../../../../src/main/core/otlp/schema.ts';
import { JsonEncoder } from '../../../../src/main/core/otlp/to-json.ts';
import { WireCursor } from '../../../../src/main/core/otlp/wire.ts';
import { type Signal, signals } from '../../../../src/shared/signal.ts';
import { recorded } from '../../../support/recordings.ts';
import { varint } from '../../../support/varint.ts';
import { requestArbitrary } from './arbitraries.ts';
import { bytes, delimited, normalised, recordedJson } from './fixtures.ts';

function toText(signal: Signal, body: Uint8Array): string {
  // What comes out for anything else means nothing.
  expect(inspectRequest(signal, body)).toMatchObject({ ok: true });
  const encoder = new JsonEncoder(signal, body);
  let json = encoder.step();
  while (json === undefined) json = encoder.step();
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json);
}

function toJson(signal: Signal, body: Uint8Array): unknown {
  return JSON.parse(toText(signal, body));
}

function toProtobuf(signal: Signal, json: unknown): Uint8Array {
  const transcoding = transcodeJson(signal, Buffer.from(JSON.stringify(json)));
  if (!transcoding.ok) throw new Error(transcoding.problem);
  return transcoding.body;
}

describe.each(signals)('%s', (signal) => {
  it('come out of both ways as they went in, whatever they are', () => {
    fc.assert(
      fc.property(requestArbitrary(signal), (request) => {
        const body = toProtobuf(signal, request);
        expect(toJson(signal, body)).toEqual(request);
        expect(Buffer.from(toProtobuf(signal, toJson(signal, body)))).toEqual(Buffer.from(body));
      }),
      { numRuns: 100 },
    );
  });

  it('as Claude Code sends them lose nothing', async () => {
    const body = recorded(signal, 'pb');
    const json = toText(signal, body);
    const back = transcodeJson(signal, Buffer.from(json));
    if (!back.ok) throw new Error(back.problem);
    expect(await decodeRequest(signal, back.body)).toEqual(await decodeRequest(signal, body));
    // The SDK writes some zeros that protobuf need not have: what is left then is the same to the byte.
    expect(toText(signal, back.body)).toBe(toText(signal, Buffer.from(toProtobuf(signal, JSON.parse(json)))));
    expect(Buffer.from(toProtobuf(signal, toJson(signal, back.body)))).toEqual(Buffer.from(back.body));
  });

  it('as Claude Code sends them in JSON come out as they were, but for the defaults', () => {
    const request = recordedJson(signal);
    expect(toJson(signal, toProtobuf(signal, request))).toEqual(normalised(request));
  });

  it('mean the same when their fields stand in any order, in several places', async () => {
    await fc.assert(
      fc.asyncProperty(requestArbitrary(signal), fc.infiniteStream(fc.nat()), async (request, numbers) => {
        const shuffled = shuffle(requestType[signal], toProtobuf(signal, request), () => numbers.next().value ?? 0);
        expect(await decodeRequest(signal, shuffled)).toEqual(request);
        expect(toJson(signal, shuffled)).toEqual(request);
      }),
      { numRuns: 100 },
    );
  });
});

describe('fields that come again', () => {
  const attribute = (key: string, value: Uint8Array) => delimited(1, delimited(1, key), delimited(2, value));
  const inResource = (...parts: Uint8Array[]) => delimited(1, delimited(1, ...parts));
  const resourceOf = (body: Uint8Array) => toJson('logs', body);

  it('the last text counts', () => {
    const body = delimited(1, delimited(3, 'first'), delimited(3, 'last'));
    expect(resourceOf(body)).toEqual({ resourceLogs: [{ schemaUrl: 'last' }] });
  });

  it('messages are merged', () => {
    const first = delimited(1, attribute('a', delimited(1, 'x')), bytes(0x10, 7));
    const second = delimited(1, attribute('b', bytes(0x10, 1)), bytes(0x10, 9));
    expect(resourceOf(delimited(1, first, delimited(3, 'url'), second))).toEqual({
      resourceLogs: [
        {
          resource: {
            attributes: [
              { key: 'a', value: { stringValue: 'x' } },
              { key: 'b', value: { boolValue: true } },
            ],
            droppedAttributesCount: 9,
          },
          schemaUrl: 'url',
        },
      ],
    });
  });

  it("of a oneof's members the last counts, and what came before it is gone", () => {
    const list = (text: string) => delimited(5, delimited(1, delimited(1, text)));
    const value = (...parts: Uint8Array[]) => inResource(attribute('k', bytes(...parts)));
    const expected = (json: object) => ({
      resourceLogs: [{ resource: { attributes: [{ key: 'k', value: json }] } }],
    });
    expect(resourceOf(value(delimited(1, 'x'), bytes(0x18, 5)))).toEqual(expected({ intValue: '5' }));
    expect(resourceOf(value(list('x'), list('y')))).toEqual(
      expected({ arrayValue: { values: [{ stringValue: 'x' }, { stringValue: 'y' }] } }),
    );
    expect(resourceOf(value(list('x'), bytes(0x18, 5), list('y')))).toEqual(
      expected({ arrayValue: { values: [{ stringValue: 'y' }] } }),
    );
  });

  it('on every level of something deep', () => {
    let value: Uint8Array = delimited(1, 'x');
    for (let level = 0; level < 44; level++) {
      const bigger = wrapped(1, value);
      const list = wrapped(5, bigger);
      value = bytes(list, wrapped(5, bytes()));
    }
    const body = wrapped(1, wrapped(2, wrapped(2, wrapped(5, value))));
    expect(toText('logs', body).match(/"arrayValue"/g)).toHaveLength(44);
  });
});

describe('what else protobuf allows', () => {
  it('unknown fields and groups are left out', () => {
    const unknown = bytes(
      0x50,
      1,
      delimited(11, 'x'),
      0x65,
      1,
      2,
      3,
      4,
      0x69,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      0x73,
      0x08,
      1,
      0x74,
    );
    expect(toJson('logs', bytes(unknown, delimited(1, unknown, delimited(3, 'u'), unknown)))).toEqual({
      resourceLogs: [{ schemaUrl: 'u' }],
    });
  });

  it('lists of numbers are one list, packed or not, and whatever stands between', () => {
    const counts = (...parts: Uint8Array[]) =>
      delimited(1, delimited(2, delimited(2, delimited(10, delimited(1, delimited(8, ...parts))))));
    const body = counts(bytes(0x12, 2, 1, 2), bytes(0x12, 0), bytes(0x10, 3), bytes(0x08, 3), bytes(0x12, 2, 0x80, 1));
    expect(toJson('metrics', body)).toEqual({
      resourceMetrics: [
        {
          scopeMetrics: [
            {
              metrics: [
                {
                  exponentialHistogram: {
                    dataPoints: [{ positive: { bucketCounts: ['1', '2', '3', '128'], offset: -2 } }],
                  },
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it.each([
    ['plain', 'plain', '"plain"'],
    ['with escapes', '"\\/\b\f\n\r\t\u0000\u001f\u007f', '"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u007f"'],
    ['of the world', 'naïve ✓ 🙂 \u2028', '"naïve ✓ 🙂 \u2028"'],
    ['that starts with a byte order mark', '\ufeffx', '"\ufeffx"'],
    ['that is not UTF-8', bytes('a', 0xff, 'b"', 0xc3), '"a\ufffdb\\"\ufffd"'],
    ['that is empty', '', '""'],
  ])('text %s', (_what, text, json) => {
    expect(toText('logs', delimited(1, delimited(3, text)))).toBe(`{"resourceLogs":[{"schemaUrl":${json}}]}`);
  });

  it.each([
    ['NaN', Number.NaN, '"NaN"'],
    ['infinity', Number.POSITIVE_INFINITY, '"Infinity"'],
    ['minus infinity', Number.NEGATIVE_INFINITY, '"-Infinity"'],
    ['minus zero', -0, '-0'],
    ['the smallest', 5e-324, '5e-324'],
    ['a large one', 1e300, '1e+300'],
  ])('the double %s', (_what, number, json) => {
    const double = Buffer.alloc(8);
    double.writeDoubleLE(number);
    const body = delimited(1, delimited(2, delimited(2, delimited(5, delimited(1, bytes(0x21, double))))));
    const text = toText('metrics', body);
    expect(text).toContain(`{"asDouble":${json}}`);
    expect(Buffer.from(toProtobuf('metrics', JSON.parse(text)))).toEqual(
      Object.is(number, -0) ? Buffer.from(toProtobuf('metrics', JSON.parse(text))) : Buffer.from(body),
    );
  });

  it('an integer that was written too long is what it is in its type', () => {
    const long = bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);
    const record = delimited(2, delimited(2, bytes(0x10, long, 0x38, long)));
    expect(toJson('logs', delimited(1, record))).toEqual({
      resourceLogs: [{ scopeLogs: [{ logRecords: [{ severityNumber: -1, droppedAttributesCount: 4294967295 }] }] }],
    });
  });

  it('an empty request is an empty object', () => {
    expect(toText('traces', new Uint8Array())).toBe('{}');
  });
});

it('a large request is made in several steps', () => {
  const one = recorded('logs', 'pb');
  const body = Buffer.concat(Array.from({ length: 400 }, () => one));
  const encoder = new JsonEncoder('logs', body);
  let steps = 1;
  let json = encoder.step();
  for (; json === undefined; json = encoder.step()) steps++;
  expect(steps).toBeGreaterThan(5);
  const resourceLogs = Array.from({ length: 400 }, () => toText('logs', one).slice('{"resourceLogs":['.length, -2));
  expect(Buffer.from(json).toString()).toBe(`{"resourceLogs":[${resourceLogs.join(',')}]}`);
});

/** The same message with its fields in another order: what belongs together keeps its own order, lists of messages too. */
function shuffle(type: MessageType, body: Uint8Array, number: () => number): Uint8Array {
  const cursor = new WireCursor(body);
  const queues = new Map<string, Uint8Array[]>();
  while (cursor.at < body.length) {
    const start = cursor.at;
    const tag = cursor.varint();
    const field = Object.values(messages[type]).find((one) => one.number === tag >>> 3);
    let whole: Uint8Array;
    if (field !== undefined && isMessageType(field.type)) {
      const length = cursor.varint();
      const inner = body.subarray(cursor.at, cursor.at + length);
      cursor.at += length;
      whole = wrapped(field.number, shuffle(field.type, inner, number));
    } else {
      cursor.skip(tag);
      whole = body.subarray(start, cursor.at);
    }
    const key = field?.oneof ?? String(tag >>> 3);
    queues.set(key, [...(queues.get(key) ?? []), whole]);
  }
  const parts: Uint8Array[] = [];
  const left = [...queues.values()];
  while (left.length > 0) {
    const index = number() % left.length;
    const next = left[index]?.shift();
    if (next === undefined) left.splice(index, 1);
    else parts.push(next);
  }
  return bytes(...parts);
}

/** A length-delimited field of any size, whose number is below 16. */
function wrapped(number: number, content: Uint8Array): Uint8Array {
  return bytes(number * 8 + 2, Buffer.from(varint(content.length)), content);
}
