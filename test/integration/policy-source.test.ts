import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLog } from '../../src/main/core/log.ts';
import { type ConfigSource, openConfigSource } from '../../src/main/core/policy/config-source.ts';

// The watch may be late on a machine that is busy.
vi.setConfig({ testTimeout: 60_000 });

let root: string;
let file: string;
let policyFile: string;
let stateDir: string;
const open: ConfigSource[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'relay-policy-'));
  file = join(root, 'config.json');
  policyFile = join(root, 'machine', 'policy.json');
  stateDir = join(root, 'state');
  await mkdir(stateDir);
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((source) => source.close()));
  await rm(root, { recursive: true, force: true });
});

async function openSource({ onlyFromAdministrator = false } = {}): Promise<ConfigSource> {
  const policy = { file: policyFile, onlyFromAdministrator };
  const source = await openConfigSource({ file, policy, stateDir, log: silentLog });
  open.push(source);
  return source;
}

async function writePolicy(value: unknown): Promise<void> {
  await mkdir(join(root, 'machine'), { recursive: true });
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  await writeFile(`${policyFile}.new`, text);
  await rename(`${policyFile}.new`, policyFile);
}

const writeConfig = (value: unknown) => writeFile(file, JSON.stringify(value));
const port = (source: ConfigSource) => source.current.config.listen.http;
const told = (source: ConfigSource) => source.current.policy.problems.map(({ message }) => message);
const eventually = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

test('no policy is no problem', async () => {
  await writeConfig({ listen: { http: 1_001 } });
  const source = await openSource();
  expect(port(source)).toBe(1_001);
  expect(source.current.policy).toEqual({ file: policyFile, inForce: false, problems: [] });
});

test('a policy that appears, changes and goes wrong is followed', async () => {
  await writeConfig({ listen: { http: 1_001 } });
  const source = await openSource();
  await writePolicy({ listen: { http: 2_001 } });
  await eventually(() => expect(port(source)).toBe(2_001));
  expect(source.current.policy.inForce).toBe(true);
  await writePolicy({ spool: { maxAgeDays: 1 } });
  await eventually(() => expect(port(source)).toBe(1_001));
  expect(source.current.config.spool.maxAgeDays).toBe(1);
  await writePolicy('{ "spool": ');
  await eventually(() => expect(told(source)).toHaveLength(1));
  expect(told(source)[0]).toMatch(/^line 1, column 12: .*; the last good policy stays in force\.$/);
  expect(source.current.problems).toEqual([]);
  expect(source.current.config.spool.maxAgeDays).toBe(1);
  await writePolicy({});
  await eventually(() => expect(told(source)).toEqual([]));
  expect(source.current.policy.inForce).toBe(false);
});

test('a config that comes beside the policy is joined with it', async () => {
  await writePolicy({ destinations: [{ name: 'span', preset: 'span' }] });
  const source = await openSource();
  expect(source.current.config.destinations).toMatchObject([{ name: 'span', credential: { tokens: [] } }]);
  await writeConfig({ destinations: [{ name: 'span', token: 'mine' }] });
  await eventually(() =>
    expect(source.current.config.destinations).toMatchObject([
      { name: 'span', credential: { tokens: [{ source: 'config', token: 'mine' }] } },
    ]),
  );
});

test('a policy that is broken at start falls back to the last good one of an earlier run', async () => {
  await writePolicy({ listen: { http: 2_001 } });
  await (await openSource()).close();
  await writePolicy('{');
  const source = await openSource();
  expect(port(source)).toBe(2_001);
  expect(source.current.policy.inForce).toBe(true);
  expect(told(source)).toEqual([expect.stringContaining('the last good policy stays in force')]);
});

test('a policy that vanishes stays in force until the relay restarts; then nothing of it is left', async () => {
  await writePolicy({ listen: { http: 2_001 } });
  const source = await openSource();
  await rm(policyFile);
  await eventually(() => expect(told(source)).toHaveLength(1));
  expect(told(source)[0]).toContain('the policy file: expected a file, found none: it is gone');
  expect(port(source)).toBe(2_001);
  await source.close();

  const next = await openSource();
  expect(port(next)).toBe(14_318);
  expect(next.current.policy).toMatchObject({ inForce: false, problems: [] });
  await next.close();
  await writePolicy('broken');
  const last = await openSource();
  expect(port(last)).toBe(14_318);
  await last.close();
  expect(await readFile(join(stateDir, 'last-good-policy.json'), 'utf8').catch(() => '')).not.toContain('2001');
});

test('a policy that anybody can write is not trusted, and said so', async () => {
  await writePolicy({ listen: { http: 2_001 } });
  await chmod(policyFile, 0o666);
  const source = await openSource({ onlyFromAdministrator: true });
  expect(port(source)).toBe(14_318);
  expect(source.current.policy.inForce).toBe(false);
  expect(told(source)).toEqual([
    expect.stringMatching(
      /^the policy file: expected a file that only an administrator \(root\) can write, found one .*; nothing of it is in force\.$/,
    ),
  ]);
});

test.runIf(process.getuid?.() === 0)(
  'a policy of root alone is trusted, and its last good stays when it is not',
  async () => {
    await writePolicy({ listen: { http: 2_001 } });
    await chmod(policyFile, 0o644);
    const source = await openSource({ onlyFromAdministrator: true });
    expect(port(source)).toBe(2_001);
    await writeFile(policyFile, JSON.stringify({ listen: { http: 2_002 } }));
    await chmod(policyFile, 0o646);
    await eventually(() =>
      expect(told(source)).toEqual([expect.stringContaining('the last good policy stays in force')]),
    );
    expect([2_001, 2_002]).toContain(port(source));
  },
);
