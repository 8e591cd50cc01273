import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { credentialFile } from '../../../../src/main/core/delivery/credential-file.ts';
import { silentLog } from '../../../../src/main/core/log.ts';

let folder: string;
let path: string;
const presented = [{ header: 'x-span-token', value: 'tok', seenAt: 5, worked: true }];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'span-relay-credentials-'));
  path = join(folder, 'credentials.json');
});

afterEach(() => rm(folder, { recursive: true }));

it('reads back what it saved', async () => {
  const file = credentialFile(path, silentLog);
  await file.save([]);
  await file.save(presented);
  expect(await file.load()).toEqual(presented);
  expect(await readdir(folder)).toEqual(['credentials.json']);
});

it.skipIf(process.platform === 'win32')('keeps the file to its user, whatever was left behind', async () => {
  await writeFile(`${path}.new`, 'left by a crash');
  await chmod(`${path}.new`, 0o644);
  await credentialFile(path, silentLog).save(presented);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

it.each([
  ['is not there', undefined],
  ['is empty', ''],
  ['is torn', '{"version":1,"presen'],
  ['is of a later version', '{"version":2,"presented":[]}'],
  ['has other things in it', '{"version":1,"presented":[{"header":7}]}'],
])('starts empty when the file %s', async (_what, content) => {
  if (content !== undefined) await writeFile(path, content);
  expect(await credentialFile(path, silentLog).load()).toEqual([]);
});
