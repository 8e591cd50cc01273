import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Inflation, inflate, inflateInline } from '../../../../src/main/core/receiver/inflate.ts';

const plain = randomBytes(300_000);
const compressed = gzipSync(plain);
const bomb = gzipSync(Buffer.alloc(20_000_000));

describe.each([
  ['on this thread', async (...args: Parameters<typeof inflateInline>): Promise<Inflation> => inflateInline(...args)],
  ['in the thread pool', inflate],
])('inflating %s', (_, run) => {
  const always = () => true;

  test('gives back what was compressed', async () => {
    const inflation = await run(compressed, 300_000, always);
    expect(inflation.outcome === 'inflated' && Buffer.compare(inflation.body, plain)).toBe(0);
  });

  test('takes an empty body in gzip', async () => {
    expect(await run(gzipSync(''), 10, always)).toMatchObject({ outcome: 'inflated', body: { length: 0 } });
  });

  test('stops at the limit', async () => {
    expect(await run(compressed, 299_999, always)).toEqual({ outcome: 'too-large' });
    let reserved = 0;
    const count = (bytes: number) => {
      reserved += bytes;
      return true;
    };
    expect(await run(bomb, 100_000, count)).toEqual({ outcome: 'too-large' });
    expect(reserved).toBeLessThanOrEqual(100_000);
  });

  test('stops when there is no room', async () => {
    expect(await run(compressed, 1_000_000, () => false)).toEqual({ outcome: 'overloaded' });
  });

  test.each([
    ['nothing at all', Buffer.alloc(0), /truncated/],
    ['cut in the data', compressed.subarray(0, 200_000), /truncated/],
    ['cut in the end marker', compressed.subarray(0, -3), /truncated/],
    ['not gzip', Buffer.from('plain text'), /not valid gzip/],
    ['a wrong checksum', Buffer.concat([compressed.subarray(0, -8), Buffer.alloc(8)]), /not valid gzip/],
  ])('says what is wrong: %s', async (_name, body, problem) => {
    expect(await run(body, 1_000_000, always)).toMatchObject({
      outcome: 'malformed',
      problem: expect.stringMatching(problem),
    });
  });
});
