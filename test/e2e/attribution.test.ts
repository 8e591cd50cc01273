import { describe, expect, test } from 'vitest';
import { signals } from '../../src/shared/signal.ts';
import { findClaudeCode, runClaude, telemetryTo, withTraces } from '../support/claude-code.ts';
import { startMessagesApi } from '../support/messages-api.ts';
import { makeHome, startRelay } from '../support/relay.ts';
import { itemsOf } from '../support/telemetry.ts';
import { until } from '../support/until.ts';
import { startVendor, type VendorRequest } from '../support/vendor.ts';

const claude = await findClaudeCode();
const skipped = 'skipped' in claude ? claude.skipped : undefined;
const binary = 'skipped' in claude ? '' : claude.binary;
const title =
  'skipped' in claude
    ? `attributes of the relay beside Claude Code's own (skipped: ${claude.skipped})`
    : `attributes of the relay beside Claude Code ${claude.version}'s own`;

const attributes = { work_email: 'dev@example.com', 'team.name': 'platform' };

/** Where in the telemetry of a signal an attribute stands, whatever else is in it: `/resource/attributes`, … */
async function placesOf(requests: readonly VendorRequest[], key: string): Promise<Record<string, readonly string[]>> {
  const places = await Promise.all(
    signals.map(async (signal) => {
      const found = (await itemsOf(signal, requests)).flatMap((item) => placesIn(item, key));
      return [signal, [...new Set(found)].sort()] as const;
    }),
  );
  return Object.fromEntries(places);
}

function placesIn(value: unknown, key: string, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((element) => placesIn(element, key, path));
  if (typeof value !== 'object' || value === null) return [];
  const own = 'key' in value && value.key === key ? [`${path} ${JSON.stringify('value' in value && value.value)}`] : [];
  return [...own, ...Object.entries(value).flatMap(([name, field]) => placesIn(field, key, `${path}/${name}`))];
}

/** Every item of every signal has it, as `placesOf` says: no item may be left out. */
async function itemsWithout(requests: readonly VendorRequest[], key: string): Promise<unknown[]> {
  const items = (await Promise.all(signals.map((signal) => itemsOf(signal, requests)))).flat();
  return items.filter(({ resource, item }) => [resource, item].some((part) => placesIn(part, key).length === 0));
}

describe.skipIf(skipped !== undefined)(title, { timeout: 60_000 }, () => {
  test('stand where OTEL_RESOURCE_ATTRIBUTES would have put them, on all three signals', async () => {
    await using stack = new AsyncDisposableStack();
    const api = stack.use(await startMessagesApi());
    const [direct, behind] = await Promise.all([startVendor(), startVendor()]);
    for (const vendor of [direct, behind]) stack.defer(() => vendor.stop());
    const destinations = [{ name: 'vendor', endpoint: behind.url }];
    const home = stack.use(await makeHome({ destinations, resourceAttributes: attributes }));
    const relay = stack.use(startRelay(home));
    await relay.ready;

    const own = { OTEL_RESOURCE_ATTRIBUTES: 'work_email=dev%40example.com,team.name=platform' };
    const run = (endpoint: string, extra: Readonly<Record<string, string>>) =>
      runClaude({ binary, apiUrl: api.url, env: telemetryTo(endpoint, 'http/protobuf', { ...withTraces, ...extra }) });
    expect(await run(direct.url, own)).toMatchObject({ exitCode: 0 });
    expect(await run(`http://127.0.0.1:${relay.port}`, {})).toMatchObject({ exitCode: 0 });

    await until('everything has come', async () => {
      const { ledger } = await home.verifiedLedger();
      return signals.every((signal) =>
        ledger.some((row) => row.signal === signal && row.accepted > 0 && row.pending === 0),
      );
    });
    for (const key of Object.keys(attributes)) {
      expect(await placesOf(behind.accepted, key)).toEqual(await placesOf(direct.accepted, key));
      expect(await itemsWithout(direct.accepted, key)).toEqual([]);
      expect(await itemsWithout(behind.accepted, key)).toEqual([]);
    }
  });

  test('of an API key there is no identity, and the relay says so', async () => {
    await using stack = new AsyncDisposableStack();
    const api = stack.use(await startMessagesApi());
    const vendor = await startVendor();
    stack.defer(() => vendor.stop());
    const home = stack.use(
      await makeHome({ destinations: [{ name: 'span', preset: 'span', endpoint: vendor.url, token: 'token' }] }),
    );
    const relay = stack.use(startRelay(home));
    await relay.ready;

    const env = telemetryTo(`http://127.0.0.1:${relay.port}`, 'http/protobuf');
    expect(await runClaude({ binary, apiUrl: api.url, env })).toMatchObject({ exitCode: 0 });

    const status = await home.command('status', '--json');
    expect(JSON.parse(status.stdout).findings).toMatchObject([{ id: 'claude.no-identity' }]);
  });
});
