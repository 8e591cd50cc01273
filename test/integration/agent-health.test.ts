import { expect, test } from 'vitest';
import type { FindingId } from '../../src/shared/finding.ts';
import { numberedRequest, post } from '../support/numbered-requests.ts';
import { until } from '../support/until.ts';
import { ok, partialSuccess, requireToken } from '../support/vendor.ts';
import { ownVendor, startTestAgent, type TestAgent } from './agent-harness.ts';
import { protobuf, send } from './receiver-harness.ts';

function findingOf(relay: TestAgent, id: FindingId) {
  return relay.agent.status().findings.find((finding) => finding.id === id);
}

test('a signal that no destination takes is acknowledged and told', async () => {
  const vendor = await ownVendor();
  const relay = await startTestAgent({
    destinations: [{ name: 'vendor', endpoint: vendor.url, signals: ['metrics'] }],
  });
  expect(await post(relay.port, 'logs', numberedRequest('logs', 1))).toBe(200);
  await relay.untilFinding('receiver.signal-unwanted');
  expect(findingOf(relay, 'receiver.signal-unwanted')?.detail).toMatch(/^1 log record in the last hour/);
  expect(relay.agent.status()).toMatchObject({
    state: 'healthy',
    headline: 'Telemetry flows: everything that a destination takes has been delivered.',
  });
});

test('a signal that is taken from a destination leaves its backlog on disk, and a finding says so until it is back', async () => {
  const vendor = await ownVendor({ answer: () => ({ kind: 'hang' }) });
  const wide = { name: 'vendor', endpoint: vendor.url };
  const relay = await startTestAgent({ destinations: [wide] });
  expect(await post(relay.port, 'logs', numberedRequest('logs', 1))).toBe(200);
  await until('it was tried', () => vendor.seen.length > 0);

  await relay.home.writeConfig({ destinations: [{ ...wide, signals: ['metrics'] }] });
  await relay.untilFinding('destination.signal-removed-with-backlog');
  expect(relay.agent.status().state).toBe('attention');

  vendor.setAnswer(() => ok());
  await relay.home.writeConfig({ destinations: [wide] });
  await until('it is delivered', () => vendor.accepted.length === 1);
  await relay.untilNoFinding('destination.signal-removed-with-backlog');
});

test('a token of the config that is refused is told while a presented one delivers', async () => {
  const vendor = await ownVendor({ answer: requireToken('x-span-token', () => 'presented') });
  const relay = await startTestAgent({
    destinations: [{ name: 'span', preset: 'span', endpoint: vendor.url, token: 'wrong' }],
  });
  const headers = { 'X-Span-Token': 'presented' };
  expect(await post(relay.port, 'metrics', numberedRequest('metrics', 1), { headers })).toBe(200);
  await until('it is delivered', () => vendor.accepted.length === 1);
  expect(relay.findings()).toEqual(['destination.config-token-refused']);

  await relay.home.writeConfig({ destinations: [{ name: 'span', preset: 'span', endpoint: vendor.url }] });
  await relay.untilNoFinding('destination.config-token-refused');
});

test('a warning of the destination is told, and is no trouble', async () => {
  const vendor = await ownVendor({ answer: () => partialSuccess(0, 'use delta temporality') });
  const relay = await startTestAgent({ destinations: [{ name: 'vendor', endpoint: vendor.url }] });
  expect(await post(relay.port, 'metrics', numberedRequest('metrics', 1))).toBe(200);
  await relay.untilFinding('destination.vendor-warning');
  expect(findingOf(relay, 'destination.vendor-warning')?.detail).toContain('use delta temporality');
  await until('all is well', () => relay.agent.status().state === 'healthy');
});

test('exports that are refused are told as a loss until they are accepted; people who look around are not', async () => {
  const vendor = await ownVendor();
  const relay = await startTestAgent({ destinations: [{ name: 'vendor', endpoint: vendor.url }] });
  const body = numberedRequest('metrics', 1);
  await send(relay.port, '/', { method: 'GET' });
  await send(relay.port, '/anything', { headers: { 'content-type': 'application/json' }, body: Buffer.from('{}') });
  await send(relay.port, '/v1/metrics', { headers: { ...protobuf, origin: 'https://example.com' }, body });
  expect(relay.findings()).toEqual(['claude.nothing-received']);

  // What an endpoint of a single signal is without its path.
  await send(relay.port, '/', { headers: protobuf, body });
  await relay.untilFinding('receiver.requests-refused');
  expect(relay.agent.status()).toMatchObject({
    state: 'failing',
    headline: `Claude Code's exports are refused (wrong path): set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${relay.port} in the settings of Claude Code.`,
  });

  expect(await post(relay.port, 'metrics', body)).toBe(200);
  await until('it is over', () => relay.agent.status().state === 'attention');
  expect(findingOf(relay, 'receiver.requests-refused')).toMatchObject({ severity: 'warning' });
});
