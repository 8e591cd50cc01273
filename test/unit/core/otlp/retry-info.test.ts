import fc from 'fast-check';
import { expect, it } from 'vitest';
import { retryDelayMs } from '../../../../src/main/core/otlp/retry-info.ts';
import { statusWithRetryInfo } from '../../../support/grpc-vendor.ts';
import { bytes, delimited } from './fixtures.ts';

it.each([0, 0.25, 1, 90.5, 3_600, 100_000])('%f s', (seconds) => {
  expect(retryDelayMs(statusWithRetryInfo(14, seconds))).toBe(seconds * 1000);
});

it('is found among other details', () => {
  const other = delimited(3, delimited(1, 'type.googleapis.com/google.rpc.DebugInfo'), delimited(2, delimited(1, 'x')));
  expect(retryDelayMs(bytes(delimited(2, 'busy'), other, statusWithRetryInfo(14, 2), other))).toBe(2_000);
});

it.each([
  ['nothing', bytes()],
  ['a status without details', bytes(0x08, 14, delimited(2, 'busy'))],
  ['other details', delimited(3, delimited(1, 'type.googleapis.com/google.rpc.Help'))],
  ['a RetryInfo that says nothing', delimited(3, delimited(1, 'type.googleapis.com/google.rpc.RetryInfo'))],
])('%s asks for nothing', (_what, status) => {
  expect(retryDelayMs(status)).toBeUndefined();
});

it('noise asks for nothing or for something, and never throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (noise, at) => {
      const status = statusWithRetryInfo(14, 90.5);
      retryDelayMs(noise);
      retryDelayMs(bytes(status.subarray(0, at), noise, status.subarray(at)));
    }),
  );
});
