import { describe, expect, it } from 'vitest';
import { decodeRequest } from '../../../../src/main/core/otlp/decode.ts';
import { inspectRequest } from '../../../../src/main/core/otlp/inspect.ts';
import { transcodeJson } from '../../../../src/main/core/otlp/json.ts';
import { type Signal, signals } from '../../../../src/shared/signal.ts';
import { countPoints } from '../../../support/count-points.ts';
import { recorded } from '../../../support/recordings.ts';
import { normalised, recordedJson } from './fixtures.ts';

function transcode(signal: Signal, json: unknown) {
  return transcodeJson(signal, Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)));
}

/** What a receiver of the protobuf would see. */
async function received(signal: Signal, json: unknown) {
  const transcoding = transcode(signal, json);
  if (!transcoding.ok) throw new Error(transcoding.problem);
  return decodeRequest(signal, transcoding.body);
}

function problem(signal: Signal, json: unknown): string | undefined {
  const transcoding = transcode(signal, json);
  return transcoding.ok ? undefined : transcoding.problem;
}

const point = (value: object) => ({
  resourceMetrics: [{ scopeMetrics: [{ metrics: [{ gauge: { dataPoints: [value] } }] }] }],
});
const log = (record: object) => ({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] });
const span = (value: object) => ({ resourceSpans: [{ scopeSpans: [{ spans: [value] }] }] });
const metric = (value: object) => ({ resourceMetrics: [{ scopeMetrics: [{ metrics: [value] }] }] });

