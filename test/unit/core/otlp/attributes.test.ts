import { describe, expect, it } from 'vitest';
import {
  identityOf,
  identityPlaceholderOf,
  resourceServiceVersion,
} from '../../../../src/main/core/otlp/attributes.ts';
import type { JsonObject } from '../../../../src/main/core/otlp/decode.ts';
import { transcodeJson } from '../../../../src/main/core/otlp/json.ts';
import { testRequest } from '../../../../src/main/core/otlp/synthetic.ts';
import { type Signal, signals } from '../../../../src/shared/signal.ts';
import { below, seededRandom } from '../../../support/random.ts';
import { recorded } from '../../../support/recordings.ts';
import { bytes, delimited } from './fixtures.ts';

describe('resourceServiceVersion', () => {
  it.each(signals)('finds the version of Claude Code in recorded %s', (signal) => {
    expect(resourceServiceVersion(signal, recorded(signal, 'pb'))).toBe('2.1.328');
  });

  it.each([
    ['an empty request', {}],
    ['no resource', { resourceLogs: [{}] }],
    ['no attributes', { resourceLogs: [{ resource: {} }] }],
    [
      'other attributes',
      { resourceLogs: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'x' } }] } }] },
    ],
    [
      'a version that is no text',
      { resourceLogs: [{ resource: { attributes: [{ key: 'service.version', value: { intValue: 2 } }] } }] },
    ],
    ['a version without a value', { resourceLogs: [{ resource: { attributes: [{ key: 'service.version' }] } }] }],
  ])('is undefined for %s', (_, json) => {
    expect(resourceServiceVersion('logs', encoded('logs', json))).toBeUndefined();
  });

  it('looks past fields that it does not know', () => {
    const version = delimited(1, delimited(1, 'service.version'), delimited(2, delimited(1, '1.2.3')));
    const unknown = bytes(0x28, 0x96, 1, 0x31, new Uint8Array(8), 0x3d, new Uint8Array(4), delimited(8, 'x'));

    expect(resourceServiceVersion('traces', delimited(1, unknown, delimited(1, unknown, version)))).toBe('1.2.3');
  });

  it('does not run off the end of a malformed request', () => {
    const body = recorded('metrics', 'pb');
    for (let length = 0; length < 400; length++) {
      expect(['2.1.328', undefined]).toContain(resourceServiceVersion('metrics', body.subarray(0, length)));
    }
  });
});

describe('identityOf', () => {
  const metrics = (resource: JsonObject, point: JsonObject) => {
    const attributes = (of: JsonObject) => Object.entries(of).map(([key, value]) => ({ key, value }));
    return encoded('metrics', {
      resourceMetrics: [
        {
          scopeMetrics: [
            {},
            { metrics: [{ name: 'm' }, { name: 'n', gauge: { dataPoints: [{ attributes: attributes(point) }] } }] },
          ],
          resource: { attributes: attributes(resource) },
        },
      ],
    });
  };
  const text = (stringValue: string) => ({ stringValue });

  it.each(signals)('finds the address in recorded %s', (signal) => {
    expect(identityOf(signal, recorded(signal, 'pb'))).toBe('usable');
  });

  it.each([
    ['usable', { work_email: text('dev@example.com') }, {}],
    ['usable', {}, { 'user.email': text('dev@example.com') }],
    ['usable', { work_email: text('Zoë <zoë.o+x@mail.example.co.uk>') }, {}],
    ['usable', { work_email: text('unknown') }, { 'user.email': text('dev@example.com') }],
    ['none', {}, {}],
    ['none', { work_email: text('') }, {}],
    ['none', { work_email: text('dev') }, { 'user.email': text('dev@localhost') }],
    ['none', { work_email: { intValue: '7' } }, {}],
    ['none', { email: text('dev@example.com') }, { 'user.id': text('dev@example.com') }],
    ['placeholder', { work_email: text('%Email%') }, {}],
    ['placeholder', {}, { 'user.email': text('$USERNAME@example.com') }],
    ['placeholder', { work_email: text('{{mail}}') }, { 'user.email': text('dev@example.com') }],
  ])('is %s for %j and %j', (identity, resource, point) => {
    expect(identityOf('metrics', metrics(resource, point))).toBe(identity);
  });

  it('tells the placeholder and whose place it holds', () => {
    const body = metrics({ work_email: text('x-%Email%') }, { 'user.email': text('dev@example.com') });

    expect(identityPlaceholderOf('metrics', body)).toEqual({ key: 'work_email', placeholder: '%Email%' });
    expect(identityPlaceholderOf('logs', recorded('logs', 'pb'))).toBeUndefined();
  });

  it.each(signals)('takes the first of many merged %s for all of them', (signal) => {
    const nobody = testRequest(signal, 1_795_168_043_000, {});
    const somebody = testRequest(signal, 1_795_168_043_000, { work_email: 'dev@example.com' });

    expect(identityOf(signal, Buffer.concat([nobody, somebody]))).toBe('none');
    expect(identityOf(signal, Buffer.concat([somebody, nobody]))).toBe('usable');
  });

  it.each(signals)('reads damaged %s without harm', (signal) => {
    const body = recorded(signal, 'pb');
    const random = seededRandom(1);
    for (let round = 0; round < 500; round++) {
      const damaged = Buffer.from(body.subarray(0, below(random, body.length)));
      for (let hit = 0; hit < 3; hit++) damaged[below(random, damaged.length)] = below(random, 256);
      expect(['usable', 'placeholder', 'none']).toContain(identityOf(signal, damaged));
    }
  });
});

function encoded(signal: Signal, json: JsonObject): Uint8Array {
  const transcoding = transcodeJson(signal, Buffer.from(JSON.stringify(json)));
  if (!transcoding.ok) throw new Error(transcoding.problem);
  return transcoding.body;
}
