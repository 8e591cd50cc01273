import { describe, expect, it } from 'vitest';
import { decodeRequest, type JsonObject } from '../../../../src/main/core/otlp/decode.ts';
import { maskConfidential } from '../../../../src/main/core/otlp/mask.ts';
import { signals } from '../../../../src/shared/signal.ts';
import { recorded } from '../../../support/recordings.ts';

const attribute = (key: string, value: JsonObject) => ({ key, value });

describe('maskConfidential', () => {
  it.each(signals)('keeps the shape, the names and the numbers of recorded %s', async (signal) => {
    const decoded = await decodeRequest(signal, recorded(signal, 'pb'));

    const masked = maskConfidential(decoded);

    expect(shape(masked)).toEqual(shape(decoded));
    const text = JSON.stringify(masked);
    for (const kept of ['claude-code', '2.1.328', 'linux', 'non-interactive', 'claude-opus-5-5', 'UnixNano":"17951']) {
      expect(text).toContain(kept);
    }
    for (const confidential of ['dev@example.com', '<REDACTED>', '483c2abf2db5a5dc'])
      expect(text).not.toContain(confidential);
  });

  it('masks every text that is not known to be harmless, with its length', () => {
    const record = {
      body: { stringValue: 'my prompt \u{1f600}' },
      severityText: 'INFO',
      traceId: '198b20ecc22d846a3629ea59bbbab0dc',
      timeUnixNano: '1795168043421000000',
      attributes: [
        attribute('model', { stringValue: 'claude-opus-5-5' }),
        attribute('anything.new', { stringValue: 'secret' }),
        attribute('count', { intValue: '42' }),
        attribute('gen_ai.response.finish_reasons', { arrayValue: { values: [{ stringValue: 'end_turn' }] } }),
        attribute('list', { arrayValue: { values: [{ stringValue: 'a' }, { doubleValue: 'NaN' }] } }),
        attribute('model', { kvlistValue: { values: [attribute('x', { stringValue: 'hidden' })] } }),
        attribute('raw', { bytesValue: 'AP8Q' }),
      ],
    };

    expect(maskConfidential({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] })).toEqual({
      resourceLogs: [
        {
          scopeLogs: [
            {
              logRecords: [
                {
                  ...record,
                  body: { stringValue: '‹masked, 11 characters›' },
                  attributes: [
                    record.attributes[0],
                    attribute('anything.new', { stringValue: '‹masked, 6 characters›' }),
                    record.attributes[2],
                    record.attributes[3],
                    attribute('list', {
                      arrayValue: { values: [{ stringValue: '‹masked, 1 characters›' }, { doubleValue: 'NaN' }] },
                    }),
                    attribute('model', {
                      kvlistValue: { values: [attribute('x', { stringValue: '‹masked, 6 characters›' })] },
                    }),
                    attribute('raw', { bytesValue: '‹masked, 4 characters›' }),
                  ],
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it('masks free text in the place of a name', () => {
    const spans = [
      { name: 'claude_code.tool', status: { message: 'cannot open /home/dev/secret' } },
      { name: 'read the file of dev@example.com', traceState: 'vendor=dev' },
    ];

    expect(maskConfidential({ spans })).toEqual({
      spans: [
        { name: 'claude_code.tool', status: { message: '‹masked, 28 characters›' } },
        { name: '‹masked, 32 characters›', traceState: '‹masked, 10 characters›' },
      ],
    });
  });
});

/** The same value with every text emptied. */
function shape(value: JsonObject): unknown {
  return JSON.parse(JSON.stringify(value, (_, member) => (typeof member === 'string' ? '' : member)));
}
