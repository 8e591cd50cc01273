import { expect, test } from 'vitest';
import type { Clock } from '../../../../src/main/core/clock.ts';
import { lineLog } from '../../../../src/main/core/log.ts';
import { contentTypeRefusal, timeoutRefusal } from '../../../../src/main/core/receiver/refusal.ts';
import { RefusalLog } from '../../../../src/main/core/receiver/refusal-log.ts';

function setUp() {
  const lines: string[] = [];
  const actions = new Set<() => void>();
  const clock: Clock = {
    now: () => 0,
    monotonicMs: () => 0,
    after(_delayMs, action) {
      actions.add(action);
      return () => actions.delete(action);
    },
  };
  const tenSecondsPass = () => {
    const due = [...actions];
    actions.clear();
    for (const action of due) action();
  };
  const log = new RefusalLog({ clock, log: lineLog((line) => lines.push(line)) });
  return { lines, log, tenSecondsPass };
}

test('the first refusal of a reason is logged at once, the rest within ten seconds as one line', () => {
  const { lines, log, tenSecondsPass } = setUp();
  for (let count = 0; count < 1000; count++) log.note(contentTypeRefusal, 'metrics');
  log.note(timeoutRefusal, undefined);
  expect(lines).toHaveLength(2);
  tenSecondsPass();
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/reason=content-type status=415 signal=metrics count=1\n/);
  expect(lines[2]).toMatch(/reason=content-type status=415 signal=metrics count=999\n/);
});

test('after ten quiet seconds the next one is logged at once again', () => {
  const { lines, log, tenSecondsPass } = setUp();
  log.note(timeoutRefusal, undefined);
  tenSecondsPass();
  log.note(timeoutRefusal, undefined);
  expect(lines).toHaveLength(2);
});

test('closing writes what was held back', () => {
  const { lines, log, tenSecondsPass } = setUp();
  for (let count = 0; count < 5; count++) log.note(timeoutRefusal, 'logs');
  log.close();
  tenSecondsPass();
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain('count=4');
});
