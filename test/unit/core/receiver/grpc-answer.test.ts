import { describe, expect, test } from 'vitest';
import { retryDelayMs } from '../../../../src/main/core/otlp/retry-info.ts';
import { grpcRefusalHeaders, percentEncode } from '../../../../src/main/core/receiver/grpc-answer.ts';
import {
  diskFullRefusal,
  grpcContentTypeRefusal,
  methodRefusal,
  tooLargeRefusal,
} from '../../../../src/main/core/receiver/refusal.ts';

test.each([
  ['plain text, with signs: "!" ~', 'plain text, with signs: "!" ~'],
  ['100%', '100%25'],
  ['naïve ✓', 'na%C3%AFve %E2%9C%93'],
  ['two\nlines\0', 'two%0Alines%00'],
  ['', ''],
])('the message %j goes into a header as %j', (message, encoded) => {
  expect(percentEncode(message)).toBe(encoded);
  expect(decodeURIComponent(encoded)).toBe(message);
});

describe('a refusal', () => {
  const details = (headers: ReturnType<typeof grpcRefusalHeaders>) =>
    Buffer.from(String(headers['grpc-status-details-bin']), 'base64');

  test('that is worth another try says when', () => {
    const headers = grpcRefusalHeaders(diskFullRefusal);
    expect(headers).toMatchObject({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' });
    expect(retryDelayMs(details(headers))).toBe(5_000);
  });

  test('that is not worth another try says nothing of it', () => {
    const headers = grpcRefusalHeaders(tooLargeRefusal(10));
    expect(headers['grpc-status']).toBe('8');
    expect(retryDelayMs(details(headers))).toBeUndefined();
  });

  test('of what is not gRPC has the status of HTTP', () => {
    expect(grpcRefusalHeaders(grpcContentTypeRefusal)).toMatchObject({ ':status': 415, 'grpc-status': '3' });
    expect(grpcRefusalHeaders(methodRefusal('POST'))).toMatchObject({ ':status': 405, allow: 'POST' });
  });

  test('has details without padding, as gRPC wants binary headers', () => {
    for (let length = 0; length < 6; length++) {
      const refusal = { ...diskFullRefusal, message: 'a'.repeat(length) };
      expect(grpcRefusalHeaders(refusal)['grpc-status-details-bin']).toMatch(/^[A-Za-z0-9+/]+$/);
    }
  });
});
