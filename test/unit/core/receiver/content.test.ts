import { expect, test } from 'vitest';
import { contentEncoding, nameOfEncoding, otlpContentType } from '../../../../src/main/core/receiver/content.ts';

test.each([
  ['application/x-protobuf', 'application/x-protobuf'],
  ['Application/X-Protobuf', 'application/x-protobuf'],
  ['application/json', 'application/json'],
  ['application/json; charset=utf-8', 'application/json'],
  ['APPLICATION/JSON ;charset=UTF-8', 'application/json'],
  ['application/protobuf', undefined],
  ['application/grpc', undefined],
  ['text/plain', undefined],
  ['application/jsonx', undefined],
  ['', undefined],
  [undefined, undefined],
])('Content-Type %s', (header, expected) => {
  expect(otlpContentType(header)).toBe(expected);
});

test.each([
  [undefined, 'identity'],
  ['', 'identity'],
  ['identity', 'identity'],
  ['gzip', 'gzip'],
  ['GZIP', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', undefined],
  ['br', undefined],
  ['gzip, gzip', undefined],
])('Content-Encoding %s', (header, expected) => {
  expect(contentEncoding(header)).toBe(expected);
});

test('an encoding is named in a message only where it can be nothing else', () => {
  expect(nameOfEncoding(' BR')).toBe('"br"');
  expect(nameOfEncoding('Bearer abc')).not.toContain('abc');
  expect(nameOfEncoding('a'.repeat(40))).not.toContain('aaa');
});
