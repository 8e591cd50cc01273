import { describe, expect, it } from 'vitest';
import { classify, type Reading } from '../../../../src/main/core/delivery/classify.ts';
import type { FailureReason, TransportResult } from '../../../../src/main/core/delivery/transport.ts';

const reading: Reading = {
  host: 'otel.example.com',
  now: Date.UTC(2026, 10, 20),
  rejectedPoints: 0,
  message: 'because',
};

function answer(status: number, headers: Record<string, string> = {}, body = ''): TransportResult {
  return { kind: 'answer', status, headers, body: Buffer.from(body), truncated: false };
}

function failure(reason: FailureReason, possiblySent = false): TransportResult {
  return { kind: 'failure', reason, possiblySent, staleConnection: false, code: 'X', message: 'It failed.' };
}

describe('the table of answers', () => {
  it.each([200, 201, 202, 204, 299])('%i is delivered', (status) => {
    expect(classify(answer(status), { ...reading, rejectedPoints: 3 })).toEqual({
      kind: 'delivered',
      rejectedPoints: 3,
      message: 'because',
    });
  });

  it.each([408, 429, 500, 501, 502, 503, 504, 505, 511, 599])('%i is tried again, and was not taken', (status) => {
    const verdict = classify(answer(status), reading);
    expect(verdict).toMatchObject({ kind: 'retry', possiblySent: false, error: { kind: 'http', status } });
  });

  it.each([100, 101, 600, 999])('%i makes no sense and is tried again', (status) => {
    expect(classify(answer(status), reading).kind).toBe('retry');
  });

  it.each([401, 403])('%i blocks for the credentials', (status) => {
    expect(classify(answer(status), reading)).toMatchObject({
      kind: 'blocked',
      by: 'credentials',
      error: { kind: 'credentials', status },
    });
  });

  it.each([404, 405])('%i blocks for the endpoint', (status) => {
    expect(classify(answer(status), reading)).toMatchObject({
      kind: 'blocked',
      by: 'endpoint',
      error: { kind: 'endpoint', status },
    });
  });

  it.each([300, 301, 302, 303, 304, 307, 308])('%i blocks for the endpoint and is not followed', (status) => {
    expect(classify(answer(status), reading)).toMatchObject({ kind: 'blocked', by: 'endpoint', error: { status } });
  });

  it('413 asks for less at once', () => {
    expect(classify(answer(413), reading)).toMatchObject({ kind: 'too-large', error: { status: 413 } });
  });

  it('407 is a proxy speaking of itself: the data is held', () => {
    expect(classify(answer(407), reading)).toMatchObject({
      kind: 'blocked',
      by: 'proxy',
      error: { kind: 'proxy', status: 407 },
    });
  });

  it.each([400, 422, 402, 406, 409, 410, 411, 415, 418, 431, 451])('%i calls the request malformed', (status) => {
    expect(classify(answer(status), reading)).toMatchObject({ kind: 'malformed', error: { status } });
  });

  it.each(['dns', 'connect', 'tls', 'tls-name', 'tls-failed', 'not-tls', 'garbage'] as const)(
    'a %s failure is tried again',
    (reason) => {
      expect(classify(failure(reason), reading)).toMatchObject({
        kind: 'retry',
        possiblySent: false,
        error: { kind: reason, message: 'It failed.' },
      });
    },
  );

  it.each(['timeout', 'reset'] as const)('a %s after the request went out may have been taken', (reason) => {
    expect(classify(failure(reason, true), reading)).toMatchObject({ kind: 'retry', possiblySent: true });
  });

  it.each([
    ['unsendable', 'endpoint'],
    ['takes-tls', 'endpoint'],
    ['other-protocol', 'protocol'],
  ] as const)('what is %s blocks for the %s', (reason, kind) => {
    expect(classify(failure(reason), reading)).toMatchObject({
      kind: 'blocked',
      by: 'endpoint',
      error: { kind, message: 'It failed.' },
    });
  });

  it('a proxy that fails is tried again, one that refuses us blocks', () => {
    expect(classify(failure('proxy'), reading)).toMatchObject({ kind: 'retry', error: { kind: 'proxy' } });
    expect(classify(failure('proxy-refused'), reading)).toMatchObject({
      kind: 'blocked',
      by: 'proxy',
      error: { kind: 'proxy' },
    });
  });

  it.each(['certificate-file', 'client-certificate'] as const)('a %s blocks by itself', (reason) => {
    expect(classify(failure(reason), reading)).toMatchObject({ kind: 'blocked', by: reason, error: { kind: reason } });
  });

  it.each([
    ['nginx', '<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>', 'endpoint'],
    ['Go', 'Client sent an HTTP request to an HTTPS server.\n', 'endpoint'],
    ['Apache', "<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />", 'endpoint'],
    ['nginx', '<html><head><title>400 No required SSL certificate was sent</title></head>', 'client-certificate'],
    ['nginx', '<html><head><title>400 The SSL certificate error</title></head>', 'client-certificate'],
  ])('a 400 of %s about the connection says nothing of the data: %s', (_who, body, by) => {
    expect(classify(answer(400, {}, body), reading)).toMatchObject({ kind: 'blocked', by, error: { kind: by } });
  });
});

