import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import type { Signal } from '../../src/shared/signal.ts';
import { type CallResult, grpcClient } from '../support/grpc-client.ts';
import { numberedRequest, numbersTakenBy, post } from '../support/numbered-requests.ts';
import { freePort, makeHome, startRelay } from '../support/relay.ts';
import { close, listen } from '../support/server.ts';
import { until } from '../support/until.ts';
import { requireToken } from '../support/vendor.ts';
import { ownVendor, startTestAgent } from './agent-harness.ts';

async function exportByGrpc(
  port: number,
  signal: Signal,
  number: number,
  metadata: Readonly<Record<string, string>> = {},
): Promise<CallResult> {
  using client = grpcClient(port, { retries: false });
  return await client.export(signal, numberedRequest(signal, number), { metadata });
}

test('what comes by gRPC is booked and delivered as what comes by HTTP, with the token that it presents', async () => {
  const vendor = await ownVendor({ answer: requireToken('x-span-token', () => 'presented') });
  const relay = await startTestAgent({ destinations: [{ name: 'span', preset: 'span', endpoint: vendor.url }] });
  const { grpc } = relay.agent.ports;
  expect(await exportByGrpc(grpc, 'metrics', 1)).toMatchObject({ code: 0 });
  await relay.untilFinding('destination.no-credential');
  expect(await exportByGrpc(grpc, 'metrics', 2, { 'X-Span-Token': 'presented' })).toMatchObject({ code: 0 });
  expect(await exportByGrpc(grpc, 'logs', 3)).toMatchObject({ code: 0 });
  await until('all is delivered', () => numbersTakenBy(vendor).length === 3);
  await until('and booked', () => relay.pending('span') === 0);
  expect(relay.rows('span').find(({ signal }) => signal === 'metrics')).toMatchObject({ accepted: 2, delivered: 2 });
  expect(relay.agent.status().claude.lastReceivedAt).not.toBeNull();
});

test('another gRPC port in the config: the new one opens, the old one closes, and HTTP stays where it is', async () => {
  const [first, second] = [await freePort(), await freePort()];
  const relay = await startTestAgent({ listen: { grpc: first } });
  const http = relay.port;
  expect(relay.agent.status().listen.grpc).toEqual({ port: first, state: 'listening' });
  expect(await exportByGrpc(first, 'logs', 1)).toMatchObject({ code: 0 });

  await relay.home.writeConfig({ listen: { http, grpc: second } });
  await until('the new port is open', () => relay.agent.ports.grpc === second);
  await until('and listens', () => relay.agent.status().listen.grpc.state === 'listening');
  expect(await exportByGrpc(second, 'logs', 2)).toMatchObject({ code: 0 });
  await until('the old port is closed', async () => (await exportByGrpc(first, 'logs', 3)).code === 14);
  expect(relay.port).toBe(http);
  expect(relay.pending('span')).toBe(2);
});

test('a gRPC port that is taken is a warning while nothing comes by gRPC, an error once something did; HTTP goes on', async () => {
  const port = await freePort();
  const foreign = createServer((socket) => socket.destroy());
  await listen(foreign, { port });
  await using home = await makeHome({
    listen: { grpc: port },
    destinations: [{ name: 'a', endpoint: 'http://127.0.0.1:9' }],
  });
  {
    await using relay = startRelay(home);
    await relay.ready;
    expect(relay.stdout()).toMatch(/^span-relay ready http=127\.0\.0\.1:\d+ pid=/);
    expect(await post(relay.port, 'metrics', numberedRequest('metrics', 1))).toBe(200);
    const { findings, listen: ports } = await relay.status();
    expect(ports.grpc).toMatchObject({ port, state: 'port-taken' });
    expect(findings.find(({ id }) => id === 'receiver.grpc-port-taken')).toMatchObject({
      severity: 'warning',
      detail: expect.stringContaining('Exports by gRPC would not reach the relay; those by HTTP do'),
    });
    const told = await home.command('status');
    expect(told.stdout.replaceAll(/\s+/g, ' ')).toContain(`for gRPC it cannot listen: the port is taken (${port})`);
    expect(told.exitCode).toBe(1);

    await close(foreign);
    await relay.untilStatus('it is taken over', ({ listen: { grpc } }) => grpc.state === 'listening');
    expect(await exportByGrpc(port, 'metrics', 2)).toMatchObject({ code: 0 });
    expect((await home.command('status')).stdout).not.toContain('for gRPC it cannot listen');
    expect(await relay.stop()).toMatchObject({ code: 0 });
  }
  await listen(foreign, { port });
  await using again = startRelay(home);
  await again.ready;
  const { state } = await again.untilStatus('it is an error now', ({ findings }) =>
    findings.some(({ id, severity }) => id === 'receiver.grpc-port-taken' && severity === 'error'),
  );
  expect(state).toBe('failing');
  await close(foreign);
});

test.for([
  ['from the start', true],
  ['while it runs', false],
] as const)('one port for both protocols, %s: HTTP has it, and the finding says why', async ([, atStart]) => {
  const port = await freePort();
  const relay = await startTestAgent({ listen: atStart ? { http: port, grpc: port } : { grpc: port } });
  if (!atStart) await relay.home.writeConfig({ listen: { http: port, grpc: port } });
  await relay.untilFinding('receiver.grpc-port-taken');
  const { findings, listen: ports } = relay.agent.status();
  expect(ports).toMatchObject({ http: { port, state: 'listening' }, grpc: { port, state: 'port-taken' } });
  expect(findings.find(({ id }) => id === 'receiver.grpc-port-taken')?.fix).toContain('listen.grpc');
  expect(await post(port, 'logs', numberedRequest('logs', 1))).toBe(200);
});

test('two ports that change places', async () => {
  const [first, second] = [await freePort(), await freePort()];
  const relay = await startTestAgent({ listen: { http: first, grpc: second } });
  await relay.home.writeConfig({ listen: { http: second, grpc: first } });
  await until('both listen', () => {
    const { http, grpc } = relay.agent.status().listen;
    return http.port === second && http.state === 'listening' && grpc.port === first && grpc.state === 'listening';
  });
  expect(await post(second, 'logs', numberedRequest('logs', 1))).toBe(200);
  expect(await exportByGrpc(first, 'logs', 2)).toMatchObject({ code: 0 });
});

test('exports to the port of the other protocol are told with the setting to change, until they come right', async () => {
  const relay = await startTestAgent({});
  const { http, grpc } = relay.agent.ports;
  expect((await exportByGrpc(http, 'metrics', 1)).code).not.toBe(0);
  await relay.untilFinding('receiver.requests-refused');
  expect(relay.agent.status().headline).toBe(
    `Claude Code's exports are refused (gRPC on the port for HTTP): set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${grpc}, in the settings of Claude Code.`,
  );
  expect(await exportByGrpc(grpc, 'metrics', 2)).toMatchObject({ code: 0 });
  expect(relay.agent.status().findings[0]?.severity).not.toBe('error');
  expect(await post(grpc, 'logs', numberedRequest('logs', 3))).toBe(400);
  await until('it is booked', () =>
    relay.rows('span').some(({ signal, refused }) => signal === 'logs' && refused === 1),
  );
});
