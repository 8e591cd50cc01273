import { expect, test } from 'vitest';
import type { Clock } from '../../../../src/main/core/clock.ts';
import { createSpoolLog } from '../../../../src/main/core/health/spool-log.ts';
import { lineLog } from '../../../../src/main/core/log.ts';

function setUp() {
  const lines: string[] = [];
  const due = new Set<() => void>();
  const clock: Clock = {
    now: () => 0,
    monotonicMs: () => 0,
    after(_delayMs, action) {
      due.add(action);
      return () => due.delete(action);
    },
  };
  const pending = { signal: 'logs', requests: 1, points: 7, bytes: 9, oldestAt: 0, lastDeliveredAt: null } as const;
  const log = createSpoolLog({
    clock,
    log: lineLog(
      (line) => lines.push(line.replace(/^\S+ /, '').trimEnd()),
      () => 0,
    ),
    books: () => ({ ledger: [], pending: [{ destination: 'span', ...pending }], quarantined: [], usedBytes: 4_096 }),
  });
  const aMinutePasses = () => {
    const actions = [...due];
    due.clear();
    for (const action of actions) action();
  };
  return { lines, log, aMinutePasses };
}

test('drops are warnings: the first of a cause at once, the rest of the minute as one', () => {
  const { lines, log, aMinutePasses } = setUp();
  for (let count = 0; count < 100; count++) log.note({ kind: 'dropped', cause: 'quota', points: 2 });
  log.note({ kind: 'dropped', cause: 'age', points: 5 });
  aMinutePasses();
  log.note({ kind: 'dropped', cause: 'age', points: 1 });
  log.note({ kind: 'dropped', cause: 'age', points: 2 });
  log.close();
  expect(lines).toEqual([
    'warn spool dropped cause=quota points=2',
    'warn spool dropped cause=age points=5',
    'warn spool dropped cause=quota points=198',
    'warn spool dropped cause=age points=1',
    'warn spool dropped cause=age points=2',
  ]);
});

test('what a person discards is no warning', () => {
  const { lines, log } = setUp();
  log.note({ kind: 'dropped', cause: 'discarded', points: 3 });
  expect(lines).toEqual(['info spool dropped cause=discarded points=3']);
});

test('books that go on under another name are a line', () => {
  const { lines, log } = setUp();
  log.note({ kind: 'renamed', from: 'old', to: 'new' });
  expect(lines).toEqual(['info spool renamed from=old to=new']);
});

test('trouble is told with its reason and numbers, once, and again after it was over', () => {
  const { lines, log } = setUp();
  log.note({ kind: 'repairing', reason: 'a page is damaged' });
  log.note({
    kind: 'repaired',
    report: { at: 0, reason: 'a page is damaged', keptIn: '', salvagedRequests: 4, lostPoints: 2, estimated: true },
  });
  log.note({ kind: 'unavailable', message: 'no permission' });
  log.note({ kind: 'unavailable', message: 'no permission' });
  log.note({ kind: 'ready' });
  log.note({ kind: 'unavailable', message: 'no permission' });
  log.note({ kind: 'disk-full' });
  log.note({ kind: 'disk-full' });
  log.note({ kind: 'disk-ok' });
  log.note({ kind: 'accepted', signals: ['logs'] });
  log.note({ kind: 'owed' });
  expect(lines).toEqual([
    'warn spool repairing reason="a page is damaged"',
    'warn spool repaired reason="a page is damaged" salvagedRequests=4 lostPoints=2 estimated=true keptIn=null',
    'error spool unavailable reason="no permission"',
    'info spool ready',
    'error spool unavailable reason="no permission"',
    'error spool disk-full usedBytes=4096 waitingPoints=7',
    'info spool disk-ok',
  ]);
});
