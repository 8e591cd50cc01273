import { chmod, chown, lstat, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runCommand } from '../support/command-line.ts';
import { numberedRequest, post } from '../support/numbered-requests.ts';
import { makeHome, type RelayHome, startRelay } from '../support/relay.ts';
import { runProcess } from '../support/run-process.ts';
import { startVendor, status } from '../support/vendor.ts';

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 });

async function ownHome(config: object | string = {}): Promise<RelayHome> {
  const home = await makeHome(config);
  onTestFinished(() => home[Symbol.asyncDispose]());
  return home;
}

/** `span-relay destination …` on the folders of a home, its output without the line breaks that the width makes. */
async function destination(home: RelayHome, words: readonly string[], input?: string) {
  const places = ['--state-dir', home.stateDir, '--config', home.configFile];
  const { exitCode, stdout, stderr } = await runCommand(['destination', ...words, ...places], {}, input);
  const flat = (text: string) => text.replaceAll(/\n\s*/g, ' ');
  return { exitCode, stdout: flat(stdout), stderr: flat(stderr) };
}

const textOf = (home: RelayHome) => readFile(home.configFile, 'utf8');
const names = async (home: RelayHome): Promise<readonly string[]> =>
  JSON.parse(await textOf(home)).destinations.map(({ name }: { readonly name: string }) => name);

const add = (name: string, ...more: readonly string[]) => ['add', name, '--endpoint', 'https://a.example', ...more];

test('commands at the same time lose nothing of each other, and take over from one that was killed', async () => {
  const home = await ownHome();
  const ended = await runProcess(process.execPath, ['-p', 'process.pid'], { env: {}, timeoutMs: 60_000 });
  await writeFile(`${home.configFile}.lock`, `${ended.stdout.trim()} ${hostname()}\n`);
  const wanted = Array.from({ length: 8 }, (_, index) => `n${index}`);
  const done = await Promise.all(wanted.map((name) => destination(home, add(name))));
  expect(done.map(({ exitCode, stderr }) => ({ exitCode, stderr }))).toEqual(
    wanted.map(() => ({ exitCode: 0, stderr: '' })),
  );
  expect([...(await names(home))].sort()).toEqual(wanted);
  expect((await readdir(home.folder)).filter((name) => name.includes('.lock'))).toEqual([]);
});

test('a command that waits for a process that goes on gives up, and says for whom it waited', async () => {
  const home = await ownHome();
  const lock = `${home.configFile}.lock`;
  await writeFile(lock, `${process.pid} ${hostname()}\n`);
  const { exitCode, stderr } = await destination(home, add('a'));
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`Process ${process.pid} is changing ${home.configFile}.`);
  expect(stderr).toContain(`remove ${lock}.`);
  expect((await destination(home, ['list'])).exitCode).toBe(0);
});

test('what Claude Code presents is not taken from a destination that lives on it', async () => {
  const home = await ownHome({ destinations: [{ name: 'span', preset: 'span' }] });
  const before = await textOf(home);
  const copy = ['add', 'copy', '--preset', 'span', '--endpoint', 'https://b.example'];
  const refused = await destination(home, copy);
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
  expect(refused.stderr).toContain('what Claude Code presents in X-Span-Token may be meant for span just as well');
  expect(refused.stderr).toContain('Give it one with --token - or --token-file FILE');
  expect(await textOf(home)).toBe(before);
  const settings = {
    otelHeadersHelper: '/bin/headers',
    env: { OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: 'https://b.example' },
  };
  const words = ['import', '-', '--name', 'copy', '--credential-header', 'x-span-token'];
  const imported = await destination(home, words, JSON.stringify(settings));
  expect(imported.stderr).toContain('"copy" was not imported: it has no token of its own');

  expect(await destination(home, ['add', 'twin', '--preset', 'span', '--signals', 'logs'])).toMatchObject({
    exitCode: 0,
    stderr: '',
  });
  expect(await destination(home, [...copy, '--token', '-'], 'own')).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await names(home)).toEqual(['span', 'twin', 'copy']);
});

