import { describe, expect, it } from 'vitest';
import { decodeStatusMessage, encodeStatus, rpcCode } from '../../../../src/main/core/otlp/status.ts';

describe('encodeStatus', () => {
  it('writes a google.rpc.Status in protobuf', () => {
    const status = encodeStatus('application/x-protobuf', rpcCode.INVALID_ARGUMENT, 'bad ü');

    expect(Buffer.from(status)).toEqual(Buffer.from([0x08, 3, 0x12, 6, ...Buffer.from('bad ü')]));
  });

  it('writes a google.rpc.Status in JSON', () => {
    const status = encodeStatus('application/json', rpcCode.UNAVAILABLE, 'later "today"');

    expect(JSON.parse(Buffer.from(status).toString())).toEqual({ code: 14, message: 'later "today"' });
  });
});

describe('decodeStatusMessage', () => {
  it.each(['application/x-protobuf', 'application/json'] as const)('reads what encodeStatus writes as %s', (type) => {
    for (const message of ['x', 'ü'.repeat(100), 'a'.repeat(300)]) {
      expect(decodeStatusMessage(type, encodeStatus(type, rpcCode.INTERNAL, message))).toBe(message);
    }
  });

  it.each([
    ['{"message":"no"}', 'no'],
    ['{"error":"no"}', 'no'],
    ['{"Message":"no"}', 'no'],
    ['{"error":{"code":401,"message":"no"}}', 'no'],
    ['{"errors":["no","more"]}', 'no'],
    ['{"errors":[{"detail":"no"}]}', 'no'],
    ['[{"message":"no"}]', 'no'],
    ['{"code":3,"message":"","detail":"no"}', 'no'],
    ['{"other":"shape"}', '{"other":"shape"}'],
    ['{"broken', '{"broken'],
    [' plain\r\n text\u0000\u202e ', 'plain text'],
    ['<!doctype html><html><head><title>502 Bad\nGateway</title></head></html>', '502 Bad Gateway'],
    ['<html></html>', undefined],
    ['', undefined],
    [' \n', undefined],
  ])('reads %j of a vendor', (body, message) => {
    expect(decodeStatusMessage('application/json; charset=utf-8', Buffer.from(body))).toBe(message);
    expect(decodeStatusMessage(undefined, Buffer.from(body))).toBe(message);
  });

  it('reads text that only claims to be protobuf', () => {
    expect(decodeStatusMessage('application/x-protobuf', Buffer.from('upstream gone'))).toBe('upstream gone');
  });

  it('skips the details of a status', () => {
    expect(
      decodeStatusMessage(
        'application/x-protobuf',
        Buffer.from([0x08, 0x83, 0x01, 0x1a, 2, 1, 2, 0x12, 2, 0x6e, 0x6f]),
      ),
    ).toBe('no');
  });

  it('bounds the message to 300 characters, also of a body of megabytes', () => {
    const message = decodeStatusMessage('text/plain', Buffer.alloc(5_000_000, '\u{1f600}'));

    expect(Array.from(message ?? '')).toHaveLength(300);
    expect(message).toMatch(/…$/);
  });
});
