import { expect, test } from 'vitest';
import { fuzzGzip, fuzzReceiver } from './receiver.fuzz.ts';

// A fixed seed, so that a failure here is one for everybody; `npm run fuzz` takes new ones.
const seed = 20_261_120;

test('whatever bytes come, the receiver answers or closes, and serves on', async () => {
  const { byStatus, closed } = await fuzzReceiver(seed, 1_000);
  expect(Object.keys(byStatus)).toEqual(
    expect.arrayContaining(['200', '400', '403', '404', '405', '408', '413', '415']),
  );
  expect(closed).toBeGreaterThan(0);
});

test('whatever the gzip, it is inflated, refused as malformed or stopped at the limit', async () => {
  const outcomes = await fuzzGzip(seed, 500);
  expect(outcomes.inflated).toBeGreaterThan(0);
  expect(outcomes.malformed).toBeGreaterThan(0);
  expect(outcomes['too-large']).toBeGreaterThan(0);
});
