import { expect, test } from 'vitest';
import { runKillCycles } from './kill-cycles.ts';

test('kill -9 under load, 20 times: everything acknowledged arrives, and the books balance after every restart', {
  timeout: 180_000,
}, async () => {
  const report = await runKillCycles({ cycles: 20, senders: 64, seed: 20 });

  expect(report.acknowledged).toBeGreaterThan(0);
  expect(report).toMatchObject({ lost: 0, invented: 0, problems: [] });
  // What was committed and not acknowledged arrives as well; nothing is delivered without being in the books.
  expect(report.arrived).toBe(report.accepted);
  expect(report.delivered).toBe(report.accepted);
  expect(report.duplicates).toBeLessThanOrEqual(report.resent);
});
