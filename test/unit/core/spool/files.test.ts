import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ensureReserve, installRebuilt, keepDamaged, spoolFiles } from '../../../../src/main/core/spool/files.ts';
import { stateFolder } from '../../../support/spool-folder.ts';

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = stateFolder();
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

test('damaged files are copied, and stay where they are until the rebuilt spool is there', () => {
  const folder = folderWith({ 'spool.db': 'db', 'spool.db-wal': 'log', 'spool.watermark': 'mark' });
  const keptIn = keepDamaged(folder, 1000);
  expect(readdirSync(keptIn).sort()).toEqual(['spool.db', 'spool.db-wal', 'spool.watermark']);
  expect(readFileSync(join(folder, 'spool.db'), 'utf8')).toBe('db');
});

test('only the two newest damaged spools are kept, and the one just made always is', () => {
  const folder = folderWith({ 'spool.db': 'db' });
  const dayMs = 86_400_000;
  for (const day of [3, 4, 5]) keepDamaged(folder, day * dayMs);
  const clockWasSetBack = keepDamaged(folder, dayMs);
  expect(readdirSync(spoolFiles(folder).damaged)).toHaveLength(2);
  expect(existsSync(join(clockWasSetBack, 'spool.db'))).toBe(true);
});

test('a folder in the place of the database is moved away, so that it is not in the way', () => {
  const folder = folderWith({});
  mkdirSync(join(folder, 'spool.db', 'inside'), { recursive: true });
  const keptIn = keepDamaged(folder, 1000);
  expect(existsSync(join(folder, 'spool.db'))).toBe(false);
  expect(existsSync(join(keptIn, 'spool.db', 'inside'))).toBe(true);
});

test('the rebuilt database replaces the damaged one and its log; what was not copied goes to the kept files', () => {
  const folder = folderWith({ 'spool.db': 'db', 'spool.db-wal': 'log', 'spool.rebuilt.db': 'new' });
  const keptIn = join(folder, 'damaged', 'now');
  mkdirSync(keptIn, { recursive: true });
  writeFileSync(join(keptIn, 'spool.db-wal'), 'copied');
  installRebuilt(folder, keptIn);
  expect(readFileSync(join(folder, 'spool.db'), 'utf8')).toBe('new');
  expect(existsSync(join(folder, 'spool.db-wal'))).toBe(false);
  expect(readFileSync(join(keptIn, 'spool.db'), 'utf8')).toBe('db');
  expect(readFileSync(join(keptIn, 'spool.db-wal'), 'utf8')).toBe('copied');
});

test('an installation that was cut off after the database went is finished by doing it again', () => {
  const folder = folderWith({ 'spool.db-wal': 'log', 'spool.rebuilt.db': 'new' });
  installRebuilt(folder);
  expect(readdirSync(folder)).toEqual(['spool.db']);
});

test('a reserve that was cut short is made anew', () => {
  const folder = folderWith({ 'spool.reserve': 'short' });
  const { reserve } = spoolFiles(folder);
  expect(ensureReserve(reserve)).toBe(true);
  expect(readFileSync(reserve).length).toBeGreaterThan(1024 * 1024);
});
