import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../../../../src/main/core/clock.ts';
import { type FileChanges, followFiles } from '../../../../../src/main/core/delivery/network/file-changes.ts';
import { silentLog } from '../../../../../src/main/core/log.ts';
import { until } from '../../../../support/until.ts';

let folder: string;
let changes = 0;
let files: FileChanges;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'span-relay-files-'));
  changes = 0;
  files = followFiles({ clock: systemClock, log: silentLog, onChange: () => changes++ });
});

afterEach(async () => {
  await files.close();
  await rm(folder, { recursive: true });
});

async function write(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
  return path;
}

/** Only when the watch is known to be awake does silence prove anything. */
async function noticed(name: string): Promise<void> {
  const before = changes;
  let n = 0;
  await until(`a change of ${name} is noticed`, async () => {
    await write(name, `change ${n++}`);
    return changes > before;
  });
}

it('tells when a file is replaced, when it is gone and when it is back', async () => {
  const path = await write('ca.pem', 'one');
  files.follow(new Set([path]));
  await noticed('ca.pem');
  let before = changes;
  await rm(path);
  await until('its end is noticed', () => changes > before);
  before = changes;
  await write('ca.pem', 'back');
  await until('its return is noticed', () => changes > before);
});

it('tells nothing of a file that is not followed any more', async () => {
  let seen = 0;
  const witness = followFiles({ clock: systemClock, log: silentLog, onChange: () => seen++ });
  const path = await write('ca.pem', 'one');
  files.follow(new Set([path]));
  witness.follow(new Set([path]));
  await noticed('ca.pem');
  files.follow(new Set());
  // What was on its way when the watch ended is told no more either.
  const before = changes;
  for (let n = 0; n < 2; n++) {
    const seenBefore = seen;
    await write('ca.pem', `later ${n}`);
    await until('the witness sees it', () => seen > seenBefore);
  }
  expect(changes).toBe(before);
  await witness.close();
});
