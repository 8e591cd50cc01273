// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of the relay
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { decodeRequest, type JsonObject } from '../../src/main/core/otlp/decode.ts';
import { transcodeJson } from '../../src/main/core/otlp/json.ts';
import type { Signal } from '../../src/shared/signal.ts';
import { post } from '../support/numbered-requests.ts';
import { recorded } from '../support/recordings.ts';
import { makeHome } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { enrichedJson } from '../unit/core/otlp/enriched-json.ts';
import { ownVendor, startTestAgent } from './agent-harness.ts';

/** A metrics export with these attributes on its resource and this many points. */
function metrics(attributes: Readonly<Record<string, string>>, points = 1): Uint8Array {
  const json: JsonObject = {
    resourceMetrics: [
      {
        resource: {
          attributes: Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
        },
        scopeMetrics: [
          {
            metrics: [{ name: 'claude_code.session.count', gauge: { dataPoints: Array(points).fill({ asInt: '1' }) } }],
          },
        ],
      },
    ],
  };
  const transcoding = transcodeJson('metrics', Buffer.from(JSON.stringify(json)));
  if (!transcoding.ok) throw new Error(transcoding.problem);
  return transcoding.body;
}

async function send(port: number, body: Uint8Array, signal: Signal = 'metrics'): Promise<void> {
  expect(await post(port, signal, body)).toBe(200);
}

test("what the config says is put on what Claude Code lacks, by each destination's own config, and nothing else changes", async () => {
  const [plain, own] = await Promise.all([ownVendor(), ownVendor()]);
  const home = await makeHome({
    destinations: [
      { name: 'plain', endpoint: plain.url },
      { name: 'own', endpoint: own.url, resourceAttributes: { team: 'other' } },
    ],
    resourceAttributes: { team: 'platform', work_email: 'somebody@else.example', 'user.email': '${git:user.email}' },
  });
  onTestFinished(() => home[Symbol.asyncDispose]());
  // The test agent's home folder is its state folder.
  await mkdir(home.stateDir, { mode: 0o700 });
  await writeFile(join(home.stateDir, '.gitconfig'), '[user]\n\temail = dev@example.com\n');
  const relay = await startTestAgent({}, home);
  for (const signal of ['metrics', 'logs', 'traces'] as const) await send(relay.port, recorded(signal, 'pb'), signal);
  await until('both have all', () => plain.accepted.length === 3 && own.accepted.length === 3);

  for (const [vendor, team] of [
    [plain, 'platform'],
    [own, 'other'],
  ] as const) {
    const added = [
      { key: 'team', value: team, override: false },
      { key: 'user.email', value: 'dev@example.com', override: false },
    ];
    for (const { signal = 'metrics', body } of vendor.accepted) {
      const original = await decodeRequest(signal, recorded(signal, 'pb'));
      expect(await decodeRequest(signal, body)).toEqual(enrichedJson(signal, original, added));
    }
  }
});

test('telemetry that names nobody is told while a destination needs a name, and no more when the relay gives it one', async () => {
  const vendor = await ownVendor();
  const span = { name: 'span', preset: 'span', endpoint: vendor.url, token: 'token', signals: ['metrics'] };
  const relay = await startTestAgent({ destinations: [span] });
  await relay.sendTest();
  expect(relay.findings()).toEqual([]);

  await send(relay.port, metrics({ 'service.name': 'claude-code', work_email: 'dev@example.com' }, 2));
  expect(relay.findings()).toEqual([]);
  await send(relay.port, metrics({ 'service.name': 'claude-code' }, 3));
  // Larger than what is read on the main thread, and handed over to the spool's.
  await send(relay.port, metrics({ 'service.name': 'claude-code' }, 300_000));
  await relay.untilFinding('claude.no-identity');
  const finding = relay.agent.status().findings.find(({ id }) => id === 'claude.no-identity');
  expect(finding?.detail).toMatch(/^300,003 data points of the last hour named nobody/);
  expect(relay.agent.status().state).toBe('attention');

  await relay.home.writeConfig({ destinations: [span], resourceAttributes: { work_email: 'dev@example.com' } });
  await relay.untilNoFinding('claude.no-identity');
});

test('placeholders are told, those of Claude Code and those of the config, and the latter are not sent', async () => {
  const vendor = await ownVendor();
  const destinations = [{ name: 'vendor', endpoint: vendor.url }];
  const relay = await startTestAgent({ destinations, resourceAttributes: { team: '{{department}}' } });
  await relay.untilFinding('relay.attribute-placeholder');

  await send(relay.port, metrics({ work_email: '%Email%' }));
  await relay.untilFinding('claude.identity-placeholder');
  await until('it is delivered', () => vendor.accepted.length === 1);
  expect(vendor.accepted[0]?.body.toString()).not.toContain('department');
  expect(vendor.accepted[0]?.body.toString()).toContain('%Email%');

  const work_email = { value: 'dev@example.com', override: true };
  await relay.home.writeConfig({ destinations, resourceAttributes: { work_email } });
  await relay.untilNoFinding('claude.identity-placeholder');
  await send(relay.port, metrics({ work_email: '%Email%' }));
  await until('it is delivered', () => vendor.accepted.length === 2);
  expect(vendor.accepted[1]?.body.toString()).not.toContain('%Email%');
});
