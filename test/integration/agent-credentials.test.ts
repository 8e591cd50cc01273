import { chmod, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { SecretStore } from '../../src/main/core/secrets/secret-store.ts';
import { numberedRequest, post } from '../support/numbered-requests.ts';
import { makeHome, startRelay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { requireToken } from '../support/vendor.ts';
import { ownVendor, startTestAgent } from './agent-harness.ts';

const presented = { headers: { 'X-Span-Token': 'presented-token' } };

test('when a credential last worked is known after the relay was killed, and so is what was presented', async () => {
  let valid = 'presented-token';
  const vendor = await ownVendor({ answer: requireToken('x-span-token', () => valid) });
  await using home = await makeHome({ destinations: [{ name: 'span', preset: 'span', endpoint: vendor.url }] });
  const first = startRelay(home);
  onTestFinished(() => first.kill());
  await first.ready;
  expect(await post(first.port, 'metrics', numberedRequest('metrics', 1), presented)).toBe(200);
  const before = await first.untilStatus(
    'it has worked',
    ({ destinations: [span] }) => typeof span?.credential?.lastWorkedAt === 'string',
  );
  const worked = before.destinations[0]?.credential;
  expect(worked).toMatchObject({ source: 'presented', refusedAt: null });
  const file = join(home.stateDir, 'credentials.json');
  await until('it is kept', async () => (await readFile(file, 'utf8')).includes('lastWorkedAt'));
  await first.kill();
  await chmod(file, 0o644);

  valid = 'another-token';
  const second = startRelay(home);
  onTestFinished(() => second.kill());
  await second.ready;
  expect(await post(second.port, 'metrics', numberedRequest('metrics', 2))).toBe(200);
  const { destinations, findings } = await second.untilStatus(
    'it is refused',
    ({ destinations: [span] }) => span?.state === 'blocked',
  );
  expect(destinations[0]?.credential).toEqual({ ...worked, refusedAt: expect.any(String) });
  expect(findings[0]?.detail).toMatch(
    /It was given the token that Claude Code presents, which worked until (?:\d+ s ago|just now)\./,
  );
  if (process.platform !== 'win32') {
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(second.stderr()).toContain('a file with secrets was open to other users');
  }
  expect(first.stderr() + second.stderr()).not.toMatch(/(presented|another)-token/);
});

test('what is presented is kept in the store that the agent is given', async () => {
  const vendor = await ownVendor();
  const kept = new Map<string, string>();
  const secrets: SecretStore = {
    protection: 'keychain',
    read: async (name) => kept.get(name),
    write: async (name, value) => void kept.set(name, value),
  };
  const relay = await startTestAgent(
    { destinations: [{ name: 'span', preset: 'span', endpoint: vendor.url }] },
    undefined,
    { secrets },
  );
  expect(await post(relay.port, 'metrics', numberedRequest('metrics', 1), presented)).toBe(200);
  await until('it is kept', () => kept.get('credentials')?.includes('presented-token') === true);
  await until('it is delivered', () => vendor.accepted.length === 1);
  await expect(stat(join(relay.home.stateDir, 'credentials.json'))).rejects.toThrow('ENOENT');
});
