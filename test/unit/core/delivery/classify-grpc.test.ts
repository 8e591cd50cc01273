import { describe, expect, it } from 'vitest';
import { classify, type Reading } from '../../../../src/main/core/delivery/classify.ts';
import type { GrpcAnswer, NotGrpcAnswer } from '../../../../src/main/core/delivery/exporter.ts';
import { type RpcCodeName, rpcCode } from '../../../../src/main/core/otlp/status.ts';

const reading: Reading = { host: 'otel.example.com', now: 0, rejectedPoints: 0, message: 'because' };

function answered(code: RpcCodeName, message = '', retryDelayMs?: number): GrpcAnswer {
  const wait = retryDelayMs === undefined ? {} : { retryDelayMs };
  return { kind: 'grpc', code, message, body: new Uint8Array(), ...wait };
}

describe('the table of gRPC codes', () => {
  it.each<[RpcCodeName, number, object]>([
    ['CANCELLED', 499, { kind: 'retry', possiblySent: false, error: { kind: 'http' } }],
    ['UNKNOWN', 500, { kind: 'retry', error: { kind: 'http' } }],
    ['INVALID_ARGUMENT', 400, { kind: 'malformed', error: { kind: 'malformed' } }],
    ['DEADLINE_EXCEEDED', 504, { kind: 'retry', error: { kind: 'http' } }],
    ['NOT_FOUND', 404, { kind: 'blocked', by: 'endpoint', error: { kind: 'endpoint' } }],
    ['ALREADY_EXISTS', 409, { kind: 'malformed', error: { kind: 'malformed' } }],
    ['PERMISSION_DENIED', 403, { kind: 'blocked', by: 'credentials', error: { kind: 'credentials' } }],
    ['RESOURCE_EXHAUSTED', 429, { kind: 'retry', error: { kind: 'http' } }],
    ['FAILED_PRECONDITION', 400, { kind: 'malformed', error: { kind: 'malformed' } }],
    ['ABORTED', 409, { kind: 'retry', error: { kind: 'http' } }],
    ['OUT_OF_RANGE', 400, { kind: 'retry', error: { kind: 'http' } }],
    ['UNIMPLEMENTED', 501, { kind: 'blocked', by: 'endpoint', error: { kind: 'endpoint' } }],
    ['INTERNAL', 500, { kind: 'retry', error: { kind: 'http' } }],
    ['UNAVAILABLE', 503, { kind: 'retry', error: { kind: 'http' } }],
    ['DATA_LOSS', 500, { kind: 'retry', error: { kind: 'http' } }],
    ['UNAUTHENTICATED', 401, { kind: 'blocked', by: 'credentials', error: { kind: 'credentials' } }],
  ])('%s', (code, status, verdict) => {
    expect(classify(answered(code), reading)).toMatchObject(verdict);
    const words = expect.stringMatching(new RegExp(`^otel\\.example\\.com .* \\(gRPC ${code}\\): because$`));
    expect(classify(answered(code), reading)).toMatchObject({ error: { status, grpcStatus: code, message: words } });
    expect(JSON.stringify(classify(answered(code), reading))).not.toContain('HTTP');
  });

  it('OK is delivered', () => {
    expect(classify(answered('OK'), { ...reading, rejectedPoints: 3 })).toEqual({
      kind: 'delivered',
      rejectedPoints: 3,
      message: 'because',
    });
  });

  it('RetryInfo is obeyed where it is tried again, within an hour', () => {
    for (const code of Object.keys(rpcCode).filter((name): name is RpcCodeName => name in rpcCode)) {
      const verdict = classify(answered(code, '', 90_000), reading);
      if (verdict.kind === 'retry') expect(verdict).toMatchObject({ retryAfterMs: 90_000 });
    }
    expect(classify(answered('UNAVAILABLE', '', 1e12), reading)).toMatchObject({ retryAfterMs: 3_600_000 });
    expect(classify(answered('UNAVAILABLE'), reading)).not.toHaveProperty('retryAfterMs');
  });
});

describe('a message that is too large', () => {
  it.each<[RpcCodeName, string]>([
    ['RESOURCE_EXHAUSTED', 'grpc: received message larger than max (4582597 vs. 4194304)'],
    ['RESOURCE_EXHAUSTED', 'grpc: received message after decompression larger than max (4331797 vs. 4194304)'],
    ['RESOURCE_EXHAUSTED', 'Received message larger than max (1752460652 vs 4194304)'],
    ['RESOURCE_EXHAUSTED', 'Received message that decompresses to a size larger than 4194304'],
    ['RESOURCE_EXHAUSTED', 'gRPC message exceeds maximum size 4194304: 5242880'],
    ['RESOURCE_EXHAUSTED', 'Received message exceeds the maximum configured message size.'],
    ['OUT_OF_RANGE', 'Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes'],
    ['RESOURCE_EXHAUSTED', 'request body too large'],
    ['RESOURCE_EXHAUSTED', 'Request Entity Too Large'],
  ])('%s: %s', (code, message) => {
    expect(classify(answered(code, message), reading)).toMatchObject({ kind: 'too-large' });
  });

  it.each([
    'quota exceeded',
    'Request rate is too large',
    'request rate too large',
    'too many requests: the rate exceeds the limit of 100 messages per second',
    'bandwidth exhausted',
    'the batch of this tenant exceeds its daily size',
    '',
  ])('is not what a quota says: %j', (message) => {
    expect(classify(answered('RESOURCE_EXHAUSTED', message), reading)).toMatchObject({ kind: 'retry' });
  });
});

describe('an answer without a gRPC status', () => {
  function unspoken(status: number, type = 'text/plain', body = ''): NotGrpcAnswer {
    return { kind: 'not-grpc', status, headers: { 'content-type': type }, body: Buffer.from(body), truncated: false };
  }

  it.each([
    [502, { kind: 'retry', error: { kind: 'http', status: 502 } }],
    [429, { kind: 'retry' }],
    [401, { kind: 'blocked', by: 'credentials' }],
    [404, { kind: 'blocked', by: 'endpoint' }],
    [302, { kind: 'blocked', by: 'endpoint' }],
    [413, { kind: 'too-large' }],
  ])('is read by its HTTP status: %i', (status, verdict) => {
    expect(classify(unspoken(status), reading)).toMatchObject(verdict);
  });

  it('is a captive portal where it is a web page', () => {
    expect(classify(unspoken(200, 'text/html', '<html>'), reading)).toMatchObject({ by: 'captive-portal' });
  });

  it.each([400, 415, 422, 426, 464])('says nothing against the data: %i holds it', (status) => {
    expect(classify(unspoken(status), reading)).toMatchObject({
      kind: 'blocked',
      by: 'endpoint',
      error: { status, message: expect.stringContaining('does not speak gRPC') },
    });
  });

  it('of success is none', () => {
    const verdict = classify(unspoken(200, 'application/json', '{}'), reading);
    expect(verdict).toMatchObject({ kind: 'blocked', by: 'endpoint' });
    expect(verdict).not.toMatchObject({ error: { status: 200 } });
  });

  it('but of its content type has lost its trailers on the way', () => {
    expect(classify(unspoken(200, 'application/grpc+proto'), reading)).toMatchObject({
      kind: 'retry',
      possiblySent: true,
      error: { kind: 'garbage', message: expect.stringContaining('trailers') },
    });
  });
});