describe('a web page in place of the destination', () => {
  it.each([
    ['by its content type', 'text/html; charset=utf-8', 'hello'],
    ['by its content type in capitals', 'TEXT/HTML', ''],
    ['by how it starts, without a type', undefined, '\n  <!DOCTYPE HTML><html>'],
    ['by how it starts, with a wrong type', 'application/json', '<html><body>'],
    ['by how it starts, after a comment', 'text/plain', '\ufeff<!-- portal --><head>'],
  ])('is seen %s', (_how, type, body) => {
    const verdict = classify(answer(200, type === undefined ? {} : { 'content-type': type }, body), reading);
    expect(verdict).toMatchObject({ kind: 'blocked', by: 'captive-portal', error: { kind: 'captive-portal' } });
  });

  it.each([
    ['application/x-protobuf', '\n\u0000'],
    ['application/json', '{"partialSuccess":{}}'],
    ['text/plain', 'OK'],
    ['text/plain', ''],
  ])('is not %s with %j', (type, body) => {
    expect(classify(answer(200, { 'content-type': type }, body), reading).kind).toBe('delivered');
  });
});

describe('what the verdict says', () => {
  it('passes Retry-After on', () => {
    expect(classify(answer(503, { 'retry-after': '7' }), reading)).toMatchObject({ retryAfterMs: 7_000 });
    expect(classify(answer(503), reading)).not.toHaveProperty('retryAfterMs');
  });

  it('names host, status and the words of the destination', () => {
    expect(classify(answer(401), reading)).toMatchObject({
      error: { message: 'otel.example.com refuses the credentials (HTTP 401): because' },
    });
    expect(classify(answer(401), { ...reading, message: undefined })).toMatchObject({
      error: { message: 'otel.example.com refuses the credentials (HTTP 401).' },
    });
  });

  it('names where a redirect leads, without what may be secret in its address', () => {
    const verdict = classify(answer(302, { location: 'https://user:pw@sso.example.com/login?token=t0k3n#x' }), reading);
    expect(verdict).toMatchObject({ error: { message: expect.stringContaining('to sso.example.com (HTTP 302)') } });
    expect(JSON.stringify(verdict)).not.toMatch(/t0k3n|pw@|login/);
  });

  it('survives a redirect that names nothing, or nonsense', () => {
    expect(classify(answer(302), reading)).toMatchObject({ error: { message: expect.stringContaining('elsewhere') } });
    expect(classify(answer(302, { location: 'http://[' }), reading).kind).toBe('blocked');
  });
});
