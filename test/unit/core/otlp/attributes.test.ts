import { describe, expect, it } from 'vitest';
import { resourceServiceVersion } from '../../../../src/main/core/otlp/attributes.ts';
import { transcodeJson } from '../../../../src/main/core/otlp/json.ts';
import { signals } from '../../../../src/shared/signal.ts';
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
    const transcoding = transcodeJson('logs', Buffer.from(JSON.stringify(json)));

    if (!transcoding.ok) throw new Error(transcoding.problem);
    expect(resourceServiceVersion('logs', transcoding.body)).toBeUndefined();
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