describe('transcodeJson', () => {
  it.each(signals)('keeps all of what Claude Code exported as %s', async (signal) => {
    const transcoding = transcodeJson(signal, recorded(signal, 'json'));

    if (!transcoding.ok) throw new Error(transcoding.problem);
    expect(await decodeRequest(signal, transcoding.body)).toEqual(normalised(recordedJson(signal)));
    expect(transcoding.points).toBe(countPoints(signal, recordedJson(signal)));
    expect(inspectRequest(signal, transcoding.body)).toEqual({ ok: true, points: transcoding.points });
  });

  it.each(signals)('takes an empty %s request', (signal) => {
    expect(transcode(signal, {})).toEqual({ ok: true, body: new Uint8Array(), points: 0 });
  });

  it.each<[string, object, object?]>([
    ['text', { stringValue: 'grüße \u{1f600} "\\\n\u0001' }],
    ['empty text', { stringValue: '' }],
    ['false', { boolValue: false }],
    ['zero as a number', { intValue: 0 }, { intValue: '0' }],
    ['the smallest integer', { intValue: '-9223372036854775808' }],
    ['the largest integer', { intValue: '9223372036854775807' }],
    ['a double', { doubleValue: 1.5 }],
    ['zero as a double', { doubleValue: 0 }],
    ['no number', { doubleValue: 'NaN' }],
    ['infinity', { doubleValue: '-Infinity' }],
    ['an empty list', { arrayValue: {} }],
    ['a list', { arrayValue: { values: [{ intValue: '1' }, {}, { stringValue: 'x' }] } }],
    ['a map', { kvlistValue: { values: [{ key: 'a', value: { boolValue: true } }] } }],
    ['bytes', { bytesValue: 'AP8Q' }],
    ['bytes in the alphabet for URLs', { bytesValue: '-_8' }, { bytesValue: '+/8=' }],
    ['nothing', {}],
  ])('keeps an attribute that is %s', async (_, value, expected = value) => {
    const request = log({ attributes: [{ key: 'k', value }] });

    expect(await received('logs', request)).toEqual(log({ attributes: [{ key: 'k', value: expected }] }));
  });

  const times = { startTimeUnixNano: '1795168043421000000', timeUnixNano: '1795168043542000000' };
  const exemplar = {
    timeUnixNano: '1',
    asInt: '-2',
    traceId: '198b20ecc22d846a3629ea59bbbab0dc',
    spanId: '1ba1ef77af4dc916',
    filteredAttributes: [{ key: 'k', value: { boolValue: true } }],
  };
  it.each([
    [
      'gauge',
      {
        gauge: {
          dataPoints: [
            { ...times, asDouble: 0, exemplars: [exemplar] },
            { ...times, asInt: '0', flags: 1 },
          ],
        },
      },
    ],
    [
      'sum',
      {
        sum: {
          dataPoints: [{ ...times, asInt: '-9223372036854775808' }],
          aggregationTemporality: 1,
          isMonotonic: true,
        },
      },
    ],
    [
      'histogram',
      {
        histogram: {
          dataPoints: [
            {
              ...times,
              count: '18446744073709551615',
              sum: 0,
              min: 0,
              max: 0,
              bucketCounts: ['0', '3'],
              explicitBounds: [0.5, 'Infinity'],
              exemplars: [exemplar],
            },
          ],
          aggregationTemporality: 2,
        },
      },
    ],
    [
      'exponential histogram',
      {
        exponentialHistogram: {
          dataPoints: [
            {
              ...times,
              count: '3',
              sum: -1.5,
              scale: -3,
              zeroCount: '1',
              zeroThreshold: 1e-9,
              min: -2,
              max: 0,
              positive: { offset: -1, bucketCounts: ['0', '300', '18446744073709551615'] },
              negative: {},
            },
          ],
          aggregationTemporality: 1,
        },
      },
    ],
    [
      'summary',
      {
        summary: { dataPoints: [{ ...times, count: '2', sum: 3, quantileValues: [{ quantile: 0.5, value: 1 }, {}] }] },
      },
    ],
  ])('keeps a %s', async (_, data) => {
    const request = metric({ name: 'm', unit: '1', description: 'd', ...data, metadata: [{ key: 'k', value: {} }] });

    expect(await received('metrics', request)).toEqual(request);
  });

  it('keeps a span with events, links and status', async () => {
    const request = span({
      traceId: '198b20ecc22d846a3629ea59bbbab0dc',
      spanId: '1ba1ef77af4dc916',
      parentSpanId: 'b2758358a615a920',
      traceState: 'a=b',
      name: 'n',
      kind: 3,
      flags: 257,
      startTimeUnixNano: '1',
      endTimeUnixNano: '2',
      droppedAttributesCount: 1,
      events: [{ timeUnixNano: '1', name: 'e', attributes: [{ key: 'k', value: {} }] }],
      droppedEventsCount: 2,
      links: [{ traceId: '198b20ecc22d846a3629ea59bbbab0dc', spanId: '1ba1ef77af4dc916', flags: 4294967295 }],
      droppedLinksCount: 4294967295,
      status: { message: 'm', code: 2 },
    });

    expect(await received('traces', request)).toEqual(request);
  });

  it('keeps entity references and schema addresses', async () => {
    const resource = { entityRefs: [{ schemaUrl: 'u', type: 't', idKeys: ['a', ''], descriptionKeys: ['b'] }] };
    const request = { resourceLogs: [{ resource, schemaUrl: 'https://example.com/1.0' }] };

    expect(await received('logs', request)).toEqual(request);
  });

  it.each([
    ['as plain digits, beyond the exact doubles', '9007199254740993', '9007199254740993'],
    ['with an exponent', '1.5e3', '1500'],
    ['with a fraction that is none', '20.00', '20'],
    ['with leading zeros in text', '"007"', '7'],
    ['as zero with an exponent', '0e99', '0'],
  ])('reads an integer %s exactly', async (_, written, expected) => {
    const request = JSON.stringify(point({ asInt: 'HERE' })).replace('"HERE"', written);

    expect(await received('metrics', request)).toEqual(point({ asInt: expected }));
  });

  it('reads ids in either case, and empty ones as absent', async () => {
    const request = span({ traceId: '198B20ECC22D846A3629EA59BBBAB0DC', spanId: '', parentSpanId: null });

    expect(await received('traces', request)).toEqual(span({ traceId: '198b20ecc22d846a3629ea59bbbab0dc' }));
  });

  it('ignores names that it does not know, snake_case among them, and takes null as absent', async () => {
    const request = log({
      observed_time_unix_nano: 'x',
      future: { a: [1, -2.5e-3, 'x', null, true, { b: {} }] },
      body: null,
      attributes: null,
      eventName: 'e',
    });

    expect(await received('logs', request)).toEqual(log({ eventName: 'e' }));
  });

  it('takes names with escapes, blanks and a byte order mark', async () => {
    const json = '\ufeff\r\n\t { "resource\\u004cogs" : [ { "scopeLogs" : [ ] } ] } \n';

    expect(await received('logs', json)).toEqual({ resourceLogs: [{}] });
  });

  it('replaces half a surrogate pair, which UTF-8 cannot hold', async () => {
    expect(await received('logs', '{"resourceLogs":[{"schemaUrl":"a\\ud800b"}]}')).toEqual({
      resourceLogs: [{ schemaUrl: 'a\ufffdb' }],
    });
  });

  const logAt = 'resourceLogs[0].scopeLogs[0].logRecords[0]';
  const pointAt = 'resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[0]';
  const spanAt = 'resourceSpans[0].scopeSpans[0].spans[0]';
  it.each<[Signal, unknown, string]>([
    ['metrics', [], 'request: expected an object, found an array'],
    [
      'metrics',
      { resourceMetrics: [{ scopeMetrics: 'x' }] },
      'resourceMetrics[0].scopeMetrics: expected an array, found a string',
    ],
    ['metrics', { resourceMetrics: [{}, 5] }, 'resourceMetrics[1]: expected an object, found a number'],
    ['metrics', { resourceMetrics: [null] }, 'resourceMetrics[0]: expected an object, found null'],
    [
      'metrics',
      point({ asDouble: 'x' }),
      `${pointAt}.asDouble: expected a number, "NaN", "Infinity" or "-Infinity", found another string`,
    ],
    [
      'metrics',
      point({ asDouble: true }),
      `${pointAt}.asDouble: expected a number, "NaN", "Infinity" or "-Infinity", found a boolean`,
    ],
    ['metrics', point({ asInt: 1.5 }), `${pointAt}.asInt: expected a 64-bit integer, found a number that is none`],
    ['metrics', point({ asInt: '0x10' }), `${pointAt}.asInt: expected a 64-bit integer, found a string that is none`],
    ['metrics', point({ asInt: '' }), `${pointAt}.asInt: expected a 64-bit integer, found a string that is none`],
    [
      'metrics',
      point({ asInt: '9223372036854775808' }),
      `${pointAt}.asInt: expected a 64-bit integer, found a number that is out of its range`,
    ],
    [
      'metrics',
      point({ timeUnixNano: -1 }),
      `${pointAt}.timeUnixNano: expected an unsigned 64-bit integer, found a number that is out of its range`,
    ],
    [
      'metrics',
      point({ flags: 4294967296 }),
      `${pointAt}.flags: expected an integer from 0 to 4294967295, found a number that is out of its range`,
    ],
    [
      'metrics',
      point({ attributes: [{ key: 'a' }, { key: 1 }] }),
      `${pointAt}.attributes[1].key: expected a string, found a number`,
    ],
    [
      'logs',
      log({ severityNumber: 'SEVERITY_NUMBER_INFO' }),
      `${logAt}.severityNumber: expected an integer (enums have no names in OTLP), found a string`,
    ],
    [
      'logs',
      log({ traceId: 'abc' }),
      `${logAt}.traceId: expected 32 hexadecimal digits, found a string of 3 characters`,
    ],
    [
      'logs',
      log({ spanId: 'zzzzzzzzzzzzzzzz' }),
      `${logAt}.spanId: expected 16 hexadecimal digits, found other characters`,
    ],
    ['logs', log({ body: 'text' }), `${logAt}.body: expected an object, found a string`],
    ['logs', log({ body: { boolValue: 1 } }), `${logAt}.body.boolValue: expected a boolean, found a number`],
    [
      'logs',
      log({ body: { bytesValue: '*' } }),
      `${logAt}.body.bytesValue: expected bytes in base64, found a string that is not`,
    ],
    ['logs', '{"resourceLogs":[],"resourceLogs":[]}', 'resourceLogs: given twice'],
    ['traces', span({ status: [] }), `${spanAt}.status: expected an object, found an array`],
    ['traces', span({ spanId: 5 }), `${spanAt}.spanId: expected 16 hexadecimal digits, found a number`],
  ])('names the path, what was expected and what was found (%s, %j)', (signal, json, expected) => {
    expect(problem(signal, json)).toBe(expected);
  });

  it.each([
    ['', 'line 1, column 1: unexpected end of the text'],
    ['\n{', 'line 2, column 2: unexpected end of the text'],
    ['{"resourceLogs":[{"a":"ü",}]}', 'line 1, column 27: expected a name in double quotes'],
    ['{"resourceLogs":[1 2]}', 'resourceLogs[0]: expected an object, found a number'],
    ['{"x":[1\n 2]}', 'line 2, column 2: expected "," or "]"'],
    ['{"x" 1}', 'line 1, column 6: expected ":"'],
    ['{"x":01}', 'line 1, column 7: expected "," or "}"'],
    ['{"x":-}', 'line 1, column 7: expected a digit'],
    ['{"x":1.}', 'line 1, column 8: expected a digit'],
    ['{"x":1e}', 'line 1, column 8: expected a digit'],
    ['{"x":tru}', 'line 1, column 6: expected a value'],
    ['{"x":\'\'}', 'line 1, column 6: expected a value'],
    ['{"x":"a\nb"}', 'line 1, column 8: a control character stands in a string'],
    ['{"x":"a', 'line 1, column 8: unexpected end of the text'],
    ['{"x":"\\x"}', 'line 1, column 8: no such escape'],
    ['{"x":"\\u00g0"}', 'line 1, column 11: expected four hexadecimal digits'],
    ['{} {}', 'line 1, column 4: expected the end of the text'],
  ])('names line and column of a mistake in %j', (json, expected) => {
    expect(problem('logs', json)).toBe(expected.startsWith('line') ? `invalid JSON at ${expected}` : expected);
  });

  it('names the place of bytes that are not UTF-8, also far inside', () => {
    const body = Buffer.concat([Buffer.from('{"x":"ü",\n"y":"'), Buffer.of(0xff), Buffer.from('"}')]);
    const large = Buffer.concat([Buffer.from(`{"x":"${'ü'.repeat(100_000)}\n`), Buffer.of(0xc3)]);

    expect(transcodeJson('logs', body)).toEqual({ ok: false, problem: 'invalid UTF-8 at line 2, column 6' });
    expect(transcodeJson('logs', large)).toEqual({ ok: false, problem: 'invalid UTF-8 at line 2, column 1' });
  });

  it.each([
    ['values', `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${'{"arrayValue":{"values":['.repeat(100_000)}`],
    ['unknown objects', `{"x":${'{"a":'.repeat(100_000)}`],
    ['unknown arrays', `{"x":${'['.repeat(100_000)}`],
  ])('refuses %s that nest without end', (_, json) => {
    expect(problem('logs', json)).toMatch(/nested (deeper than 100 levels|too deeply)$/);
  });

  it('does not spend time on numbers that are too long to be any', () => {
    expect(problem('metrics', point({ asInt: `1${'0'.repeat(1_000_000)}1` }))).toMatch(/out of its range$/);
    expect(problem('metrics', point({ asInt: '1e999999999' }))).toMatch(/out of its range$/);
    expect(
      problem(
        'metrics',
        `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asDouble":1e999}]}}]}]}]}`,
      ),
    ).toMatch(/out of the range of a double$/);
  });

  it('does not hold any value out of the request in a problem', () => {
    for (const json of [
      log({ body: 'canary' }),
      log({ traceId: 'canary' }),
      '{"x":"canary" "y"',
      '{canary',
      log({ body: { intValue: 'canary' } }),
    ]) {
      expect(problem('logs', json)).not.toContain('canary');
    }
  });

  it('writes lengths of every size', async () => {
    for (const length of [127, 128, 16_383, 16_384, 2_100_000]) {
      const request = {
        resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'x'.repeat(length) } }] }] }],
      };

      expect(await received('logs', request)).toEqual(request);
    }
  });
});
