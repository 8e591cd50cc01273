import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLog } from '../../src/main/core/log.ts';
import { type ConfigSource, openConfigSource } from '../../src/main/core/policy/config-source.ts';

// The watch may be late on a machine that is busy.
vi.setConfig({ testTimeout: 60_000 });

let root: string;
let file: string;
let stateDir: string;
const open: ConfigSource[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'relay-config-'));
  file = join(root, 'config', 'config.json');
  stateDir = join(root, 'state');
  await mkdir(stateDir);
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((source) => source.close()));
  await rm(root, { recursive: true, force: true });
});

async function openSource(): Promise<ConfigSource> {
  const source = await openConfigSource({ file, stateDir, log: silentLog });
  open.push(source);
  return source;
}

async function write(value: unknown): Promise<void> {
  await mkdir(join(root, 'config'), { recursive: true });
  await writeFile(file, typeof value === 'string' ? value : JSON.stringify(value));
}

const withPort = (http: number) => ({ listen: { http } });
const port = (source: ConfigSource) => source.current.config.listen.http;
const eventually = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

test('no file means the defaults, without a problem', async () => {
  const source = await openSource();
  expect(source.current).toMatchObject({ file, exists: false, problems: [], config: { listen: { http: 14_318 } } });
});

test('a file that appears is applied, even when its folder was not there', async () => {
  const source = await openSource();
  await write(withPort(1_001));
  await eventually(() => expect(port(source)).toBe(1_001));
  expect(source.current.exists).toBe(true);
});

test('a change is told once it is in force, and only when something changed', async () => {
  await write(withPort(1_001));
  const source = await openSource();
  const told: number[] = [];
  source.onChange((loaded) => told.push(loaded.config.listen.http));
  await source.reload();
  await write(withPort(1_002));
  await eventually(() => expect(told).toEqual([1_002]));
  await write(withPort(1_003));
  await eventually(() => expect(told).toEqual([1_002, 1_003]));
});

test('a file that is replaced by rename is applied, time and again', async () => {
  await write(withPort(1_001));
  const source = await openSource();
  for (const http of [1_002, 1_003, 1_004]) {
    await writeFile(`${file}.new`, JSON.stringify(withPort(http)));
    await rename(`${file}.new`, file);
    await eventually(() => expect(port(source)).toBe(http));
  }
});

test('a file that is deleted keeps what was in force, and says so, until it is back', async () => {
  await write({ ...withPort(1_001), destinations: [{ name: 'held' }] });
  const source = await openSource();
  await rm(join(root, 'config'), { recursive: true });
  await eventually(() => expect(source.current.exists).toBe(false));
  expect(port(source)).toBe(1_001);
  expect(source.current.held.map(({ name }) => name)).toEqual(['held']);
  await source.reload();
  expect(source.current.problems.map(({ message }) => message)).toEqual([
    'the config file: expected a file, found none: it is gone; what was in force stays in force until it is back or the relay restarts.',
  ]);
  await write(withPort(1_002));
  await eventually(() => expect(port(source)).toBe(1_002));
  expect(source.current.problems).toEqual([]);
});

test('a file that was deleted is no problem for the next start: the defaults are in force', async () => {
  await write(withPort(1_001));
  await (await openSource()).close();
  await rm(join(root, 'config'), { recursive: true });
  const source = await openSource();
  expect(source.current).toMatchObject({ exists: false, problems: [], config: { listen: { http: 14_318 } } });
});

test('a broken file keeps what was in force, and says so, until it is mended', async () => {
  await write(withPort(1_001));
  const source = await openSource();
  await write('{"listen": {"http": 1002}');
  await eventually(() => expect(source.current.problems).toHaveLength(1));
  expect(port(source)).toBe(1_001);
  expect(source.current.problems[0]?.message).toContain('line 1, column 26');
  await write(withPort(1_003));
  await eventually(() => expect(source.current.problems).toEqual([]));
  expect(port(source)).toBe(1_003);
});

test('a file that is broken at start falls back to the last good one of an earlier run', async () => {
  const destination = { name: 'span', preset: 'span', token: 'secret' };
  await write({ ...withPort(1_001), destinations: [destination] });
  const first = await openSource();
  await first.close();
  await write('{"listen": ');
  const second = await openSource();
  expect(port(second)).toBe(1_001);
  expect(second.current.config.destinations).toMatchObject([
    { name: 'span', preset: 'span', credential: { tokens: [{ source: 'config', token: 'secret' }] } },
  ]);
  expect(second.current.problems).toHaveLength(1);
});

test('the last good config is for its user only: it holds tokens', async () => {
  await write(withPort(1_001));
  await (await openSource()).close();
  const kept = join(stateDir, 'last-good-config.json');
  expect(JSON.parse(await readFile(kept, 'utf8'))).toMatchObject(withPort(1_001));
  expect((await stat(kept)).mode & 0o777).toBe(0o600);
});

test('a last good config that is damaged is ignored', async () => {
  await writeFile(join(stateDir, 'last-good-config.json'), '{"listen": {"http": "garbage"}}');
  await write('broken');
  const source = await openSource();
  expect(port(source)).toBe(14_318);
});

test('what is no readable file is a problem that names it, and mends by itself', async () => {
  await mkdir(file, { recursive: true });
  const source = await openSource();
  expect(source.current.problems[0]?.message).toContain('the defaults are in force');
  await rm(file, { recursive: true });
  await write(withPort(1_001));
  await eventually(() => expect(port(source)).toBe(1_001));
});

test('a state folder that cannot be written does not keep the config from applying', async () => {
  await rm(stateDir, { recursive: true });
  await write(withPort(1_001));
  const source = await openSource();
  expect(port(source)).toBe(1_001);
  await write(withPort(1_002));
  await eventually(() => expect(port(source)).toBe(1_002));
});

test('a listener that throws does not stop the watch', async () => {
  await write(withPort(1_001));
  const source = await openSource();
  source.onChange(() => {
    throw new Error('a bug elsewhere');
  });
  await write(withPort(1_002));
  await eventually(() => expect(port(source)).toBe(1_002));
  await write(withPort(1_003));
  await eventually(() => expect(port(source)).toBe(1_003));
});

test('closing twice does no harm, and nothing is told afterwards', async () => {
  await write(withPort(1_001));
  const source = await openSource();
  const told = vi.fn();
  source.onChange(told);
  await source.close();
  await source.close();
  await write(withPort(1_002));
  await source.reload();
  expect(told).not.toHaveBeenCalled();
});

test('where nothing was ever configured, a broken file leaves no last good config to speak of', async () => {
  const before = await openSource();
  await before.close();
  await write('broken');
  const source = await openSource();
  expect(source.current.problems).toMatchObject([
    { ofFile: true, message: expect.stringMatching(/; the defaults are in force\.$/) },
  ]);
});
