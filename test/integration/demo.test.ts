import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Child, startChild } from '../support/child.ts';
import { cliFile } from '../support/command-line.ts';
import { until } from '../support/until.ts';

/** The relay's patience after the outage is random, and so is that of a busy machine. */
const testTimeoutMs = 120_000;

interface Demo {
  readonly child: Child;
  output(): string;
  /** Resolves with the exit code; null when it was killed. */
  readonly ended: Promise<number | null>;
}

let folder: string;
let demos: Demo[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'srd-'));
  demos = [];
});

afterEach(async () => {
  for (const { child, ended } of demos) {
    child.kill();
    await ended;
  }
  await until('no relay is left to hold the folder', async () => (await processesOf(folder)).length === 0);
  await rm(folder, { recursive: true, force: true });
});

/** Standard output is a pipe: there is no terminal. */
function startDemo(...args: string[]): Demo {
  const env = { ...process.env, TMPDIR: folder, TMP: folder, TEMP: folder };
  const child = startChild(process.execPath, [cliFile, 'demo', ...args], { env });
  const ended = child.exited.then(({ code }) => code);
  const demo = { child, ended, output: () => child.stdout() + child.stderr() };
  demos.push(demo);
  return demo;
}

/** Command lines in which the folder occurs: the relay has its state there. */
async function processesOf(path: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'args=']);
  return stdout.split('\n').filter((line) => line.includes(path));
}

async function expectNothingLeft(): Promise<void> {
  expect(await readdir(folder)).toEqual([]);
  expect(await processesOf(folder)).toEqual([]);
}

describe.skipIf(process.platform === 'win32')('span-relay demo', { timeout: testTimeoutMs }, () => {
  test('takes Span down and up again, and ends with books that balance', async () => {
    const demo = startDemo('--seconds', '6');
    expect(await demo.ended, demo.output()).toBe(0);

    const output = demo.output();
    const scenes = [
      'All is well:',
      'Span is down:',
      'Span is up again',
      'The sessions have ended.',
      'The books balance.',
    ];
    const places = scenes.map((scene) => output.indexOf(scene));
    expect(places, output).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    const [, ...counts] =
      /exported (\d+) = acknowledged (\d+) = accepted (\d+) = arrived (\d+).*, lost 0/.exec(output) ?? [];
    expect(new Set(counts).size).toBe(1);
    expect(Number(counts[0])).toBeGreaterThan(0);
    expect(output).not.toContain('\x1b');
    await expectNothingLeft();
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('cleans up when %s ends it', async (signal) => {
    const demo = startDemo('--seconds', '3600');
    await until('telemetry flows', () => demo.output().includes('All is well:'), testTimeoutMs);
    expect(await readdir(folder)).toHaveLength(1);
    expect(await processesOf(folder)).toHaveLength(1);
    demo.child.kill(signal);
    expect(await demo.ended).toBe(130);
    expect(demo.output()).toContain('Interrupted.');
    await expectNothingLeft();
  });

  test('cleans up when it is interrupted before the relay is ready', async () => {
    const demo = startDemo();
    await until('the relay was started', async () => (await processesOf(folder)).length > 0, testTimeoutMs);
    demo.child.kill('SIGINT');
    expect(await demo.ended).toBe(130);
    await expectNothingLeft();
  });

  test('cleans up when nobody reads its output any more', async () => {
    const demo = startDemo('--seconds', '3600');
    await until('telemetry flows', () => demo.output().includes('All is well:'), testTimeoutMs);
    demo.child.stopReading();
    expect(await demo.ended).toBe(130);
    await expectNothingLeft();
  });

  test('says so, and cleans up, when the relay dies', async () => {
    const demo = startDemo('--seconds', '3600');
    await until('telemetry flows', () => demo.output().includes('All is well:'), testTimeoutMs);
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
    const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
    const relay = rows.find(([, parent]) => parent === demo.child.pid)?.[0];
    expect(relay).toBeDefined();
    if (relay !== undefined) process.kill(relay, 'SIGKILL');
    expect(await demo.ended).toBe(1);
    expect(demo.output()).toContain('The relay ended (SIGKILL).');
    await expectNothingLeft();
  });

  test('the relay does not outlive a demo that is killed', async () => {
    const demo = startDemo('--seconds', '3600');
    await until('telemetry flows', () => demo.output().includes('All is well:'), testTimeoutMs);
    demo.child.kill();
    await until('the relay has ended', async () => (await processesOf(folder)).length === 0, testTimeoutMs);
  });

  test.each([
    [['--seconds', '2'], '--seconds takes a whole number from 3 to 3600'],
    [['--seconds', 'some'], '--seconds takes a whole number from 3 to 3600'],
    [['now'], "Unexpected argument 'now'"],
  ])('a usage error starts nothing: %j', async (args, mistake) => {
    const demo = startDemo(...args);
    expect(await demo.ended).toBe(64);
    expect(demo.output()).toContain(mistake);
    await expectNothingLeft();
  });
});