test('what the policy alone cannot use is told when the rest goes, with what waits; and it is the reason not to rename', async () => {
  const vendor = await startVendor({ answer: () => status(503) });
  onTestFinished(() => vendor.stop());
  const home = await ownHome({
    destinations: [
      { name: 'h', preset: 'span', endpoint: vendor.url },
      { name: 'q', endpoint: vendor.url, signals: ['traces'] },
    ],
  });
  const policy = join(home.folder, 'policy.json');
  await writeFile(
    policy,
    JSON.stringify({
      destinations: [
        { name: 'h', token: 'CANARY' },
        { name: 'p', preset: 'span' },
      ],
    }),
  );
  const relay = startRelay(home, { args: ['--policy', policy] });
  onTestFinished(() => relay.kill());
  await relay.ready;
  expect(await post(relay.port, 'logs', numberedRequest('logs', 1))).toBe(200);

  const before = await textOf(home);
  const renamed = await destination(home, ['rename', 'h', 'i', '--policy', policy]);
  expect(renamed.stderr).toContain(`"h" is in the policy ${policy} too, under this name: an administrator`);
  const taken = await destination(home, ['rename', 'q', 'P', '--policy', policy]);
  expect(taken.stderr).toContain(`There is another destination "p" in the policy ${policy}.`);
  expect(await textOf(home)).toBe(before);

  const { stdout } = await destination(home, ['remove', 'h', '--policy', policy]);
  expect(stdout).toContain(`The policy ${policy} names it too, but by itself not well enough to send anything`);
  expect(stdout).toContain('1 log record waits for it.');
  expect(stdout).not.toContain('CANARY');
});

test('all entries of a name go, so that none comes into force in the place of another', async () => {
  const twice = ['https://a.example', 'https://b.example'].map((endpoint) => ({ name: 'a', endpoint }));
  const home = await ownHome({ destinations: [twice[0], { name: 'b', endpoint: 'https://c.example' }, twice[1]] });
  const renamed = await destination(home, ['rename', 'a', 'c']);
  expect(renamed.stderr).toContain('There are several entries "a" in ');
  const removed = await destination(home, ['remove', 'A']);
  expect(removed.stdout).toContain(`Removed a from ${home.configFile}, all 2 entries of that name.`);
  expect(await names(home)).toEqual(['b']);
});

test('a link that leads to nothing yet stays a link', async () => {
  const home = await ownHome();
  const file = join(home.folder, 'later.json');
  await rm(home.configFile, { force: true });
  await symlink(file, home.configFile);
  expect(await destination(home, add('a'))).toMatchObject({ exitCode: 0, stderr: '' });
  expect((await lstat(home.configFile)).isSymbolicLink()).toBe(true);
  expect(JSON.parse(await readFile(file, 'utf8')).destinations).toHaveLength(1);
});

test.runIf(process.platform !== 'win32' && process.getuid?.() !== 0)('a read-only config is left alone', async () => {
  const home = await ownHome({});
  await chmod(home.configFile, 0o444);
  const { stderr } = await destination(home, add('a'));
  expect(stderr).toContain(`${home.configFile} is read-only. Make it writable for you first.`);
  expect((await stat(home.configFile)).mode & 0o777).toBe(0o444);
  await chmod(home.folder, 0o500);
  onTestFinished(() => chmod(home.folder, 0o700));
  await chmod(home.configFile, 0o600);
  expect((await destination(home, add('a'))).stderr).toContain('no lock can be made beside it');
});

test.runIf(process.getuid?.() === 0)("another user's config is left alone", async () => {
  const home = await ownHome({});
  await chown(home.configFile, 12_345, 12_345);
  const { stderr } = await destination(home, add('a'));
  expect(stderr).toContain(`${home.configFile} belongs to user 12345.`);
  expect((await stat(home.configFile)).uid).toBe(12_345);
});

test.each([
  [['--header', 'A=b', '--header', 'a=c'], '--header gives a twice.'],
  [['--attribute', 'team=b', '--attribute', 'team=c'], '--attribute gives team twice.'],
  [['--token-file', '/run/t'], '--token-file should be only beside --credential-header, or beside a preset'],
])('add %j is refused', async (words, message) => {
  const home = await ownHome('{}');
  const { exitCode, stderr } = await destination(home, add('a', ...words));
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain(message);
  expect(await textOf(home)).toBe('{}');
});

test.each([
  [
    'CANARY two',
    '--token should be a token: a text of ASCII characters without blanks, and is a text of 10 characters with a blank in it.',
  ],
  ['CANARYü', 'is a text of 7 characters with one in it that is not visible ASCII.'],
])('a token such as %j is told by what is wrong with it', async (token, message) => {
  const home = await ownHome('{}');
  const { stderr } = await destination(home, add('a', '--credential-header', 'X-Key', '--token', '-'), token);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('CANARY');
});

test('import lets an http address be on another machine where it is told to', async () => {
  const home = await ownHome();
  const settings = { env: { OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel.acme.example' } };
  const words = ['import', '-', '--allow-insecure'];
  expect(await destination(home, words, JSON.stringify(settings))).toMatchObject({ exitCode: 0, stderr: '' });
  expect(JSON.parse(await textOf(home)).destinations).toMatchObject([{ allowInsecure: true }]);
});
