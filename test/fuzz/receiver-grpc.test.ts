import { expect, test } from 'vitest';
import { fuzzGrpc } from './receiver-grpc.fuzz.ts';

// A fixed seed, so that a failure here is one for everybody; `npm run fuzz` takes new ones.
const seed = 20_261_120;

test('whatever frames come, the gRPC receiver answers or closes, and serves on', async () => {
  const { accepted, refused, closed } = await fuzzGrpc(seed, 1_000);
  expect(accepted).toBeGreaterThan(100);
  expect(Object.keys(refused)).toEqual(
    expect.arrayContaining([
      ...['guard', 'path', 'method', 'content-type', 'content-encoding', 'too-large', 'malformed'],
      ...['malformed-http', 'timeout'],
    ]),
  );
  expect(closed).toBeGreaterThan(0);
});
