import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJsonText } from '../../../../src/main/core/policy/json-text.ts';

test('valid JSON is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseJsonText(text)).toEqual({ ok: true, value: JSON.parse(text) });
    }),
  );
});

test('a mistake is placed inside the text, wherever it is', () => {
  const character = fc.constantFrom(...'{}[]",:\\ \n\u0001\u007F0-9.etfnu\u{1F600}');
  const mangled = fc
    .tuple(fc.json(), fc.nat(), fc.nat(3), fc.array(character, { maxLength: 3 }))
    .map(([text, at, removed, added]) => {
      const start = at % (text.length + 1);
      return text.slice(0, start) + added.join('') + text.slice(start + removed);
    });
  fc.assert(
    fc.property(mangled, (text) => {
      const read = parseJsonText(text);
      if (read.ok) return;
      // Both would be the end of the file if the search had found nothing wrong.
      expect(read.expected).not.toBe(read.found);
      const lines = text.split('\n');
      expect(read.line).toBeLessThanOrEqual(lines.length);
      expect(read.column).toBeLessThanOrEqual((lines[read.line - 1] ?? '').length + 1);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ['with a byte order mark', '\uFEFF{ "listen": {} }', false],
  ['without one', '{ "listen": {} }', false],
  ['the other way round', '\uFEFF{ "listen": {} }', true],
])('UTF-16 %s is told as that', (_, text, isBigEndian) => {
  const bytes = Buffer.from(text, 'utf16le');
  expect(parseJsonText((isBigEndian ? bytes.swap16() : bytes).toString('utf8'))).toMatchObject({
    expected: 'a text in UTF-8',
    found: expect.stringContaining('save the file as UTF-8'),
  });
});
