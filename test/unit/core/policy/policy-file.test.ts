import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readPolicyFile, strangersHand } from '../../../../src/main/core/policy/policy-file.ts';

test.each([
  ['linux', { uid: 0, mode: 0o100644 }, undefined],
  ['linux', { uid: 0, mode: 0o100600 }, undefined],
  ['darwin', { uid: 501, mode: 0o100644 }, 'one of user 501'],
  ['linux', { uid: 0, mode: 0o100664 }, 'one that its group can write'],
  ['linux', { uid: 0, mode: 0o100646 }, 'one that everybody can write'],
  ['darwin', { uid: 0, mode: 0o100666 }, 'one that its group and everybody can write'],
  ['win32', { uid: 501, mode: 0o100666 }, undefined],
] as const)('on %s the file %j is a stranger’s: %s', (platform, facts, expected) => {
  expect(strangersHand(facts, platform)).toBe(expected);
});

async function policyFile(mode: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'relay-policy-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'policy.json');
  await writeFile(file, '{}');
  await chmod(file, mode);
  return file;
}

test('a file that anybody can write is not read where only an administrator’s counts', async () => {
  const file = await policyFile(0o666);
  expect(await readPolicyFile({ file, onlyFromAdministrator: true })).toMatchObject({
    kind: 'unusable',
    expected: 'a file that only an administrator (root) can write',
  });
  expect(await readPolicyFile({ file, onlyFromAdministrator: false })).toEqual({ kind: 'text', text: '{}' });
});

test('no file is no policy; a folder is none that can be read', async () => {
  const file = await policyFile(0o600);
  expect(await readPolicyFile({ file: `${file}.none`, onlyFromAdministrator: true })).toEqual({ kind: 'absent' });
  expect(await readPolicyFile({ file: join(file, 'x'), onlyFromAdministrator: true })).toEqual({ kind: 'absent' });
  expect(await readPolicyFile({ file: join(file, '..'), onlyFromAdministrator: false })).toMatchObject({
    kind: 'unusable',
    expected: 'a readable file',
  });
});
