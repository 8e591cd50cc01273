import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runCommand } from '../support/command-line.ts';

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

let folder: string;
let nowhere: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-cli-'));
  nowhere = ['--state-dir', join(folder, 'nowhere'), '--config', join(folder, 'config.json')];
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const commands = ['run', 'status', 'ledger', 'destination', 'send-test', 'quarantine'];

test('--help lists every command, on standard output', async () => {
  const { exitCode, stdout, stderr } = await runCommand(['--help']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  for (const command of commands) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
});

test.each(commands)('%s --help tells its usage and options', async (command) => {
  const { exitCode, stdout, stderr } = await runCommand([command, '--help']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toContain(`Usage: span-relay ${command}`);
  for (const option of ['--state-dir', '--config', '--json']) expect(stdout).toContain(option);
});

test('--version tells the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(await runCommand(['--version'])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
});

test('without a command the overview goes to standard error', async () => {
  const { exitCode, stdout, stderr } = await runCommand([]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' });
  expect(stderr).toContain('Usage: span-relay COMMAND');
});

test.each([
  [['stauts'], "There is no command 'stauts'. Did you mean 'status'? See `span-relay --help`."],
  [['constructor'], "There is no command 'constructor'. The commands are run, status, ledger, destination, send-test"],
  [['status', '--jsn'], "Unknown option '--jsn'. See `span-relay status --help`."],
  [['status', 'now'], "Unexpected argument 'now'. See `span-relay status --help`."],
  [['status', '--json=yes'], "Option '--json' does not take an argument. See `span-relay status --help`."],
  [['run', '--state-dir'], '--state-dir needs a value. See `span-relay run --help`.'],
  [['run', '--state-dir', '--config', 'f'], '--state-dir needs a value. See `span-relay run --help`.'],
  [['--json', 'status'], "There is no command '--json'. Options come after the command: `span-relay COMMAND"],
  [['--state-dir', 'x'], "There is no command '--state-dir'. Options come after the command: `span-relay COMMAND"],
  [['run', '--http-port', '1'], "Unknown option '--http-port'. See `span-relay run --help`."],
  [['ledger', '--hours', '0'], "--hours takes a whole number from 1 to 840, not '0'. See `span-relay ledger --help`."],
  [['ledger', '--hours', '1e2'], "--hours takes a whole number from 1 to 840, not '1e2'."],
  [['send-test', '--timeout', '121'], "--timeout takes a whole number from 1 to 120, not '121'."],
  [['destination'], 'Say what to do: list, add, remove, rename, test, import.'],
  [['destination', 'lits'], "There is no 'destination lits'. Did you mean 'list'?"],
  [['destination', 'list', 'x'], "Unexpected argument 'x'."],
  [['destination', 'add'], 'Say what the destination is to be called.'],
  [['destination', 'add', 'a', 'b'], "Unexpected argument 'b'."],
  [
    ['destination', 'add', 'a', '--preset', 'spam'],
    "There is no preset 'spam'. The presets are span, linearb, datadog",
  ],
  [['destination', 'add', 'a', '--token', 'secret'], '--token takes - and reads the token from standard input'],
  [['destination', 'add', 'a', '--param', 'site'], '--param takes KEY=VALUE.'],
  [['destination', 'add', 'a', '--header', 'Authorization=secret'], '--header is not for Authorization'],
  [['destination', 'add', 'a', '--proxy', 'http://u:secret@p.example'], '--proxy takes a URL without a password'],
  [['destination', 'add', 'a', '--timeout-ms', '1'], '--timeout-ms takes a whole number from 100 to 600000'],
  [['destination', 'remove'], '`destination remove` takes one name.'],
  [['destination', 'rename', 'a'], '`destination rename` takes the old name and the new one.'],
  [['destination', 'test'], '`destination test` takes one name; `send-test` asks all of them.'],
  [['destination', 'import'], '`destination import` takes one file, or - for standard input.'],
  [
    ['destination', 'import', 'f', '--signals', 'log'],
    "--signals takes a list of metrics, logs and traces, not 'log'.",
  ],
  [['quarantine'], 'Say what to do: list, show, retry, export, discard.'],
  [['quarantine', 'lst'], "There is no 'quarantine lst'. Did you mean 'list'?"],
  [['quarantine', 'list', '1'], "Unexpected argument '1'."],
  [['quarantine', 'show'], 'Say which request to show, by its ID.'],
  [['quarantine', 'show', '1', '2'], '`quarantine show` takes one ID.'],
  [['quarantine', 'retry', 'x'], "ID takes a whole number from 0 to 9007199254740991, not 'x'."],
  [['quarantine', 'export', '1'], 'Say where to write it, with --out FILE.'],
  [['quarantine', 'export', '1', '--out', '-'], '--out takes the name of a new file'],
  [['quarantine', 'export', '1', '--out', 'f', '--format', 'xml'], "--format takes protobuf or json, not 'xml'."],
  [['quarantine', 'discard', '1', '--out', 'f'], "Unknown option '--out'."],
])('%j is a usage error that says what to do', async (args, message) => {
  const { exitCode, stdout, stderr } = await runCommand(args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' });
  expect(stderr).toMatch(/^span-relay: .*\n$/);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('secret');
});

test.each([['status'], ['status', '--json'], ['send-test']])(
  '%s %s exits with 3 where no relay runs, and says how to start one',
  async (...args) => {
    const { exitCode, stdout, stderr } = await runCommand([...args, ...nowhere]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
    expect(stderr).toBe(
      `span-relay: The relay does not run on ${join(folder, 'nowhere')}. Start it with \`span-relay run\`; what Claude Code sends meanwhile is lost.\n`,
    );
  },
);

test.each([['ledger'], ['quarantine', 'list']])('%s %s says so where no relay has ever run', async (...args) => {
  const { exitCode, stderr } = await runCommand([...args, ...nowhere]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`There is no spool in ${join(folder, 'nowhere')}`);
});

test.each([[['status']], [['quarantine', 'list']]])('the common options may stand before %j', async (words) => {
  const state = join(folder, 'before');
  const { exitCode, stderr } = await runCommand([`--config=${join(folder, 'c')}`, '--state-dir', state, ...words]);
  expect([1, 3]).toContain(exitCode);
  expect(stderr).toContain(state);
});

test('run says so when the config file that it is told to use does not exist', async () => {
  const notAFolder = join(folder, 'file');
  await writeFile(notAFolder, '');
  const { stderr } = await runCommand(['run', '--state-dir', notAFolder, '--config', join(folder, 'missing.json')]);
  expect(stderr.match(/ warn the config file does not exist; .*missing\.json\n/g)).toHaveLength(1);
});

test('the usual state folder is the one of the environment', async () => {
  const { stderr } = await runCommand(['status'], { HOME: folder, XDG_STATE_HOME: join(folder, 'states') });
  expect(stderr).toContain(join(folder, 'states', 'span-relay'));
});
