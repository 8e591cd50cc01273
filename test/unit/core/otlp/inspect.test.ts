import { describe, expect, it } from 'vitest';
import { inspectRequest } from '../../../../src/main/core/otlp/inspect.ts';
import { signals } from '../../../../src/shared/signal.ts';
import { recorded } from '../../../support/recordings.ts';
import { bytes, delimited } from './fixtures.ts';

describe('inspectRequest', () => {
  it('counts what Claude Code exported', () => {
    expect(inspectRequest('metrics', recorded('metrics', 'pb'))).toEqual({ ok: true, points: 7 });
    expect(inspectRequest('logs', recorded('logs', 'pb'))).toEqual({ ok: true, points: 7 });
    expect(inspectRequest('traces', recorded('traces', 'pb'))).toEqual({ ok: true, points: 2 });
  });

  it.each(signals)('takes an empty %s request', (signal) => {
    expect(inspectRequest(signal, new Uint8Array())).toEqual({ ok: true, points: 0 });
  });

  it.each([
    ['gauge', 5],
    ['sum', 7],
    ['histogram', 9],
    ['exponential histogram', 10],
    ['summary', 11],
  ])('counts the data points of a %s', (_, field) => {
    expect(inspectRequest('metrics', metric(delimited(field, delimited(1), delimited(1))))).toEqual({
      ok: true,
      points: 2,
    });
  });

  it('takes packed and single numbers alike', () => {
    const eight = new Uint8Array(8);
    const packed = delimited(9, delimited(1, delimited(6, eight, eight), delimited(7, eight)));
    const single = delimited(9, delimited(1, 0x31, eight, 0x31, eight, 0x39, eight));
    const buckets = delimited(10, delimited(1, delimited(8, delimited(2, 1, 0x80, 1), 0x10, 5)));

    for (const data of [packed, single, buckets]) {
      expect(inspectRequest('metrics', metric(data))).toEqual({ ok: true, points: 1 });
    }
  });

  it('skips fields and groups that it does not know', () => {
    const unknown = bytes(
      [0xa0, 0x06, 0x01].reduce((all, byte) => bytes(all, byte), bytes()),
      bytes(0xa1, 0x06, new Uint8Array(8)),
      bytes(0xa2, 0x06, 3, 'abc'),
      bytes(0xa5, 0x06, new Uint8Array(4)),
      bytes(0xa3, 0x06, 0x08, 0x01, 0x13, 0x14, 0xa4, 0x06),
    );

    expect(inspectRequest('logs', bytes(unknown, delimited(1, delimited(2, unknown, delimited(2)))))).toEqual({
      ok: true,
      points: 1,
    });
  });

  it.each<[string, Uint8Array, string]>([
    [
      'a length over its parent',
      delimited(1, delimited(2, delimited(2), delimited(2), bytes(0x12, 100))),
      'resource_metrics[0].scope_metrics[0].metrics[2]: length 100 at byte 10 exceeds its parent',
    ],
    [
      'a length that would fit the request but not its parent',
      bytes(delimited(1, 0x0a, 3), delimited(1, 'xyz')),
      'resource_metrics[0].resource: length 3 at byte 4 exceeds its parent',
    ],
    ['a request that ends in a length', bytes(0x0a), 'resource_metrics[0]: length at byte 1 is cut short'],
    [
      'a length over 31 bits',
      bytes(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f),
      'resource_metrics[0]: length at byte 1 is too large',
    ],
    ['a request that ends in a tag', bytes(delimited(1), 0x8a), 'request: tag at byte 2 is cut short'],
    ['a tag over 32 bits', bytes(0xff, 0xff, 0xff, 0xff, 0x1f), 'request: tag at byte 0 is too large'],
    ['field number 0', delimited(1, 0x02, 0), 'resource_metrics[0]: field number 0 at byte 2'],
    ['JSON instead of protobuf', bytes('{"resourceMetrics":[]}'), 'field 15: length 114 at byte 2 exceeds its parent'],
    [
      'a number where a message must be',
      bytes(delimited(1), 0x08, 1),
      'resource_metrics[1]: wire type 0 at byte 2, expected 2 (length-delimited)',
    ],
    [
      'a message where a number must be',
      metric(delimited(5, delimited(1, delimited(3, 'x')))),
      'resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].time_unix_nano: wire type 2 at byte 10, expected 1 (64 bits)',
    ],
    [
      'a number that is cut short',
      metric(delimited(5, delimited(1, 0x19, 1, 2, 3))),
      'resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].time_unix_nano: 64-bit value at byte 11 is cut short',
    ],
    [
      'a varint of eleven bytes',
      metric(delimited(7, 0x10, new Uint8Array(10).fill(0x80), 0)),
      'resource_metrics[0].scope_metrics[0].metrics[0].sum.aggregation_temporality: varint at byte 9 is longer than 10 bytes',
    ],
    [
      'packed numbers that do not come out even',
      metric(delimited(9, delimited(1, delimited(6, 'seven..')))),
      'resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points[0].bucket_counts[0]: packed 64-bit values at byte 12 are cut short',
    ],
    ['a group that is not closed', bytes(0xa3, 0x06, 0x08, 0x01), 'field 100: group 100 at byte 0 is not closed'],
    [
      'a group closed by another',
      bytes(0xa3, 0x06, 0xac, 0x06),
      'field 100: end of group 101 at byte 2, expected that of 100',
    ],
    ['a wire type that does not exist', bytes(0xa6, 0x06), 'field 100: wire type 6 at byte 0 does not exist'],
  ])('names the place of %s', (_, body, problem) => {
    expect(inspectRequest('metrics', body)).toEqual({ ok: false, problem });
  });

  it('says which attribute of which record is broken', () => {
    const attribute = delimited(6, delimited(1, 'k'), delimited(2, delimited(1, 'v')));
    const broken = delimited(6, delimited(1, 'k'), delimited(2, 0x18));
    const body = delimited(1, delimited(2, delimited(2, attribute), delimited(2, attribute, attribute, broken)));

    expect(inspectRequest('logs', body)).toEqual({
      ok: false,
      problem:
        'resource_logs[0].scope_logs[0].log_records[1].attributes[2].value.int_value: varint at byte 46 is cut short',
    });
  });

  it('refuses every recording that is cut short', () => {
    for (const signal of signals) {
      const body = recorded(signal, 'pb');
      for (let length = 1; length < body.length; length++) {
        expect(inspectRequest(signal, body.subarray(0, length))).toMatchObject({ ok: false });
      }
    }
  });

  it('bounds the nesting of values and of groups', () => {
    const nested = (levels: number) => {
      let value: Uint8Array = new Uint8Array();
      for (let level = 0; level < levels; level++) {
        const array = wrap(1, value);
        value = wrap(5, array);
      }
      return wrap(1, wrap(2, wrap(2, wrap(5, value))));
    };

    expect(inspectRequest('logs', nested(47))).toEqual({ ok: true, points: 1 });
    expect(inspectRequest('logs', nested(48))).toMatchObject({
      ok: false,
      problem: expect.stringMatching(
        /^resource_logs\[0\]\.scope_logs\[0\]\.log_records\[0\]\.body\.array_value\.values\[0\]\..*: nested deeper than 100 levels at byte \d+$/,
      ),
    });
    expect(inspectRequest('logs', new Uint8Array(1_000_000).fill(0x0b))).toMatchObject({ ok: false });
  });

  it('does not hold any value out of the request in the problem', () => {
    const body = delimited(1, delimited(1, delimited(1, delimited(1, 'canary'), delimited(2, 0x0a, 100, 'canary'))));

    const inspection = inspectRequest('traces', body);

    expect(inspection).toMatchObject({ ok: false });
    expect(JSON.stringify(inspection)).not.toContain('canary');
  });
});

function metric(data: Uint8Array): Uint8Array {
  return delimited(1, delimited(2, delimited(2, data)));
}

function wrap(number: number, content: Uint8Array): Uint8Array {
  const length: number[] = [];
  for (let rest = content.length; ; rest >>>= 7) {
    if (rest < 0x80) {
      length.push(rest);
      break;
    }
    length.push((rest & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.of(number * 8 + 2, ...length), content]);
}
