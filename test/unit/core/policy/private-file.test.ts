import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ensurePrivateFolder, writePrivateFile } from '../../../../src/main/core/policy/private-file.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'relay-private-'));
});

afterEach(() => rm(root, { recursive: true, force: true }));

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

describe('a private file', () => {
  test('is for its user only, even where a wider one stood', async () => {
    const file = join(root, 'file');
    await writeFile(file, 'old', { mode: 0o644 });
    await writePrivateFile(file, 'new');
    expect(await readFile(file, 'utf8')).toBe('new');
    expect(await modeOf(file)).toBe(0o600);
  });

  test('leaves nothing else behind, whether it could be written or not', async () => {
    await writePrivateFile(join(root, 'file'), 'text');
    await expect(writePrivateFile(root, 'text')).rejects.toThrow();
    expect(await readdir(root)).toEqual(['file']);
  });
});

describe('a private folder', () => {
  test('is made with its parents', async () => {
    const folder = join(root, 'a', 'b');
    await ensurePrivateFolder(folder);
    expect(await modeOf(folder)).toBe(0o700);
  });

  test('is tightened where others could look into it', async () => {
    await chmod(root, 0o755);
    await ensurePrivateFolder(root);
    expect(await modeOf(root)).toBe(0o700);
  });

  test('is not made where something else stands', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(ensurePrivateFolder(join(root, 'file'))).rejects.toThrow();
    await symlink(join(root, 'nowhere'), join(root, 'link'));
    await expect(ensurePrivateFolder(join(root, 'link'))).rejects.toThrow();
  });
});
