import { expect, test } from 'vitest';
import { Identities } from '../../../../src/main/core/health/identities.ts';
import { transcodeJson } from '../../../../src/main/core/otlp/json.ts';
import { testRequest } from '../../../../src/main/core/otlp/synthetic.ts';
import { handClock } from '../../../support/hand-clock.ts';
import { recorded } from '../../../support/recordings.ts';

const hourMs = 60 * 60_000;

function logs(attributes: Readonly<Record<string, string>>, records = 1) {
  const resource = {
    attributes: Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
  };
  const scopeLogs = [{ logRecords: Array.from({ length: records }, () => ({})) }];
  const transcoding = transcodeJson('logs', Buffer.from(JSON.stringify({ resourceLogs: [{ resource, scopeLogs }] })));
  if (!transcoding.ok) throw new Error(transcoding.problem);
  return { signal: 'logs', body: transcoding.body, points: transcoding.points } as const;
}

function count(identities: Identities, request: Parameters<typeof Identities.gapIn>[0]): void {
  const gap = Identities.gapIn(request);
  if (gap) identities.add(gap);
}

test('what names nobody is counted by signal, for an hour', () => {
  const clock = handClock(0);
  const identities = new Identities(clock);
  count(identities, logs({ 'service.name': 'claude-code' }, 3));
  clock.advance(hourMs / 2);
  count(identities, logs({ work_email: 'somebody' }, 4));

  expect(identities.facts()).toEqual({ none: [{ signal: 'logs', points: 7 }], placeholders: [] });
  clock.advance(hourMs * 0.75);
  expect(identities.facts().none).toEqual([{ signal: 'logs', points: 4 }]);
  clock.advance(hourMs);
  expect(identities.facts().none).toEqual([]);
});

test('placeholders are counted by the attribute that holds them, with the last of them', () => {
  const identities = new Identities(handClock(0));
  count(identities, logs({ work_email: '%Email%' }, 2));
  count(identities, logs({ work_email: 'x {{mail}}', 'user.email': 'dev@example.com' }));
  count(identities, logs({ 'user.email': '$EMAIL' }));

  expect(identities.facts()).toEqual({
    none: [],
    placeholders: [
      { signal: 'logs', points: 3, key: 'work_email', placeholder: '{{mail}}' },
      { signal: 'logs', points: 1, key: 'user.email', placeholder: '$EMAIL' },
    ],
  });
});

test('telemetry that names somebody, traces, tests and requests without points have no gap', () => {
  const nobody = { ...logs({}), points: 0 };
  const traces = { signal: 'traces', body: testRequest('traces', 1e12, { 'service.name': 'x' }), points: 1 } as const;
  const test = { signal: 'metrics', body: testRequest('metrics', 1e12, {}), points: 1 } as const;
  const metrics = { signal: 'metrics', body: recorded('metrics', 'pb'), points: 7 } as const;

  for (const request of [nobody, traces, test, metrics, logs({ work_email: 'dev@example.com' })]) {
    expect(Identities.gapIn(request)).toBeUndefined();
  }
});
