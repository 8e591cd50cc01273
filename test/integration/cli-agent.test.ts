import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { controlClient } from '../../src/main/core/control/client.ts';
import type { ControlArgs, ControlMethod, ControlResult } from '../../src/shared/control.ts';
import { type RunningCommand, runCommand, startCommand } from '../support/command-line.ts';
import { startVendor, status, type Vendor } from '../support/vendor.ts';

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const payload = readFileSync(new URL('../fixtures/claude-code/2.1.328/logs.pb', import.meta.url));

let folder: string;
let paths: readonly string[];
let vendor: Vendor;
const agents: RunningCommand[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-cli-'));
  paths = ['--state-dir', join(folder, 'state'), '--config', join(folder, 'config.json')];
  vendor = await startVendor();
  const destinations = [{ name: 'vendor', endpoint: vendor.url }];
  await writeFile(join(folder, 'config.json'), JSON.stringify({ listen: { http: 0 }, destinations }));
});

afterEach(async () => {
  for (const agent of agents.splice(0)) {
    agent.kill('SIGKILL');
    await agent.finished;
  }
  await vendor.stop();
  await rm(folder, { recursive: true, force: true });
});

const relay = (...args: readonly string[]) => runCommand([...args, ...paths]);
const eventually = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 60_000, interval: 20 });

async function startRelay(...args: readonly string[]) {
  const agent = startCommand(['run', '--json', ...args, ...paths]);
  agents.push(agent);
  const ready: { http: number; pid: number } = JSON.parse(await agent.firstLine);
  return { agent, ...ready };
}

/** As Claude Code does. Node's fetch would be refused: it says that it is one, as a browser does. */
async function send(http: number): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf' };
  const sending = request({ port: http, host: '127.0.0.1', path: '/v1/logs', method: 'POST', headers }).end(payload);
  const [response] = await once(sending, 'response');
  response.resume();
  expect(response.statusCode).toBe(200);
}

/** What the command line would be told, without the price of a process for every look. */
async function ask<M extends ControlMethod>(method: M, args: ControlArgs<M>): Promise<ControlResult<M>> {
  const client = controlClient(join(folder, 'state'));
  const reply = await client.call(method, args);
  client.close();
  if (reply.kind !== 'ok') throw new Error(JSON.stringify(reply));
  return reply.value;
}

const health = () => ask('status', {});

test('run prints one ready line that tells port, process and state folder, and ends with 0 on SIGTERM', async () => {
  const agent = startCommand(['run', ...paths]);
  agents.push(agent);
  const line = await agent.firstLine;
  expect(line).toMatch(/^span-relay ready http=127\.0\.0\.1:[1-9]\d* pid=\d+ state=.*\/state$/);
  expect(line).toContain(`pid=${agent.pid} `);
  agent.kill('SIGTERM');
  expect(await agent.finished).toMatchObject({ exitCode: 0, stdout: `${line}\n` });
});

test('SIGINT ends it with 0 too, and --json makes the ready line JSON', async () => {
  const { agent, http, pid } = await startRelay();
  expect(http).toBeGreaterThan(0);
  expect(pid).toBe(agent.pid);
  agent.kill('SIGINT');
  expect((await agent.finished).exitCode).toBe(0);
});

test('a second relay on the same state folder says who has it and exits with 75', async () => {
  const { pid } = await startRelay();
  const second = await relay('run');
  expect(second).toMatchObject({ exitCode: 75, stdout: '' });
  expect(second.stderr).toContain(`pid ${pid}`);
  expect(second.stderr).toContain('--replace');
});

test('--replace takes over, and the old relay ends with 0', async () => {
  const first = await startRelay();
  const second = await startRelay('--replace');
  expect((await first.agent.finished).exitCode).toBe(0);
  expect((await health()).state).toBe('idle');
  expect(second.pid).not.toBe(first.pid);
});

test('status goes from idle to healthy to failing, by exit code and in words', async () => {
  const { http } = await startRelay();
  const idle = await relay('status');
  expect(idle.exitCode).toBe(0);
  expect(idle.stdout).toMatch(/^· No Claude Code session has reported yet/);

  await send(http);
  await eventually(async () => expect((await health()).headline).toContain('has been delivered'));
  const healthy = await relay('status');
  expect(healthy).toMatchObject({ exitCode: 0, stderr: '' });
  expect(healthy.stdout).toMatch(/^✓ Telemetry flows/);

  vendor.setAnswer(() => status(401));
  await send(http);
  await eventually(async () => expect((await health()).state).toBe('failing'));
  const failing = await relay('status');
  expect(failing.exitCode).toBe(2);
  expect(failing.stdout).toMatch(/^✗ vendor refuses the token \(401\)/);
  expect(failing.stdout).toContain('[destination.credentials-refused]');
});

