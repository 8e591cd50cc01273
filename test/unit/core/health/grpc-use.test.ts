import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rememberGrpcUse } from '../../../../src/main/core/health/grpc-use.ts';
import { silentLog } from '../../../../src/main/core/log.ts';
import { type HandClock, handClock } from '../../../support/hand-clock.ts';
import { until } from '../../../support/until.ts';

const dayMs = 86_400_000;
let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grpc-use-'));
  file = join(folder, 'last-grpc-export');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function open(clock: HandClock) {
  return rememberGrpcUse({ file, clock, log: silentLog });
}

test('gRPC is in use for a week from the last export on, also after a restart', async () => {
  const clock = handClock(Date.parse('2026-11-20T00:00:00Z'));
  const use = await open(clock);
  expect(use.recently).toBe(false);
  use.note();
  expect(use.recently).toBe(true);
  await until('it is kept', async () => (await text()) === '2026-11-20T00:00:00.000Z\n');

  clock.advance(7 * dayMs - 1);
  const afterRestart = await open(clock);
  expect([use.recently, afterRestart.recently]).toEqual([true, true]);
  clock.advance(1);
  expect([use.recently, afterRestart.recently]).toEqual([false, false]);
});

test('the file is written once a day at most', async () => {
  const clock = handClock(Date.parse('2026-11-20T00:00:00Z'));
  const use = await open(clock);
  for (let hour = 0; hour < 24; hour++) {
    use.note();
    clock.advance(dayMs / 24);
  }
  await until('it is kept', async () => (await text()) === '2026-11-20T00:00:00.000Z\n');
  use.note();
  await until('it is renewed', async () => (await text()) === '2026-11-21T00:00:00.000Z\n');
});

test('a file that cannot be read, and a clock that is set back, do no harm', async () => {
  await writeFile(file, 'garbage');
  const clock = handClock(Date.parse('2026-11-20T00:00:00Z'));
  const use = await open(clock);
  expect(use.recently).toBe(false);
  use.note();
  clock.setWall(Date.parse('2020-01-01T00:00:00Z'));
  use.note();
  await until('it is kept', async () => (await text()) === '2020-01-01T00:00:00.000Z\n');
});

function text(): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
