import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/main/core/clock.ts';
import { silentLog } from '../../src/main/core/log.ts';
import { followTokenFile, readTokenFile, type TokenFile } from '../../src/main/core/secrets/token-file.ts';
import { handClock } from '../support/hand-clock.ts';
import { until } from '../support/until.ts';

const posix = process.platform !== 'win32';
const isRoot = process.getuid?.() === 0;

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'span-relay-token-'));
  path = join(folder, 'token');
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

const problemOf = async (file = path) => {
  const reading = await readTokenFile(file);
  return reading.kind === 'unusable' ? reading.problem : undefined;
};

describe('reading one', () => {
  it('that is there', async () => {
    await writeFile(path, 'tok-1\n');
    expect(await readTokenFile(path)).toEqual({ kind: 'token', token: 'tok-1' });
  });

  it('that is not there, nor its folder, or under a file', async () => {
    expect(await problemOf()).toBe('does not exist');
    expect(await problemOf(join(folder, 'no', 'token'))).toBe('does not exist');
    await writeFile(path, 'x');
    expect(await problemOf(join(path, 'token'))).toBe('does not exist');
  });

  it('that is a folder, or a disk', async () => {
    expect(await problemOf(folder)).toBe('is not a file');
    if (posix) expect(await problemOf('/dev/zero')).toBe('is not a file');
  });

  it('that is far too large', async () => {
    await writeFile(path, '');
    await truncate(path, 10_000_000_000);
    expect(await problemOf()).toBe('is too large to be a token');
  });

  it.skipIf(!posix)('that is a pipe nobody writes to, or a link in a circle', async () => {
    execFileSync('mkfifo', [path]);
    expect(await problemOf()).toBe('is not a file');
    await symlink(join(folder, 'b'), join(folder, 'a'));
    await symlink(join(folder, 'a'), join(folder, 'b'));
    expect(await problemOf(join(folder, 'a'))).toBe('is a link that leads in a circle');
  });

  it.skipIf(!posix || isRoot)('that is closed to us', async () => {
    await writeFile(path, 'tok-1');
    await chmod(path, 0);
    expect(await problemOf()).toBe('is closed to the user of the relay');
  });
});

interface Followed {
  readonly file: TokenFile;
  readonly logged: readonly string[];
  untilToken(token: string): Promise<void>;
  untilProblem(problem: string): Promise<void>;
}

function follow(): Followed {
  const logged: string[] = [];
  const note = (message: string, fields: object = {}) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log = { info: note, warn: note, error: note };
  let told = 0;
  const file = followTokenFile({
    path,
    onToken: () => {
      told++;
    },
    clock: systemClock,
    log,
  });
  onTestFinished(() => file.close());
  return {
    file,
    logged,
    async untilToken(token) {
      await until(`the token ${token}`, () => file.reading?.kind === 'token' && file.reading.token === token);
      expect(told).toBe(1);
      told = 0;
    },
    async untilProblem(problem) {
      await until(problem, () => file.reading?.kind === 'unusable' && file.reading.problem === problem);
      expect(told).toBe(0);
    },
  };
}

const replace = async (text: string) => {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
};

describe('following one', () => {
  it('knows what it holds once it has been read, and tells every token', async () => {
    await writeFile(path, 'tok-canary-1');
    const { file, logged, untilToken, untilProblem } = follow();
    await file.firstRead;
    expect(file.reading).toEqual({ kind: 'token', token: 'tok-canary-1' });
    await untilToken('tok-canary-1');
    await replace('tok-canary-2\n');
    await untilToken('tok-canary-2');
    await writeFile(path, 'tok-canary-3');
    await untilToken('tok-canary-3');
    await rm(path);
    await untilProblem('does not exist');
    await writeFile(path, 'tok-canary-4');
    await untilToken('tok-canary-4');
    await writeFile(path, '');
    await untilProblem('is empty');
    expect(logged.join('\n')).toContain('is empty');
    expect(logged.join('\n')).not.toContain('canary');
  });

  it.skipIf(!posix)('in a Kubernetes volume, where a link to its folder is replaced', async () => {
    const volume = folder;
    const publish = async (version: string) => {
      await mkdir(join(volume, `..${version}`));
      await writeFile(join(volume, `..${version}`, 'token'), `tok-${version}`);
      await symlink(`..${version}`, join(volume, '..data_tmp'));
      await rename(join(volume, '..data_tmp'), join(volume, '..data'));
    };
    await publish('v1');
    await symlink(join('..data', 'token'), path);
    const { untilToken } = follow();
    await untilToken('tok-v1');
    await publish('v2');
    await untilToken('tok-v2');
    await rm(join(volume, '..v1'), { recursive: true });
    await publish('v3');
    await untilToken('tok-v3');
  });

  it('reads it once a minute, whatever the watch says', async () => {
    const clock = handClock(0);
    const file = followTokenFile({ path, onToken: () => undefined, clock, log: silentLog });
    onTestFinished(() => file.close());
    await file.firstRead;
    await writeFile(path, 'tok-1');
    // What the watch notices is read after a moment, which this clock does not grant.
    clock.advance(60_000);
    await until('it was read', () => file.reading?.kind === 'token');
  });

  it('waits for a file that does not answer no longer than a few seconds, and takes the answer when it comes', async () => {
    await writeFile(path, 'tok-1');
    const clock = handClock(0);
    const file = followTokenFile({ path, onToken: () => undefined, clock, log: silentLog });
    onTestFinished(() => file.close());
    expect(file.reading).toBeUndefined();
    await Promise.resolve();
    clock.advance(5_000);
    expect(file.reading).toEqual({ kind: 'unusable', problem: 'does not answer' });
    await file.firstRead;
    await until('it was read', () => file.reading?.kind === 'token');
  });

  it('tells nothing any more when it is closed', async () => {
    const { file, logged } = follow();
    await file.firstRead;
    await file.close();
    const before = logged.length;
    await writeFile(path, 'tok');
    expect(file.reading).toEqual({ kind: 'unusable', problem: 'does not exist' });
    expect(logged).toHaveLength(before);
  });
});
