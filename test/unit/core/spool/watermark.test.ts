import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { emptyNumbers, openEnd } from '../../../../src/main/core/spool/queue.ts';
import { readWatermark, type Watermark, WatermarkFile } from '../../../../src/main/core/spool/watermark.ts';
import { stateFolder } from '../../../support/spool-folder.ts';

function watermark(commits: number): Watermark {
  return {
    commits,
    nextId: commits * 10,
    queues: [
      {
        destination: 'Bücher und "Quoten"\n',
        destinationId: 1,
        signal: 2,
        numbers: { ...emptyNumbers(), accepted: commits, rejected: -1 },
        subscriptions: [[1, 4] as const, [9, openEnd] as const],
      },
    ],
  };
}

function watermarkPath(): string {
  const folder = stateFolder();
  mkdirSync(folder, { recursive: true });
  return join(folder, 'spool.watermark');
}

function written(...commits: readonly number[]): string {
  const path = watermarkPath();
  const file = new WatermarkFile(path);
  for (const one of commits) file.write(watermark(one));
  file.close();
  return path;
}

test('the newest copy is read back whole', () => {
  expect(readWatermark(written(6, 7, 8))).toEqual(watermark(8));
});

test('a shorter copy is not confused by what a longer one left behind it', () => {
  const path = written(1_000_000, 1_000_001);
  const file = new WatermarkFile(path);
  file.write(watermark(1_000_002));
  file.write({ commits: 1_000_003, nextId: 1, queues: [] });
  file.close();
  expect(readWatermark(path)).toEqual({ commits: 1_000_003, nextId: 1, queues: [] });
});

test.each([0, 20, 100])('a copy that was torn after %d bytes gives way to the one before', (kept) => {
  const path = written(7, 8);
  const bytes = readFileSync(path);
  const slot = bytes.indexOf('"commits":8') > 256 * 1024 ? 256 * 1024 : 0;
  bytes.fill(0, slot + kept, slot + 400);
  writeFileSync(path, bytes);
  expect(readWatermark(path)).toEqual(watermark(7));
});

test.each([
  ['no file', undefined],
  ['an empty file', ''],
  ['garbage', 'x\n'.repeat(400_000)],
  ['a right checksum over something else', '5d5a5b6f {"commits":1}\n'],
])('%s is no watermark', (_, content) => {
  const path = watermarkPath();
  if (content !== undefined) writeFileSync(path, content);
  expect(readWatermark(path)).toBeUndefined();
});

test('a folder in its place is no watermark, and is replaced by one', () => {
  const path = watermarkPath();
  mkdirSync(join(path, 'inside'), { recursive: true });
  expect(readWatermark(path)).toBeUndefined();
  const file = new WatermarkFile(path);
  file.write(watermark(3));
  file.close();
  expect(readWatermark(path)).toEqual(watermark(3));
});

test('only its owner can read it', () => {
  expect(statSync(written(1)).mode & 0o777).toBe(0o600);
});

test('writing after closing does nothing', () => {
  const path = watermarkPath();
  const file = new WatermarkFile(path);
  file.close();
  file.write(watermark(1));
  file.close();
  expect(readWatermark(path)).toBeUndefined();
});
