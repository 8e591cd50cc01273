import { readFile } from 'node:fs/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runCommand } from '../support/command-line.ts';
import { numberedRequest, numbersTakenBy, post } from '../support/numbered-requests.ts';
import { makeHome, type Relay, type RelayHome, startRelay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { startVendor, status, type Vendor } from '../support/vendor.ts';

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 });

async function setUp(names: readonly string[], options?: Parameters<typeof startVendor>[0]) {
  const vendor: Vendor = await startVendor(options);
  onTestFinished(() => vendor.stop());
  const home = await makeHome({ destinations: names.map((name) => ({ name, endpoint: vendor.url })) });
  onTestFinished(() => home[Symbol.asyncDispose]());
  return { vendor, home, relay: await running(home) };
}

async function running(home: RelayHome): Promise<Relay> {
  const relay = startRelay(home);
  onTestFinished(() => relay.kill());
  await relay.ready;
  return relay;
}

async function destination(home: RelayHome, ...words: readonly string[]) {
  const { exitCode, stdout, stderr } = await runCommand(
    ['destination', ...words, '--state-dir', home.stateDir, '--config', home.configFile],
    {},
  );
  return { exitCode, text: (stdout + stderr).replaceAll(/\n\s*/g, ' ') };
}

async function send(relay: Relay, ...numbers: readonly number[]): Promise<void> {
  for (const number of numbers) expect(await post(relay.port, 'logs', numberedRequest('logs', number))).toBe(200);
}

async function books(relay: Relay) {
  const { ledger } = await relay.call('ledger', {});
  const kept = ledger.filter(({ accepted }) => accepted > 0);
  return kept.map((row) => `${row.destination} ${row.accepted} ${row.pending}`);
}

test.each([
  ['running', 'with a backlog', 503],
  ['stopped', 'with a backlog', 503],
  ['running', 'all delivered', 200],
  ['stopped', 'all delivered', 200],
])('%s: a rename to a name that has books, %s, is refused and changes nothing', async (state, _, answer) => {
  const { home, relay } = await setUp(['a', 'b'], { answer: () => status(answer) });
  await send(relay, 1, 2);
  const waiting = answer === 200 ? 'none' : '2 of them';
  if (answer === 200) await until('it is delivered', async () => (await books(relay)).join() === 'a 2 0,b 2 0');
  await destination(home, 'remove', 'b');
  if (state === 'stopped') await relay.stop();
  const before = await readFile(home.configFile, 'utf8');
  const { exitCode, text } = await destination(home, 'rename', 'a', 'B');
  expect(text).toContain(`"b" has books of its own (2 data points accepted, ${waiting} waiting)`);
  expect(text).toContain('Choose a name that was not used before. Nothing was changed.');
  expect(exitCode).toBe(1);
  expect(await readFile(home.configFile, 'utf8')).toBe(before);
});

test('a name that was configured for a moment and got nothing can be renamed to', async () => {
  const { home, relay } = await setUp(['a'], { answer: () => status(503) });
  await send(relay, 1);
  await destination(home, 'add', 'b', '--endpoint', 'https://b.example');
  await destination(home, 'remove', 'b');
  expect(await destination(home, 'rename', 'a', 'b')).toMatchObject({ exitCode: 0 });
  expect(await books(relay)).toEqual(['b 1 1']);
});

test('a rename by hand that cannot be carried out is told once, until it is corrected', async () => {
  const { home, relay, vendor } = await setUp(['a', 'b'], { answer: () => status(503) });
  await send(relay, 1);
  await home.writeConfig({ destinations: [{ name: 'b', formerly: 'a', endpoint: vendor.url }] });
  const told = async () =>
    (await relay.status()).findings.map(({ id }) => id).filter((id) => /rename|backlog/.test(id));
  await until('it is told', async () => (await told()).includes('destination.rename-not-carried-out'));
  expect(await told()).toEqual(['destination.rename-not-carried-out']);
  await home.writeConfig({ destinations: [{ name: 'c', formerly: 'a', endpoint: vendor.url }] });
  await until('it is carried out', async () => (await books(relay)).join() === 'c 1 1,b 1 1');
  await until('it is told no more', async () => (await told()).join() === 'destination.removed-with-backlog');
});

test('what is owed to a destination that was renamed while no relay ran is told when it is removed', async () => {
  const { home, relay, vendor } = await setUp(['a'], { answer: () => status(503) });
  await send(relay, 1, 2, 3);
  await relay.stop();
  await destination(home, 'rename', 'a', 'b');
  const { text } = await destination(home, 'remove', 'b');
  expect(text).toContain('3 log records are still owed to it');
  expect(text).toContain('a destination that is called "a" again gets them. It is under that name still');
  await destination(home, 'add', 'a', '--endpoint', vendor.url);
  expect(await books(await running(home))).toEqual(['a 3 3']);
});

test('what came while there was no destination goes to the one that returns, in order', async () => {
  const { home, relay, vendor } = await setUp(['d']);
  await send(relay, 1);
  await until('the first is delivered', () => vendor.accepted.length === 1);
  await destination(home, 'remove', 'd');
  await send(relay, 2, 3, 4);
  await destination(home, 'add', 'd', '--endpoint', vendor.url);
  await send(relay, 5);
  await until('all are delivered', async () => (await books(relay)).join() === 'd 5 0');
  expect(numbersTakenBy(vendor)).toEqual([1, 2, 3, 4, 5]);
  await destination(home, 'add', 'e', '--endpoint', vendor.url);
  expect(await books(relay)).toEqual(['d 5 0']);
  expect((await relay.status()).findings.map(({ id }) => id)).not.toContain('destination.removed-with-backlog');
});
