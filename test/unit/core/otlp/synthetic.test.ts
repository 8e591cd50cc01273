import { describe, expect, it } from 'vitest';
import { decodeRequest } from '../../../../src/main/core/otlp/decode.ts';
import { inspectRequest } from '../../../../src/main/core/otlp/inspect.ts';
import { testRequest } from '../../../../src/main/core/otlp/synthetic.ts';
import { signals } from '../../../../src/shared/signal.ts';

describe('testRequest', () => {
  it.each(signals)('is one point of %s by span-relay, attributed like an export of Claude Code', async (signal) => {
    const body = testRequest(signal, 1_795_168_043_421, { work_email: 'dev@example.com' });

    expect(inspectRequest(signal, body)).toEqual({ ok: true, points: 1 });
    const text = JSON.stringify(await decodeRequest(signal, body));
    expect(text).toContain('{"key":"service.name","value":{"stringValue":"span-relay"}}');
    expect(text.split('{"key":"work_email","value":{"stringValue":"dev@example.com"}}')).toHaveLength(3);
    expect(text).toContain('"1795168043421000000"');
    expect(text).toContain('span_relay.test');
  });

  it('is a delta sum of 1 as a metric', async () => {
    const decoded = await decodeRequest('metrics', testRequest('metrics', 1_795_168_043_421, {}));

    expect(JSON.stringify(decoded)).toContain(
      '"sum":{"dataPoints":[{"startTimeUnixNano":"1795168043420000000","timeUnixNano":"1795168043421000000","asInt":"1"}],"aggregationTemporality":1,"isMonotonic":true}',
    );
  });
});
