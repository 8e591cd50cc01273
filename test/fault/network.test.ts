import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { type NameServer, startNameServer } from '../support/name-server.ts';
import { numberedRequest, numbersTakenBy, post } from '../support/numbered-requests.ts';
import { openTestSpool } from '../support/open-test-spool.ts';
import { makeHome, type Relay, type RelayHome, startRelay } from '../support/relay.ts';
import { runProcess } from '../support/run-process.ts';
import { until } from '../support/until.ts';
import { ok, startVendor, type Vendor } from '../support/vendor.ts';

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const run = (...words: readonly [string, ...string[]]) =>
  runProcess(words[0], words.slice(1), { env: process.env, timeoutMs: 10_000 });

/** A resolver that the relay alone is sent to: any address of loopback will do, on the port that resolvers have to use. */
const nameServerHost = '127.0.0.77';

async function noNameServerBecause(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  const unshared = await run('unshare', '-m', 'true').catch(() => undefined);
  if (unshared?.exitCode !== 0) return 'mounts cannot be kept apart here';
  const server = await startNameServer({ addresses: [], host: nameServerHost, port: 53 }).catch(() => undefined);
  await server?.stop();
  return server === undefined ? 'port 53 cannot be had here' : undefined;
}

async function noCableBecause(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  const plugged = await run(
    'unshare',
    '-n',
    'ip',
    'link',
    'add',
    'probe0',
    'type',
    'veth',
    'peer',
    'name',
    'probe1',
  ).catch(() => undefined);
  return plugged?.exitCode === 0 ? undefined : 'networks cannot be kept apart here';
}

const noNameServer = await noNameServerBecause();
const noCable = await noCableBecause();

const count = 20;
const numbers = Array.from({ length: count }, (_, number) => number);
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function keep<T extends AsyncDisposable>(resource: T): T {
  cleanups.push(async () => resource[Symbol.asyncDispose]());
  return resource;
}

async function vendorWith(options: Parameters<typeof startVendor>[0]): Promise<Vendor> {
  const vendor = await startVendor(options);
  cleanups.push(() => vendor.stop());
  return vendor;
}

/** Everything has arrived once, and the books balance. */
async function allDelivered(home: RelayHome, relay: Relay, vendor: Vendor): Promise<void> {
  await until('the vendor has everything', () => numbersTakenBy(vendor).length >= count);
  expect(numbersTakenBy(vendor).sort((a, b) => a - b)).toEqual(numbers);
  await relay.untilStatus('it is booked', ({ destinations }) => destinations[0]?.pending.requests === 0);
  const { ledger } = await home.verifiedLedger();
  expect(ledger.find(({ accepted }) => accepted > 0)).toMatchObject({ accepted: count, delivered: count, pending: 0 });
}

async function lastError(relay: Relay, words: string): Promise<void> {
  await relay.untilStatus(words, ({ destinations }) => destinations[0]?.lastError?.message.includes(words) === true);
}

test.skipIf(noNameServer !== undefined)(
  `a name server that says nothing, that fails, that does not know the name, and then does (${noNameServer ?? 'real'})`,
  async () => {
    const names: NameServer = await startNameServer({ addresses: ['127.0.0.1'], host: nameServerHost, port: 53 });
    cleanups.push(() => names.stop());
    names.setFault('silence');
    const vendor = await vendorWith({});
    const home = keep(
      await makeHome({
        destinations: [
          { name: 'vendor', signals: ['logs'], endpoint: `http://vendor.test:${vendor.port}`, allowInsecure: true },
        ],
      }),
    );
    const resolvConf = join(home.folder, 'resolv.conf');
    await writeFile(resolvConf, `nameserver ${nameServerHost}\noptions timeout:1 attempts:1\n`);
    const mounted = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    const relay = keep(startRelay(home, { under: ['unshare', '-m', 'sh', '-c', mounted, resolvConf] }));
    await relay.ready;
    for (const number of numbers) expect(await post(relay.port, 'logs', numberedRequest('logs', number))).toBe(200);

    await lastError(relay, 'The name vendor.test cannot be looked up (EAI_AGAIN): is this machine offline?');
    names.setFault('failure');
    const asked = names.asked();
    await until('it is asked again', () => names.asked() > asked);
    names.setFault('unknown');
    await lastError(relay, 'The name vendor.test cannot be found. Check the spelling in the endpoint');
    expect(vendor.seen).toEqual([]);

    names.setFault(undefined);
    await allDelivered(home, relay, vendor);
  },
);

test.skipIf(noCable !== undefined)(
  `a cable that is plugged in, cut in the middle of a request, and plugged in again (${noCable ?? 'real'})`,
  async () => {
    const [ours, theirs, subnet] = [`sr${process.pid}a`, `sr${process.pid}b`, '10.213.77'];
    const home = keep(await makeHome());
    const { spool } = await openTestSpool(home.stateDir, { destinations: [{ name: 'vendor', signals: ['logs'] }] });
    await Promise.all(
      numbers.map((number) => spool.accept({ signal: 'logs', body: numberedRequest('logs', number), points: 1 })),
    );
    await spool.close();
    await home.writeConfig({
      destinations: [
        {
          name: 'vendor',
          signals: ['logs'],
          endpoint: `http://${subnet}.1:4318`,
          allowInsecure: true,
          timeoutMs: 1_000,
        },
      ],
    });
    const relay = keep(
      startRelay(home, { under: ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'] }),
    );
    await relay.ready;
    await lastError(relay, `There is no way to ${subnet}.1:4318 from this network (ENETUNREACH)`);

    const inside = ['nsenter', '-t', String(relay.pid), '-n'] as const;
    const ip = async (...words: string[]) => expect(await run('ip', ...words)).toMatchObject({ exitCode: 0 });
    const ipInside = async (...words: string[]) =>
      expect(await run(...inside, 'ip', ...words)).toMatchObject({ exitCode: 0 });
    await ip('link', 'add', ours, 'type', 'veth', 'peer', 'name', theirs, 'netns', String(relay.pid));
    await ip('addr', 'add', `${subnet}.1/30`, 'dev', ours);
    await ip('link', 'set', ours, 'up');
    let answers = false;
    const vendor = await vendorWith({
      host: `${subnet}.1`,
      port: 4318,
      answer: () => (answers ? ok() : { kind: 'hang' }),
    });
    await ipInside('addr', 'add', `${subnet}.2/30`, 'dev', theirs);
    await ipInside('link', 'set', theirs, 'up');
    await until('the request is on its way', () => vendor.seen.length === 1);

    await ipInside('link', 'set', theirs, 'down');
    answers = true;
    await relay.untilStatus('its outcome is unknown', ({ ledger }) => ledger.some(({ resent }) => resent > 0));
    await ipInside('link', 'set', theirs, 'up');
    await allDelivered(home, relay, vendor);
  },
);
