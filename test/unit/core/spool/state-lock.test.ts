import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lockState } from '../../../../src/main/core/spool/state-lock.ts';
import { stateFolder } from '../../../support/spool-folder.ts';

const lockModule = new URL('../../../../src/main/core/spool/state-lock.ts', import.meta.url).href;

/** Another process that takes the lock and keeps it until it is killed. */
async function holder(folder: string) {
  const script = `
    import { lockState } from ${JSON.stringify(lockModule)};
    const { kind } = lockState(${JSON.stringify(folder)}, process.pid);
    // Also without anybody who refers to it, it is held until it is released.
    globalThis.gc();
    setTimeout(() => { globalThis.gc(); console.log(kind); }, 10);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  return { child, said: String(line).trim() };
}

test('a second agent is told who holds the folder, until that process is gone, however it went', async () => {
  const folder = stateFolder();
  const { child, said } = await holder(folder);
  expect(said).toBe('held');
  expect(lockState(folder, process.pid)).toEqual({ kind: 'taken', pid: child.pid });

  child.kill('SIGKILL');
  await once(child, 'exit');
  const lock = lockState(folder, process.pid);
  expect(lock.kind).toBe('held');
  expect((await holder(folder)).said).toBe('taken');
  if (lock.kind === 'held') lock.release();
});

test('a lock that was released can be taken again', () => {
  const folder = stateFolder();
  for (let round = 0; round < 2; round++) {
    const lock = lockState(folder, 1);
    expect(lock.kind).toBe('held');
    if (lock.kind === 'held') lock.release();
  }
});

test('it makes the folder, and only its owner can read what is in it', () => {
  const folder = stateFolder();
  const lock = lockState(folder, 1);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const name of ['agent.lock', 'agent.pid']) expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600);
  if (lock.kind === 'held') lock.release();
});

test.each([
  ['random bytes', (path: string) => writeFileSync(path, Buffer.alloc(600, 7))],
  ['zeros', (path: string) => writeFileSync(path, Buffer.alloc(4096))],
  ['a folder', (path: string) => mkdirSync(path)],
])('%s in the place of the lock keep nobody from starting', (_, damage) => {
  const folder = stateFolder();
  mkdirSync(folder, { recursive: true });
  damage(join(folder, 'agent.lock'));
  const lock = lockState(folder, 1);
  expect(lock.kind).toBe('held');
  if (lock.kind === 'held') lock.release();
});

test('a folder in the place of the process id keeps nobody from starting', () => {
  const folder = stateFolder();
  mkdirSync(join(folder, 'agent.pid'), { recursive: true });
  const lock = lockState(folder, 1);
  expect(lock.kind).toBe('held');
  if (lock.kind === 'held') lock.release();
});
