import { execFile } from 'node:child_process';
import { open, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { grpcClient } from '../support/grpc-client.ts';
import { numberedRequest, numbersTakenBy, post } from '../support/numbered-requests.ts';
import { openTestSpool } from '../support/open-test-spool.ts';
import { freePort, makeHome, type RelayHome, startRelay } from '../support/relay.ts';
import { close, descriptorOf, listen } from '../support/server.ts';
import { until } from '../support/until.ts';
import { startVendor } from '../support/vendor.ts';

const destinations = [{ name: 'vendor', signals: ['metrics', 'logs', 'traces'] }] as const;

/** Stores requests as a relay that ran before, without starting one. */
async function fillSpool({ stateDir }: RelayHome, bodies: readonly Uint8Array[]): Promise<void> {
  const { spool } = await openTestSpool(stateDir, { destinations });
  await Promise.all(bodies.map((body) => spool.accept({ signal: 'logs', body, points: 1 })));
  await spool.close();
}

/** A program that is no relay. */
const hangUp = () => createServer((socket) => socket.destroy());

/** True when a connection is not refused. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.unref();
    socket.on('connect', () => socket.destroy());
  });
}

/** Overwrites the first page and some others of a database with garbage. */
async function damage(file: string): Promise<void> {
  const { size } = await stat(file);
  const handle = await open(file, 'r+');
  // The first page says what the file is.
  await handle.write(Buffer.alloc(4_096, 0xa5), 0, 4_096, 0);
  for (let at = 0.2; at < 1; at += 0.2) {
    await handle.write(Buffer.alloc(16_384, 0xa5), 0, 16_384, Math.floor((size * at) / 4_096) * 4_096);
  }
  await handle.close();
}

test('a damaged spool of 50 MB: requests that come at once wait for its repair and are acknowledged', {
  timeout: 60_000,
}, async () => {
  const vendor = await startVendor({ answer: () => ({ kind: 'hang' }) });
  const port = await freePort();
  await using home = await makeHome({
    listen: { http: port },
    destinations: [{ name: 'vendor', endpoint: vendor.url }],
  });
  const stored = 800;
  await fillSpool(
    home,
    Array.from({ length: stored }, (_, number) => numberedRequest('logs', number, 65_536)),
  );
  const database = join(home.stateDir, 'spool.db');
  expect((await stat(database)).size).toBeGreaterThan(50_000_000);
  await damage(database);

  await using relay = startRelay(home);
  await until('the port is open', () => accepts(port));
  const early = [5_000, 5_001, 5_002].map((number) => post(port, 'metrics', numberedRequest('metrics', number)));
  // The port opens long before fifty damaged megabytes have been read.
  const damagedStill = !relay.stdout().includes('ready');
  expect(await Promise.all(early)).toEqual([200, 200, 200]);
  expect(damagedStill).toBe(true);

  await relay.ready;
  await relay.untilStatus('the repair is done and told', ({ findings }) =>
    findings.some(({ id, detail }) => id === 'spool.corrupted' && /requests? saved/.test(detail)),
  );
  expect(await relay.call('verify', {})).toEqual({ problems: [] });
  vendor.setAnswer(() => ({ kind: 'status', status: 200, headers: {}, body: '' }));
  vendor.breakConnections();
  await relay.untilStatus('what is left is delivered', ({ ledger }) => ledger.every(({ pending }) => pending === 0));
  const taken = new Set(numbersTakenBy(vendor));
  expect([...taken].filter((number) => number >= 5_000)).toHaveLength(3);
  // A few holes in so many pages: most of it was saved.
  expect(taken.size).toBeGreaterThan(stored / 2);
  await vendor.stop();
});

test('a port that another program holds: the relay says who, delivers its backlog, and takes over when it is free', {
  timeout: 60_000,
}, async () => {
  const vendor = await startVendor();
  const port = await freePort();
  await using home = await makeHome({
    listen: { http: port },
    destinations: [{ name: 'vendor', endpoint: vendor.url }],
  });
  await fillSpool(home, [numberedRequest('logs', 1), numberedRequest('logs', 2)]);
  const foreign = hangUp();
  await listen(foreign, { port });

  await using relay = startRelay(home);
  const { findings, state } = await relay.untilStatus('the port is told to be taken', ({ listen }) => {
    return listen.http.state === 'port-taken' && listen.http.holder !== undefined;
  });
  expect(state).toBe('failing');
  const taken = findings.find(({ id }) => id === 'receiver.port-taken');
  expect(taken?.title).toContain(`Port ${port} is taken by`);
  // The program that holds it is this test.
  if (process.platform === 'linux') expect(taken?.title).toContain(`(process ${process.pid})`);
  await until('the backlog is delivered', () => numbersTakenBy(vendor).length === 2);

  const test = await home.command('send-test', '--json');
  expect(test.exitCode).toBe(1);
  expect(JSON.parse(test.stdout).results[0]).toMatchObject({
    outcome: 'blocked',
    message: expect.stringContaining(`port ${port} is held by`),
  });

  expect(relay.stdout()).toBe('');
  await close(foreign);
  expect(relay.stderr()).toContain(`receiver: port-taken port=${port}`);
  await relay.ready;
  expect(relay.port).toBe(port);
  expect((await relay.status()).listen.http.state).toBe('listening');
  expect(await post(port, 'logs', numberedRequest('logs', 3))).toBe(200);
  await vendor.stop();
});

test.runIf(process.platform !== 'win32')('sockets that a supervisor opened are used instead of the port', async () => {
  const supervisor = hangUp();
  const port = await listen(supervisor);
  await using home = await makeHome({ listen: { http: await freePort() } });
  await using relay = startRelay(home, { inherit: [descriptorOf(supervisor)], env: { LISTEN_FDS: '1' } });
  // The relay has it by now, and alone: or this process would accept as well.
  supervisor.close();
  await relay.ready;

  expect(relay.port).toBe(port);
  expect(await post(relay.port, 'metrics', numberedRequest('metrics', 1))).toBe(200);
  expect((await relay.status()).listen.http).toEqual({ port: relay.port, state: 'listening' });
});

test.runIf(process.platform === 'linux').each([
  ['their names', 'grpc:http', ['grpc', 'http']],
  ['their ports', undefined, ['http', 'grpc']],
] as const)('sockets for both protocols are told apart by %s', async (_, names, protocols) => {
  const supervisors = [hangUp(), hangUp()];
  const ports = [await listen(supervisors[0] ?? hangUp()), await listen(supervisors[1] ?? hangUp())];
  await using home = await makeHome({ listen: { grpc: names === undefined ? ports[1] : await freePort() } });
  const env = { LISTEN_FDS: '2', ...(names !== undefined && { LISTEN_FDNAMES: names }) };
  await using relay = startRelay(home, { inherit: supervisors.map(descriptorOf), env });
  for (const supervisor of supervisors) supervisor.close();
  await relay.ready;

  expect([relay.port, relay.grpcPort]).toEqual([ports[protocols.indexOf('http')], ports[protocols.indexOf('grpc')]]);
  expect(await post(relay.port, 'metrics', numberedRequest('metrics', 1))).toBe(200);
  using client = grpcClient(relay.grpcPort);
  expect(await client.export('metrics', numberedRequest('metrics', 2))).toMatchObject({ code: 0 });
});

test('systemd starts the relay with the first request, which is acknowledged', async ({ skip }) => {
  const reason = await noSocketActivationBecause();
  if (reason !== undefined) skip(reason);
  const port = await freePort();
  await using home = await makeHome({ listen: { http: await freePort() } });
  await using relay = startRelay(home, { under: ['systemd-socket-activate', `--listen=127.0.0.1:${port}`] });
  await until('systemd listens', () => relay.stderr().includes('Listening on'));

  expect(await post(port, 'metrics', numberedRequest('metrics', 1))).toBe(200);
  await relay.ready;
  expect(relay.port).toBe(port);
  expect(await relay.stop()).toEqual({ code: 0, signal: null });
});

test('sockets that were meant for another process are left alone', async () => {
  await using home = await makeHome();
  await using relay = startRelay(home, { env: { LISTEN_FDS: '1', LISTEN_PID: '1' } });
  await relay.ready;
  expect((await relay.status()).listen.http.state).toBe('listening');
});

/** Undefined where systemd's own tool for trying socket activation is at hand. */
async function noSocketActivationBecause(): Promise<string | undefined> {
  return promisify(execFile)('systemd-socket-activate', ['--version']).then(
    () => undefined,
    () => 'systemd-socket-activate is not installed',
  );
}
