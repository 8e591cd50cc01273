import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { silentLog } from '../../src/main/core/log.ts';
import { openSpool } from '../../src/main/core/spool/open-spool.ts';
import { runCommand } from '../support/command-line.ts';
import { numberedRequest } from '../support/numbered-requests.ts';

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let folder: string;
let id: string;

// One request in quarantine, and no relay.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-quarantine-'));
  const destinations = [{ name: 'vendor', signals: ['logs'] }] as const;
  const limits = { maxBytes: 2 ** 30, maxAgeMs: 2 ** 40 };
  const spool = openSpool({ folder, limits, destinations, log: silentLog });
  await spool.setDestinations(destinations);
  const upTo = await spool.accept({ signal: 'logs', body: numberedRequest('logs', 1), points: 1 });
  await spool.pick('vendor', 'logs', { maxBytes: 1_000, maxRequests: 1 });
  await spool.settle('vendor', 'logs', { outcome: 'quarantined', upTo, status: 400, message: 'no' });
  const [request] = await spool.quarantine.list();
  id = String(request?.id);
  await spool.close();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const quarantine = (...words: readonly string[]) => runCommand(['quarantine', ...words, '--state-dir', folder]);

test('a destination that the books do not have is told, with those that they have', async () => {
  expect(await quarantine('list', '--destination', 'nope')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: "span-relay: There is no destination 'nope' in the books. They have vendor.\n",
  });
  const known = await quarantine('list', '--destination', 'vendor');
  expect(known).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('vendor') });
});

test('a file in a folder that does not exist is told with what to do', async () => {
  const nowhere = join(folder, 'nowhere');
  const { exitCode, stderr } = await quarantine('export', id, '--out', join(nowhere, 'request.pb'));
  expect(exitCode).toBe(1);
  expect(stderr).toBe(
    `span-relay: There is no folder ${nowhere}. Make it first, or name a file elsewhere with --out.\n`,
  );
});

test('requests that are not there are named', async () => {
  const { exitCode, stderr } = await quarantine('retry', '1001', '1002');
  expect(exitCode).toBe(1);
  expect(stderr).toContain('There are no requests 1001, 1002 in quarantine.');
});
