import { expect, test } from 'vitest';
import { classifyFirstBytes } from '../../../../src/main/core/receiver/first-bytes.ts';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

test.each([
  [preface, 'http2'],
  [`${preface}\0\0\0`, 'http2'],
  [preface.slice(0, -1), undefined],
  ['P', undefined],
  ['', undefined],
  ['PRI * HTTP/2.1\r\n', 'http1'],
  ['PO', 'http1'],
  ['GET / HTTP/1.1\r\n', 'http1'],
  ['\r\nGET / HTTP/1.1\r\n', 'http1'],
  ['\x16\x03\x01\x02\x00', 'tls'],
  ['\x16', undefined],
  ['\x16\x02', 'other'],
  ['\0\x01', 'other'],
  ['{"a":1}', 'other'],
])('%j is %s', (text, kind) => {
  expect(classifyFirstBytes(Buffer.from(text, 'latin1'))).toBe(kind);
});
