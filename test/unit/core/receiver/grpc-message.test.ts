import { describe, expect, test } from 'vitest';
import { UnaryMessage } from '../../../../src/main/core/receiver/grpc-message.ts';
import { message } from '../../../support/http2-frames.ts';

/** What comes out of a body that comes in pieces of this size. */
function read(body: Buffer, pieceBytes: number, options = { maxBytes: 1_000, mayBeCompressed: true }) {
  const unary = new UnaryMessage(options);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += pieceBytes) {
    const step = unary.read(body.subarray(at, at + pieceBytes));
    if (!step.ok) return step.refusal;
    pieces.push(step.piece);
  }
  return unary.end() ?? { content: Buffer.concat(pieces).toString(), compressed: unary.compressed };
}

describe.each([1, 2, 3, 5, 6, 1_000])('in pieces of %i bytes', (pieceBytes) => {
  test.each([
    ['a message', message(Buffer.from('content')), { content: 'content', compressed: false }],
    ['an empty message', message(Buffer.alloc(0)), { content: '', compressed: false }],
    ['a compressed one', message(Buffer.from('zip'), { compressed: 1 }), { content: 'zip', compressed: true }],
    ['a message of the largest size', message(Buffer.alloc(1_000, 'a')), { content: 'a'.repeat(1_000) }],
  ])('%s is read', (_, body, expected) => {
    expect(read(body, pieceBytes)).toMatchObject(expected);
  });

  test.each([
    ['nothing at all', Buffer.alloc(0), 12],
    ['a part of the prefix', Buffer.alloc(4), 13],
    ['a message that is cut', message(Buffer.from('content')).subarray(0, -1), 13],
    ['a byte too many', Buffer.concat([message(Buffer.from('content')), Buffer.alloc(1)]), 12],
    ['a byte behind an empty message', Buffer.alloc(6), 12],
    ['a flag of two', message(Buffer.alloc(0), { compressed: 2 }), 13],
    ['a length of 4 GiB', message(Buffer.alloc(0), { length: 2 ** 32 - 1 }), 8],
    ['a length that is one too many', message(Buffer.alloc(0), { length: 1_001 }), 8],
  ])('%s is refused', (_, body, code) => {
    const refusal = read(body, pieceBytes);
    expect('reason' in refusal && (refusal.grpcCode ?? refusal.code)).toBe(code);
  });

  test('compression that was not announced is refused', () => {
    const body = message(Buffer.from('zip'), { compressed: 1 });
    expect(read(body, pieceBytes, { maxBytes: 1_000, mayBeCompressed: false })).toMatchObject({ grpcCode: 13 });
  });
});

test('a message that comes in one piece is not copied', () => {
  const body = message(Buffer.from('content'));
  const step = new UnaryMessage({ maxBytes: 10, mayBeCompressed: false }).read(body);
  expect(step.ok && step.piece.buffer === body.buffer).toBe(true);
});
