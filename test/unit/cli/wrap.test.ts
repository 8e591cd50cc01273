import { expect, test } from 'vitest';
import { wrap } from '../../../src/main/cli/wrap.ts';

test('lines break at blanks and are indented as far as the first', () => {
  expect(wrap('one two three four', 11, '→ ')).toBe('→ one two\n  three\n  four');
});

test('a word that is too long stays whole, so that it can be copied', () => {
  expect(wrap('at https://otel.example.com/very/long now', 10)).toBe('at\nhttps://otel.example.com/very/long\nnow');
});

test('nothing is one line', () => {
  expect(wrap('', 10, '  ')).toBe('  ');
});
