import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { Gzip } from '../../../../src/main/core/delivery/gzip.ts';

const body = Buffer.from('the same batch');

it('compresses once for all who send the same bytes at the same time', async () => {
  const gzip = new Gzip();
  const seen: Uint8Array[] = [];
  const note = async (compressed: Uint8Array) => void seen.push(compressed);
  await Promise.all([gzip.compress(body, note), gzip.compress(Buffer.from(body), note)]);
  expect(seen[0]).toBe(seen[1]);
  expect(gunzipSync(seen[0] ?? '')).toEqual(body);
});

it('tells bodies of the same length apart', async () => {
  const gzip = new Gzip();
  const bodies = [body, Buffer.from('the same-batch')];
  const inflated = await Promise.all(
    bodies.map((one) => gzip.compress(one, async (compressed) => gunzipSync(compressed))),
  );
  expect(inflated).toEqual(bodies);
});

it('keeps nothing that nobody sends any more', async () => {
  const gzip = new Gzip();
  const itself = async (compressed: Uint8Array) => compressed;
  const first = await gzip.compress(body, itself);
  expect(await gzip.compress(body, itself)).not.toBe(first);
});

it('passes on what sending comes to, and is none the worse for a failure', async () => {
  const gzip = new Gzip();
  await expect(gzip.compress(body, () => Promise.reject(new Error('no way')))).rejects.toThrow('no way');
  expect(await gzip.compress(body, async () => 'sent')).toBe('sent');
});
