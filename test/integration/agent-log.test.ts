import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { numberedRequest, post } from '../support/numbered-requests.ts';
import { until } from '../support/until.ts';
import { ok, status } from '../support/vendor.ts';
import { ownVendor, startTestAgent } from './agent-harness.ts';

const logs = { signals: ['logs'] };

test('a cause that changes is a line of its own, and delivery is ok only once something is delivered', async () => {
  const vendor = await ownVendor({ answer: () => status(401) });
  const relay = await startTestAgent({
    destinations: [{ name: 'span', preset: 'span', endpoint: vendor.url, ...logs }],
  });
  const delivery = () => relay.logged.filter((line) => / delivery (?:ok|blocked|retrying|unconfigured)/.test(line));
  await post(relay.port, 'logs', numberedRequest('logs', 1), { headers: { 'X-Span-Token': 'presented' } });
  await until('the token is refused', () => delivery().some((line) => line.includes('status=401')));
  vendor.setAnswer(() => status(404));
  await relay.sendTest();
  await until('the endpoint is wrong', () => delivery().some((line) => line.includes('status=404')));
  vendor.setAnswer(() => ok());
  await relay.sendTest();
  await until('it is delivered', () => relay.pending('span') === 0);

  expect(
    delivery().map((line) => line.replace(/^.*? (info|warn) delivery (\w+) .*?( status=\d+)?\n$/s, '$1 $2$3')),
  ).toEqual(['warn unconfigured', 'warn blocked status=401', 'warn blocked status=404', 'info ok']);
});

test('what a config changes is told: destinations, mistakes made and corrected, a file that is gone', async () => {
  const one = { name: 'one', endpoint: 'http://127.0.0.1:9' };
  const two = { ...one, name: 'two' };
  const relay = await startTestAgent({ destinations: [one] });
  const config = () => relay.logged.filter((line) => / config/.test(line));
  const toldOnce = (what: RegExp) => until(String(what), () => config().filter((line) => what.test(line)).length === 1);
  await toldOnce(/info config applied .*destinations=one\n/);

  await relay.home.writeConfig({ destinations: [two, { name: 'three' }] });
  await toldOnce(/info config applied .*destinations="two, three" added="two, three" removed=one\n/);
  await toldOnce(/warn config file=.*destinations\[1\]\.endpoint: expected/);

  await relay.home.writeConfig({ destinations: [two] });
  await toldOnce(/info config mistake corrected .*corrected=1 remaining=0\n/);

  await rm(relay.home.configFile);
  await toldOnce(/warn config file=.*none: it is gone/);
  expect(relay.agent.status().destinations.map(({ name }) => name)).toEqual(['two']);
});
