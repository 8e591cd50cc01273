import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Child } from '../support/child.ts';
import { startCommand } from '../support/command-line.ts';
import { post } from '../support/numbered-requests.ts';
import { recorded } from '../support/recordings.ts';
import { makeHome, type Relay, type RelayHome, startRelay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { startVendor, status, type Vendor } from '../support/vendor.ts';

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const payload = recorded('logs', 'pb');

let home: RelayHome;
let vendor: Vendor;
const agents: (Relay | Child)[] = [];

beforeEach(async () => {
  vendor = await startVendor();
  home = await makeHome({ destinations: [{ name: 'vendor', endpoint: vendor.url }] });
});

afterEach(async () => {
  for (const agent of agents.splice(0)) {
    agent.kill();
    await agent.exited;
  }
  await vendor.stop();
  await home[Symbol.asyncDispose]();
});

async function startAgent(...args: readonly string[]): Promise<Relay> {
  const agent = startRelay(home, { args });
  agents.push(agent);
  await agent.ready;
  return agent;
}

/** `run` with nothing added to its output. */
function startRun(...options: readonly string[]): Child {
  const agent = startCommand(['run', ...options, '--state-dir', home.stateDir, '--config', home.configFile]);
  agents.push(agent);
  return agent;
}

async function send({ port }: Relay): Promise<void> {
  expect(await post(port, 'logs', payload)).toBe(200);
}

test('run prints one ready line that tells ports, process and state folder, and ends with 0 on SIGTERM', async () => {
  const agent = startRun();
  const [line] = await agent.line(/^.*/);
  expect(line).toMatch(
    /^span-relay ready http=127\.0\.0\.1:[1-9]\d* grpc=127\.0\.0\.1:[1-9]\d* pid=\d+ state=.*\/state$/,
  );
  expect(line).toContain(`pid=${agent.pid} `);
  agent.kill('SIGTERM');
  expect((await agent.exited).code).toBe(0);
  expect(agent.stdout()).toBe(`${line}\n`);
});

test('SIGINT ends it with 0 too, and --json makes the ready line JSON', async () => {
  const agent = startRun('--json');
  const [line] = await agent.line(/^.*/);
  const { http, grpc, pid } = JSON.parse(line);
  expect(http).toBeGreaterThan(0);
  expect(grpc).toBeGreaterThan(0);
  expect(pid).toBe(agent.pid);
  agent.kill('SIGINT');
  expect((await agent.exited).code).toBe(0);
});

test('a second relay on the same state folder says who has it and exits with 75', async () => {
  const { pid } = await startAgent();
  const second = await home.command('run');
  expect(second).toMatchObject({ exitCode: 75, stdout: '' });
  expect(second.stderr).toContain(`pid ${pid}`);
  expect(second.stderr).toContain('--replace');
});

test('--replace takes over, and the old relay ends with 0', async () => {
  const first = await startAgent();
  const second = await startAgent('--replace');
  expect((await first.exited).code).toBe(0);
  expect((await second.status()).state).toBe('idle');
  expect(second.pid).not.toBe(first.pid);
});

test('status goes from idle to healthy to failing, by exit code and in words', async () => {
  const agent = await startAgent();
  const idle = await home.command('status');
  expect(idle.exitCode).toBe(0);
  expect(idle.stdout).toMatch(/^· No Claude Code session has reported yet/);

  await send(agent);
  await agent.untilStatus('the delivery is told', ({ headline }) => headline.includes('has been delivered'));
  const healthy = await home.command('status');
  expect(healthy).toMatchObject({ exitCode: 0, stderr: '' });
  expect(healthy.stdout).toMatch(/^✓ Telemetry flows/);

  vendor.setAnswer(() => status(401));
  await send(agent);
  await agent.untilStatus('the failure is told', ({ state }) => state === 'failing');
  const failing = await home.command('status');
  expect(failing.exitCode).toBe(2);
  expect(failing.stdout).toMatch(/^✗ vendor refuses the token \(401\)/);
  expect(failing.stdout).toContain('[destination.credentials-refused]');
});

test('the ledger is the same through the relay and without it', async () => {
  const agent = await startAgent();
  await send(agent);
  await until('the vendor has it', () => vendor.accepted.length === 1);
  await agent.untilStatus('it is booked', ({ destinations }) => destinations[0]?.pending.requests === 0);
  const online = await home.command('ledger', '--verify', '--json', '--hours', '2');
  expect(online.exitCode).toBe(0);
  const report = JSON.parse(online.stdout);
  expect(report).toMatchObject({ balances: true, problems: [] });
  const logs = report.ledger.find((row: { signal: string }) => row.signal === 'logs');
  expect(logs).toMatchObject({ destination: 'vendor', accepted: logs.delivered, pending: 0 });
  expect(logs.accepted).toBeGreaterThan(0);
  expect(report.hours).toContainEqual(expect.objectContaining({ signal: 'logs', accepted: logs.accepted }));

  await agent.stop();
  const offline = await home.command('ledger', '--verify', '--json', '--hours', '2');
  expect(offline.exitCode).toBe(0);
  expect(JSON.parse(offline.stdout)).toEqual(report);
  expect((await home.command('ledger', '--verify')).stdout).toContain('The books balance');
});

test('send-test delivers to each destination and tells what came back', async () => {
  await startAgent();
  const sent = await home.command('send-test', '--json');
  expect(sent.exitCode).toBe(0);
  const { results } = JSON.parse(sent.stdout);
  expect(results.map((result: { outcome: string }) => result.outcome)).toEqual(['delivered', 'delivered', 'delivered']);

  vendor.setAnswer(() => status(401));
  const refused = await home.command('send-test', '--timeout', '20');
  expect(refused.exitCode).toBe(1);
  expect(refused.stdout).toMatch(/✗ metrics {2}blocked \(401\) after/);
  expect(refused.stdout).toContain('0 of 3 delivered.');
});

test('quarantined requests are listed, shown masked, exported, retried and discarded, with the relay or without', async () => {
  vendor.setAnswer(() => status(400));
  const agent = await startAgent();
  await send(agent);
  await send(agent);
  await until('both are set aside', async () => (await agent.call('quarantineList', {})).requests.length === 2);
  const listing = JSON.parse((await home.command('quarantine', 'list', '--json')).stdout);
  const [one, two] = listing.requests.map(({ id }: { id: number }) => String(id));

  const shown = await home.command('quarantine', 'show', one);
  expect(shown.stdout).toContain('answered 400');
  expect(shown.stdout).toContain('resourceLogs');
  const masked = JSON.parse((await home.command('quarantine', 'show', one, '--json')).stdout).decoded;
  const unmasked = JSON.parse((await home.command('quarantine', 'show', one, '--json', '--unmasked')).stdout).decoded;
  expect(masked).not.toEqual(unmasked);

  const out = join(home.folder, 'request.pb');
  expect((await home.command('quarantine', 'export', one, '--out', out)).exitCode).toBe(0);
  expect(await readFile(out)).toEqual(payload);
  expect((await stat(out)).mode & 0o777).toBe(0o600);
  const again = await home.command('quarantine', 'export', one, '--out', out);
  expect(again.exitCode).toBe(1);
  expect(again.stderr).toContain('exists already');

  vendor.setAnswer(() => status(200));
  expect((await home.command('quarantine', 'retry', one)).stdout).toBe(`Request ${one} is back in the queue.\n`);
  await until('the vendor has it', () => vendor.accepted.length === 1);

  await agent.stop();
  const json = join(home.folder, 'request.json');
  expect((await home.command('quarantine', 'export', two, '--out', json, '--format', 'json')).exitCode).toBe(0);
  expect(JSON.parse(await readFile(json, 'utf8'))).toEqual(unmasked);
  expect((await home.command('quarantine', 'discard', two)).exitCode).toBe(0);
  const gone = await home.command('quarantine', 'discard', two);
  expect(gone.exitCode).toBe(1);
  expect(gone.stderr).toContain(`There is no request ${two} in quarantine.`);
  expect((await home.command('quarantine', 'show', two)).exitCode).toBe(1);
  expect((await home.command('ledger', '--verify')).stdout).toContain('by discarded');
});

test('a broken config is told by status, and the relay goes on', async () => {
  const agent = await startAgent();
  await home.writeConfig('{"listen": {"http": 0, "grpc": 0}, "destinations": [{"token": "CANARY"');
  await agent.untilStatus('it is told', ({ findings }) => findings.some(({ id }) => id === 'relay.config-invalid'));
  const told = await home.command('status');
  expect(told.exitCode).toBe(1);
  expect(told.stdout).toContain('line 1, column');
  expect(told.stdout).not.toContain('CANARY');
});
