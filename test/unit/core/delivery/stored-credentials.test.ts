import { expect, it } from 'vitest';
import { storedCredentials } from '../../../../src/main/core/delivery/stored-credentials.ts';
import { silentLog } from '../../../../src/main/core/log.ts';
import type { SecretStore } from '../../../../src/main/core/secrets/secret-store.ts';

/** A keychain, say. */
function storeWith(text?: string): SecretStore & { readonly kept: Map<string, string> } {
  const kept = new Map(text === undefined ? [] : [['credentials', text]]);
  return {
    kept,
    protection: 'keychain',
    read: async (name) => kept.get(name),
    write: async (name, value) => void kept.set(name, value),
  };
}

const presented = [{ header: 'x-span-token', value: 'tok', seenAt: 5, worked: true }];
const worked = [{ destination: 'span', fingerprint: 'abc', lastWorkedAt: 7 }];

it('reads back what it saved, as one secret', async () => {
  const store = storeWith();
  const stored = storedCredentials(store, silentLog);
  await stored.save({ presented: [], worked: [] });
  await stored.save({ presented, worked });
  expect(await stored.load()).toEqual({ presented, worked });
  expect([...store.kept.keys()]).toEqual(['credentials']);
});

it('reads what was written before anybody kept when a credential worked', async () => {
  const stored = storedCredentials(storeWith(JSON.stringify({ version: 1, presented })), silentLog);
  expect(await stored.load()).toEqual({ presented, worked: [] });
});

it.each([
  ['is not there', undefined],
  ['is empty', ''],
  ['is torn', '{"version":1,"presen'],
  ['is of a later version', '{"version":2,"presented":[]}'],
  ['has other things in it', '{"version":1,"presented":[{"header":7}]}'],
])('starts empty when the secret %s', async (_what, text) => {
  expect(await storedCredentials(storeWith(text), silentLog).load()).toEqual({ presented: [], worked: [] });
});

it('starts empty when the store cannot be read, and says so without quoting anything', async () => {
  const lines: unknown[] = [];
  const note = (...entry: unknown[]) => void lines.push(entry);
  const store: SecretStore = { ...storeWith(), read: () => Promise.reject(new Error('tok-canary is locked')) };
  const stored = storedCredentials(store, { info: note, warn: note, error: note });
  expect(await stored.load()).toEqual({ presented: [], worked: [] });
  expect(lines).toHaveLength(1);
  expect(JSON.stringify(lines)).not.toContain('canary');
});
