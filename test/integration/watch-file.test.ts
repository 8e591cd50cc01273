import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { watchFile } from '../../src/main/core/watch-file.ts';
import { until } from '../support/until.ts';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'span-relay-watch-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Does something to the file, and waits until the watch has noticed. */
async function watching(file: string): Promise<(what: string, change: () => Promise<void>) => Promise<void>> {
  let events = 0;
  const errors: unknown[] = [];
  const stop = await watchFile(
    file,
    () => {
      events++;
    },
    (error) => errors.push(error),
  );
  onTestFinished(async () => {
    await stop?.();
    expect(errors).toEqual([]);
  });
  await until('the watch has begun', () => events > 0);
  return async (what, change) => {
    await quiet(() => events);
    const before = events;
    await change();
    await until(what, () => events > before);
  };
}

/** What was done before has been noticed whole. */
async function quiet(count: () => number): Promise<void> {
  let last = -1;
  while (last !== count()) {
    last = count();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

test('a file that comes, changes, is replaced, goes and comes back, with its folder', async () => {
  const root = await folder();
  const file = join(root, 'later', 'file');
  const notices = await watching(file);
  await notices('it appears', async () => {
    await mkdir(join(root, 'later'));
    await writeFile(file, '1');
  });
  await notices('it is written', () => writeFile(file, '2'));
  await notices('it is replaced', () => replace(file, '3'));
  await notices('it is replaced again', () => replace(file, '4'));
  await notices('it goes', () => rm(join(root, 'later'), { recursive: true }));
  await notices('it is back', async () => {
    await mkdir(join(root, 'later'));
    await writeFile(file, '5');
  });
});

test.skipIf(process.platform === 'win32')(
  'a file in a Kubernetes volume, where a link to its folder is replaced',
  async () => {
    const volume = await folder();
    const file = join(volume, 'token');
    const publish = async (version: string) => {
      await mkdir(join(volume, `..${version}`));
      await writeFile(join(volume, `..${version}`, 'token'), version);
      await symlink(`..${version}`, join(volume, '..data_tmp'));
      await rename(join(volume, '..data_tmp'), join(volume, '..data'));
    };
    await publish('v1');
    await symlink(join('..data', 'token'), file);
    const notices = await watching(file);
    for (const [before, version] of [
      ['v1', 'v2'],
      ['v2', 'v3'],
      ['v3', 'v4'],
    ] as const) {
      await notices(`${version} is published`, () => publish(version));
      await rm(join(volume, `..${before}`), { recursive: true });
    }
  },
);

test.skipIf(process.platform === 'win32')(
  'a link that leads to another folder, to nothing, and elsewhere',
  async () => {
    const root = await folder();
    const file = join(root, 'link');
    const [first, second] = [join(root, 'a', 'real'), join(root, 'b', 'real')];
    await mkdir(join(root, 'a'));
    await symlink(first, file);
    const notices = await watching(file);
    await notices('what it leads to appears', () => writeFile(first, '1'));
    await notices('what it leads to is replaced', () => replace(first, '2'));
    await mkdir(join(root, 'b'));
    await writeFile(second, '3');
    await notices('it leads elsewhere', async () => {
      await symlink(second, `${file}.new`);
      await rename(`${file}.new`, file);
    });
    await notices('what it leads to now is replaced', () => replace(second, '4'));
  },
);

test.skipIf(process.platform === 'win32')(
  'links that lead in a circle are watched like a file that is not there',
  async () => {
    const root = await folder();
    await symlink(join(root, 'b'), join(root, 'a'));
    await symlink(join(root, 'a'), join(root, 'b'));
    const notices = await watching(join(root, 'a'));
    await notices('it becomes a file', async () => {
      await writeFile(join(root, 'a.new'), 'x');
      await rename(join(root, 'a.new'), join(root, 'a'));
    });
  },
);
