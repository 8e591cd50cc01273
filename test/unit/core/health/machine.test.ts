import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { gatherMachineFacts } from '../../../../src/main/core/health/machine.ts';
import { silentLog } from '../../../../src/main/core/log.ts';

let stateDir: string;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'relay-machine-'));
});

afterEach(() => rm(stateDir, { recursive: true, force: true }));

const gather = (folder = stateDir) => gatherMachineFacts({ stateDir: folder, relayVersion: '1.2.3', log: silentLog });

test('the id is random, made once per state folder, and for its user only', async () => {
  const { id } = await gather();
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect((await gather()).id).toBe(id);
  expect((await stat(join(stateDir, 'machine-id'))).mode & 0o777).toBe(0o600);
});

test('a damaged id is replaced', async () => {
  await writeFile(join(stateDir, 'machine-id'), '../../etc/passwd\n');
  const { id } = await gather();
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect((await gather()).id).toBe(id);
});

test('where the id cannot be kept the facts come all the same', async () => {
  expect(await gather(join(stateDir, 'nowhere'))).toMatchObject({
    hostname: hostname(),
    relayVersion: '1.2.3',
    managedBy: null,
  });
});