test('the ledger is the same through the relay and without it', async () => {
  const { agent, http } = await startRelay();
  await send(http);
  await eventually(() => expect(vendor.accepted).toHaveLength(1));
  await eventually(async () => expect((await health()).destinations[0]?.pending.requests).toBe(0));
  const online = await relay('ledger', '--verify', '--json', '--hours', '2');
  expect(online.exitCode).toBe(0);
  const report = JSON.parse(online.stdout);
  expect(report).toMatchObject({ balances: true, problems: [] });
  const logs = report.ledger.find((row: { signal: string }) => row.signal === 'logs');
  expect(logs).toMatchObject({ destination: 'vendor', accepted: logs.delivered, pending: 0 });
  expect(logs.accepted).toBeGreaterThan(0);
  expect(report.hours).toContainEqual(expect.objectContaining({ signal: 'logs', accepted: logs.accepted }));

  agent.kill();
  await agent.finished;
  const offline = await relay('ledger', '--verify', '--json', '--hours', '2');
  expect(offline.exitCode).toBe(0);
  expect(JSON.parse(offline.stdout)).toEqual(report);
  expect((await relay('ledger', '--verify')).stdout).toContain('The books balance');
});

test('send-test delivers to each destination and tells what came back', async () => {
  await startRelay();
  const sent = await relay('send-test', '--json');
  expect(sent.exitCode).toBe(0);
  const { results } = JSON.parse(sent.stdout);
  expect(results.map((result: { outcome: string }) => result.outcome)).toEqual(['delivered', 'delivered', 'delivered']);

  vendor.setAnswer(() => status(401));
  const refused = await relay('send-test', '--timeout', '20');
  expect(refused.exitCode).toBe(1);
  expect(refused.stdout).toContain('✗ blocked');
  expect(refused.stdout).toContain('0 of 3 delivered.');
});

test('quarantined requests are listed, shown masked, exported, retried and discarded, with the relay or without', async () => {
  vendor.setAnswer(() => status(400));
  const { agent, http } = await startRelay();
  await send(http);
  await send(http);
  await eventually(async () => expect((await ask('quarantineList', {})).requests).toHaveLength(2));
  const listing = JSON.parse((await relay('quarantine', 'list', '--json')).stdout);
  const [one, two] = listing.requests.map(({ id }: { id: number }) => String(id));

  const shown = await relay('quarantine', 'show', one);
  expect(shown.stdout).toContain('answered 400');
  expect(shown.stdout).toContain('resourceLogs');
  const masked = JSON.parse((await relay('quarantine', 'show', one, '--json')).stdout).decoded;
  const unmasked = JSON.parse((await relay('quarantine', 'show', one, '--json', '--unmasked')).stdout).decoded;
  expect(masked).not.toEqual(unmasked);

  const out = join(folder, 'request.pb');
  expect((await relay('quarantine', 'export', one, '--out', out)).exitCode).toBe(0);
  expect(await readFile(out)).toEqual(payload);
  expect((await stat(out)).mode & 0o777).toBe(0o600);
  const again = await relay('quarantine', 'export', one, '--out', out);
  expect(again.exitCode).toBe(1);
  expect(again.stderr).toContain('exists already');

  vendor.setAnswer(() => status(200));
  expect((await relay('quarantine', 'retry', one)).stdout).toBe(`Request ${one} is back in the queue.\n`);
  await eventually(() => expect(vendor.accepted).toHaveLength(1));

  agent.kill();
  await agent.finished;
  const json = join(folder, 'request.json');
  expect((await relay('quarantine', 'export', two, '--out', json, '--format', 'json')).exitCode).toBe(0);
  expect(JSON.parse(await readFile(json, 'utf8'))).toEqual(unmasked);
  expect((await relay('quarantine', 'discard', two)).exitCode).toBe(0);
  const gone = await relay('quarantine', 'discard', two);
  expect(gone.exitCode).toBe(1);
  expect(gone.stderr).toContain(`There is no request ${two} in quarantine.`);
  expect((await relay('quarantine', 'show', two)).exitCode).toBe(1);
  expect((await relay('ledger', '--verify')).stdout).toContain('by discarded');
});

test('a broken config is told by status, and the relay goes on', async () => {
  await startRelay();
  await writeFile(join(folder, 'config.json'), '{"listen": {"http": 0}, "destinations": [{"token": "CANARY"');
  await eventually(async () => expect((await health()).findings.map(({ id }) => id)).toContain('relay.config-invalid'));
  const told = await relay('status');
  expect(told.exitCode).toBe(1);
  expect(told.stdout).toContain('line 1, column');
  expect(told.stdout).not.toContain('CANARY');
});
