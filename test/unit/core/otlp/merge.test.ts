import { describe, expect, it } from 'vitest';
import { decodeRequest } from '../../../../src/main/core/otlp/decode.ts';
import { inspectRequest } from '../../../../src/main/core/otlp/inspect.ts';
import { testRequest } from '../../../../src/main/core/otlp/synthetic.ts';
import { signals } from '../../../../src/shared/signal.ts';
import { recorded } from '../../../support/recordings.ts';

describe.each(signals)('two encoded %s requests, one after the other', (signal) => {
  const first = recorded(signal, 'pb');
  const second = testRequest(signal, 1_795_168_043_000, { work_email: 'dev@example.com' });
  const both = Buffer.concat([first, second]);

  it('are their merge', async () => {
    const [a, b, merged] = await Promise.all([first, second, both].map((body) => decodeRequest(signal, body)));

    for (const [name, resources] of Object.entries(merged ?? {})) {
      expect(resources).toEqual([a?.[name], b?.[name]].flat());
    }
    expect(Object.keys(merged ?? {})).toHaveLength(1);
  });

  it('have the points of both', () => {
    const points = [first, second, both].map((body) => {
      const inspection = inspectRequest(signal, body);
      return inspection.ok ? inspection.points : Number.NaN;
    });

    expect(points[2]).toBe(Number(points[0]) + Number(points[1]));
  });
});
