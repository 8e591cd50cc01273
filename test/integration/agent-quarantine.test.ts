import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { numberedRequest, numbersIn, numbersTakenBy, post } from '../support/numbered-requests.ts';
import { until } from '../support/until.ts';
import { ok, status, type VendorRequest } from '../support/vendor.ts';
import { ownVendor, startTestAgent } from './agent-harness.ts';

const poisoned = 7;
const all = Array.from({ length: 20 }, (_, number) => number);

test('one poisoned request in a batch is set aside alone, and a person can look at it, export it, retry it or discard it', async () => {
  const vendor = await ownVendor({ answer: () => status(503) });
  const relay = await startTestAgent({ destinations: [{ name: 'vendor', endpoint: vendor.url }] });
  for (const number of all) expect(await post(relay.port, 'logs', numberedRequest('logs', number))).toBe(200);
  const answer = ({ body }: VendorRequest) =>
    numbersIn(body).includes(poisoned) ? status(400, {}, 'no such attribute') : ok();
  vendor.setAnswer(answer);
  const taken = () => numbersTakenBy(vendor);
  await until('the others are delivered', () => taken().length === all.length - 1);
  await until('nothing is pending', () => relay.pending('vendor') === 0);
  expect(taken()).toEqual(all.filter((number) => number !== poisoned));
  await relay.untilFinding('destination.quarantined');

  const { command, folder } = relay.home;
  const listing = JSON.parse((await command('quarantine', 'list', '--json')).stdout);
  expect(listing.requests).toMatchObject([{ destination: 'vendor', status: 400, points: 1 }]);
  expect(listing.requests[0].message).toContain('no such attribute');
  const id = String(listing.requests[0].id);
  const shown = await command('quarantine', 'show', id, '--json');
  expect(shown.stdout).toContain('request.number');
  expect(shown.stdout).not.toContain(`${poisoned}#`);
  expect((await command('quarantine', 'show', id, '--json', '--unmasked')).stdout).toContain(`${poisoned}#`);
  const file = join(folder, 'poisoned.pb');
  expect((await command('quarantine', 'export', id, '--out', file)).exitCode).toBe(0);
  expect(await readFile(file)).toEqual(numberedRequest('logs', poisoned));

  // Refused again, it comes back; the vendor having learned, it is delivered.
  expect((await command('quarantine', 'retry', id)).exitCode).toBe(0);
  await until(
    'it is back',
    () => vendor.seen.filter(({ body }) => numbersIn(body).join() === `${poisoned}`).length >= 2,
  );
  await until('its books are too', () => relay.rows('vendor').some(({ rejected }) => rejected === 1));
  vendor.setAnswer(() => ok());
  const again = JSON.parse((await command('quarantine', 'list', '--json')).stdout).requests[0].id;
  expect((await command('quarantine', 'retry', String(again))).exitCode).toBe(0);
  await until('it is delivered', () => taken().includes(poisoned));
  await until('the books say so', () =>
    relay.rows('vendor').some(({ delivered, rejected }) => delivered === all.length && rejected === 0),
  );
  await relay.untilNoFinding('destination.quarantined');
});
