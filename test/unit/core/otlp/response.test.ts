import { describe, expect, it } from 'vitest';
import { parseExportResponse } from '../../../../src/main/core/otlp/response.ts';
import { type Signal, signals } from '../../../../src/shared/signal.ts';
import { delimited } from './fixtures.ts';

const rejectedName: Record<Signal, string> = {
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
  traces: 'rejectedSpans',
};

describe.each(signals)('parseExportResponse of %s', (signal) => {
  const protobuf = 'application/x-protobuf';
  const json = 'application/json';
  const asJson = (partialSuccess: object) => Buffer.from(JSON.stringify({ partialSuccess }));

  it('reads a partial success in protobuf', async () => {
    const body = delimited(1, 0x08, 0xac, 0x02, delimited(2, 'too old'));

    expect(await parseExportResponse(signal, protobuf, body)).toEqual({ rejectedPoints: 300, message: 'too old' });
    expect(await parseExportResponse(signal, undefined, body)).toEqual({ rejectedPoints: 300, message: 'too old' });
  });

  it.each([3, '3'])('reads a partial success in JSON with %j', async (rejected) => {
    const body = asJson({ [rejectedName[signal]]: rejected, errorMessage: 'too\nold' });

    expect(await parseExportResponse(signal, 'application/json; charset=utf-8', body)).toEqual({
      rejectedPoints: 3,
      message: 'too old',
    });
    expect(await parseExportResponse(signal, undefined, body)).toEqual({ rejectedPoints: 3, message: 'too old' });
  });

  it('reads a mere warning', async () => {
    expect(await parseExportResponse(signal, protobuf, delimited(1, delimited(2, 'slow down')))).toEqual({
      rejectedPoints: 0,
      message: 'slow down',
    });
  });

  it.each<[string, string | undefined, Uint8Array]>([
    ['empty', protobuf, new Uint8Array()],
    ['an empty partial success', protobuf, delimited(1)],
    ['an explicit zero', protobuf, delimited(1, 0x08, 0)],
    ['empty JSON', json, Buffer.from('{}')],
    ['an empty partial success in JSON', json, asJson({})],
    ['zero and no message', json, asJson({ [rejectedName[signal]]: '0', errorMessage: '' })],
    ['a negative number', json, asJson({ [rejectedName[signal]]: -5 })],
    ['cut short', protobuf, delimited(1, delimited(2, 'slow down')).subarray(0, 6)],
    ['broken JSON', json, Buffer.from(`{"partialSuccess":{"${rejectedName[signal]}":`)],
    ['JSON null', json, Buffer.from('null "rejected"')],
    ['a web page', 'text/html', Buffer.from('<html>rejected</html>')],
    ['over 4 MiB', json, Buffer.concat([asJson({ [rejectedName[signal]]: 3 }), Buffer.alloc(4 * 1024 * 1024, ' ')])],
  ])('takes %s as full success', async (_, contentType, body) => {
    expect(await parseExportResponse(signal, contentType, body)).toBeUndefined();
  });
});
