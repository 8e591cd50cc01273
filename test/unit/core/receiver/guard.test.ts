import { describe, expect, test } from 'vitest';
import { guard, isLoopbackHost } from '../../../../src/main/core/receiver/guard.ts';

const local = ['Host', '127.0.0.1:14318'];

describe('the guard lets exporters on this machine through', () => {
  test.each([
    '127.0.0.1',
    '127.0.0.1:14318',
    '127.1.2.3',
    '127.255.255.255:1',
    'localhost',
    'LOCALHOST:14318',
    'localhost:',
    '[::1]',
    '[::1]:14318',
  ])('Host: %s', (host) => {
    expect(guard(['User-Agent', 'x', 'hOsT', host, 'Content-Type', 'application/json'])).toBeUndefined();
  });
});

describe('the guard refuses names that others can point at this machine', () => {
  test.each([
    '',
    'evil.example',
    'evil.example:14318',
    'localhost.evil.example',
    'evil.localhost',
    'localhost.',
    '127.0.0.1.evil.example',
    '127.0.0.256',
    '127.0.0',
    '0127.0.0.1',
    '10.0.0.1',
    '0.0.0.0',
    '[::]',
    '[::2]:14318',
    '::1',
    '[::ffff:127.0.0.1]',
    '127.0.0.1:14318@evil.example',
    'localhost:14318x',
    'localhost\n',
    ' localhost',
  ])('Host: %j', (host) => {
    expect(guard(['Host', host])?.status).toBe(403);
    expect(isLoopbackHost(host)).toBe(false);
  });

  test.each([
    ['none', []],
    ['two', [...local, 'host', 'localhost']],
  ])('%s', (_, headers) => {
    expect(guard(headers)?.status).toBe(400);
  });
});

describe('the host of HTTP/2 is :authority', () => {
  test.each([
    [':authority alone', [':authority', '127.0.0.1:14317'], undefined],
    ['Host beside it', [':authority', 'localhost', 'host', '[::1]'], undefined],
    ['a foreign :authority', [':authority', 'evil.example'], 403],
    ['a foreign Host beside it', [':authority', 'localhost', 'host', 'evil.example'], 403],
    ['a foreign :authority beside Host', [':authority', 'evil.example', 'host', 'localhost'], 403],
    ['two of them', [':authority', 'localhost', ':authority', 'localhost'], 400],
    ['two Hosts beside it', [':authority', 'localhost', 'host', 'localhost', 'host', 'localhost'], 400],
    ['Host alone', ['host', 'localhost'], undefined],
    ['none', [':method', 'POST', ':path', '/'], 400],
  ])('%s', (_, headers, status) => {
    expect(guard(headers)?.status).toBe(status);
  });
});

describe('the guard refuses whatever comes out of a browser', () => {
  test.each([
    'Origin',
    'origin',
    'ORIGIN',
    'Referer',
    'referer',
    'Sec-Fetch-Site',
    'sec-fetch-mode',
    'SEC-FETCH-DEST',
    'Sec-Fetch-User',
    'Sec-Fetch-Storage-Access',
  ])('%s', (name) => {
    expect(guard([...local, name, 'null'])?.status).toBe(403);
    expect(guard([name, '', ...local])?.status).toBe(403);
  });

  test('but not headers that merely look like it', () => {
    expect(guard([...local, 'X-Origin', 'a', 'Origins', 'b', 'Sec-Fetch', 'c', 'Sec-GPC', '1'])).toBeUndefined();
  });
});

test('what the guard says never repeats what the client sent', () => {
  expect(guard(['Host', 'secret.example'])?.message).not.toContain('secret');
  expect(guard([...local, 'Origin', 'https://secret.example'])?.message).not.toContain('secret');
});
