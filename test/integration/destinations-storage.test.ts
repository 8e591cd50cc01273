import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { numberedRequest, post } from '../support/numbered-requests.ts';
import { freePort } from '../support/relay.ts';
import { startTestAgent } from './agent-harness.ts';
import { booksOf, range } from './destinations-harness.ts';

const requests = 400;
const requestBytes = 3_000;

interface Stored {
  readonly rows: number;
  readonly bytesOnDisk: number;
}

/** What a relay has on the disk of what it owes to so many destinations, none of which takes anything. */
async function storedFor(destinations: number): Promise<Stored> {
  const nowhere = `http://127.0.0.1:${await freePort()}`;
  const names = range(0, destinations).map((number) => `to-${number}`);
  const relay = await startTestAgent({ destinations: names.map((name) => ({ name, endpoint: nowhere })) });
  for (const number of range(0, requests)) {
    expect(await post(relay.port, 'logs', numberedRequest('logs', number, requestBytes))).toBe(200);
  }
  const { ledger } = relay.agent.status();
  for (const name of names) expect(booksOf(ledger, name)).toMatchObject({ accepted: requests, pending: requests });
  // Closing the spool brings everything from its log into its one file.
  await relay.agent.stop();
  const file = join(relay.home.stateDir, 'spool.db');
  const db = new DatabaseSync(file, { readOnly: true });
  const rows = Number(db.prepare('SELECT count(*) AS rows FROM request').get()?.rows);
  db.close();
  return { rows, bytesOnDisk: statSync(file).size };
}

test('a payload is stored once, however many destinations it is owed to', async () => {
  const one = await storedFor(1);
  const ten = await storedFor(10);
  expect(one.rows).toBe(requests);
  expect(ten.rows).toBe(requests);
  // What remains is a row of books per destination, signal and hour.
  expect(ten.bytesOnDisk).toBeLessThan(1.05 * one.bytesOnDisk);
});
