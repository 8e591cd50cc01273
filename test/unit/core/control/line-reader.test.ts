import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lineReader } from '../../../../src/main/core/control/line-reader.ts';

test('lines come out whole, however the stream is cut', () => {
  const line = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\n'));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (lines, sizes) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const read = lineReader(1_000);
      const out: string[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        const found = read(bytes.subarray(at, at + size));
        if (found === 'too-large') throw new Error('too large');
        out.push(...found);
        at += size;
      }
      expect(out).toEqual(lines.map((text) => text.toWellFormed()));
    }),
  );
});

test('a line may have as many bytes as allowed, and not one more', () => {
  expect(lineReader(4)(Buffer.from('abcd\n'))).toEqual(['abcd']);
  expect(lineReader(4)(Buffer.from('abcde\n'))).toBe('too-large');
  expect(lineReader(4)(Buffer.from('abcde'))).toBe('too-large');
  const read = lineReader(4);
  expect(read(Buffer.from('abc'))).toEqual([]);
  expect(read(Buffer.from('de'))).toBe('too-large');
});
