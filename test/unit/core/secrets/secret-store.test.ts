import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../../../src/main/core/log.ts';
import { fileSecretStore } from '../../../../src/main/core/secrets/secret-store.ts';

const posix = process.platform !== 'win32';
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'span-relay-secrets-'));
});

afterEach(() => rm(folder, { recursive: true }));

async function modeOf(name: string): Promise<number> {
  return (await stat(join(folder, name))).mode & 0o777;
}

it('reads back what it wrote, under its name, and nothing where nothing was written', async () => {
  const store = fileSecretStore(folder, silentLog);
  await store.write('one', 'first');
  await store.write('one', 'second');
  await store.write('two', 'other');
  expect(await store.read('one')).toBe('second');
  expect(await store.read('two')).toBe('other');
  expect(await store.read('three')).toBeUndefined();
  expect((await readdir(folder)).sort()).toEqual(['one.json', 'two.json']);
  expect(store.protection).toBe('file');
});

it.skipIf(!posix)('keeps its files to their user', async () => {
  await fileSecretStore(folder, silentLog).write('one', 'secret');
  expect(await modeOf('one.json')).toBe(0o600);
});

it.skipIf(!posix)('closes a file that was left open to others, and says so without its content', async () => {
  await writeFile(join(folder, 'one.json'), 'secret-canary');
  await chmod(join(folder, 'one.json'), 0o644);
  const lines: unknown[] = [];
  const note = (...entry: unknown[]) => void lines.push(entry);
  const store = fileSecretStore(folder, { info: note, warn: note, error: note });
  expect(await store.read('one')).toBe('secret-canary');
  expect(await modeOf('one.json')).toBe(0o600);
  expect(JSON.stringify(lines)).toContain('644');
  expect(JSON.stringify(lines)).not.toContain('canary');
  await store.read('one');
  expect(lines).toHaveLength(1);
});

it('rejects where it cannot tell, or cannot keep', async () => {
  await mkdir(join(folder, 'one.json'));
  const store = fileSecretStore(folder, silentLog);
  await expect(store.read('one')).rejects.toThrow();
  await expect(fileSecretStore(join(folder, 'gone'), silentLog).write('one', 'x')).rejects.toThrow();
  expect(await readdir(folder)).toEqual(['one.json']);
});
