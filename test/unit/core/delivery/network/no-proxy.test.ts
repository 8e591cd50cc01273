import { describe, expect, it } from 'vitest';
import { readNoProxy } from '../../../../../src/main/core/delivery/network/no-proxy.ts';

function isDirect(noProxy: string, address: string): boolean {
  return readNoProxy(noProxy)(new URL(address));
}

describe('names', () => {
  it.each([
    ['example.com', 'https://example.com', true],
    ['example.com', 'https://api.example.com', true],
    ['example.com', 'https://a.b.example.com:8443/v1/logs', true],
    ['example.com', 'https://notexample.com', false],
    ['example.com', 'https://example.com.evil.test', false],
    ['.example.com', 'https://api.example.com', true],
    ['.example.com', 'https://example.com', true],
    ['*.example.com', 'https://api.example.com', true],
    ['*.example.com', 'https://example.com', true],
    ['.com', 'https://example.com', true],
    ['EXAMPLE.Com', 'https://api.example.com', true],
    ['example.com', 'https://API.EXAMPLE.COM', true],
    ['example.com.', 'https://api.example.com', true],
    ['example.com', 'https://api.example.com.', true],
    ['bücher.example', 'https://xn--bcher-kva.example', true],
    ['intranet', 'http://intranet', true],
    ['intranet', 'http://intranet.example.com', false],
    ['api-*.example.com', 'https://api-eu.example.com', true],
    ['api-*.example.com', 'https://www.example.com', false],
    ['https://api.example.com/', 'https://api.example.com', true],
    ['a(b', 'https://example.com', false],
    ['-', 'https://example.com', false],
  ])('%s, %s: %s', (noProxy, address, expected) => {
    expect(isDirect(noProxy, address)).toBe(expected);
  });
});

describe('addresses and ranges', () => {
  it.each([
    ['10.1.2.3', 'http://10.1.2.3', true],
    ['10.1.2.3', 'http://10.1.2.30', false],
    ['1.2.3', 'http://10.1.2.3', false],
    ['.2.3', 'http://10.1.2.3', false],
    ['10.0.0.0/8', 'http://10.200.1.1', true],
    ['10.0.0.0/8', 'http://11.0.0.1', false],
    ['192.168.1.128/25', 'http://192.168.1.127', false],
    ['192.168.1.128/25', 'http://192.168.1.129', true],
    ['0.0.0.0/0', 'http://8.8.8.8', true],
    ['0.0.0.0/0', 'http://example.com', false],
    ['10.0.0.0/33', 'http://10.0.0.1', false],
    ['192.168.*', 'http://192.168.7.7', true],
    ['10.0.0.1-10.0.0.99', 'http://10.0.0.50', true],
    ['10.0.0.1-10.0.0.99', 'http://10.0.0.100', false],
    ['10.0.0.99-10.0.0.1', 'http://10.0.0.50', false],
    ['10-0-0-1.example', 'http://10-0-0-1.example', true],
    ['fd00::1', 'http://[fd00::1]:4318', true],
    ['[fd00::1]', 'http://[fd00:0:0::1]', true],
    ['fd00::/8', 'http://[fd12:3456::1]', true],
    ['[fd00::]/8', 'http://[fd12:3456::1]', true],
    ['fd00::/8', 'http://[2001:db8::1]', false],
    ['10.0.0.0/8', 'http://[::ffff:10.1.2.3]', true],
    ['FD00::1', 'http://[fd00::1]', true],
  ])('%s, %s: %s', (noProxy, address, expected) => {
    expect(isDirect(noProxy, address)).toBe(expected);
  });
});

describe('ports', () => {
  it.each([
    ['example.com:8443', 'https://example.com:8443', true],
    ['example.com:8443', 'https://api.example.com:8443', true],
    ['example.com:8443', 'https://example.com', false],
    ['example.com:443', 'https://example.com', true],
    ['example.com:80', 'http://example.com', true],
    ['10.1.2.3:4318', 'http://10.1.2.3:4318', true],
    ['10.1.2.3:4318', 'http://10.1.2.3:4317', false],
    ['[fd00::1]:4318', 'http://[fd00::1]:4318', true],
    ['[fd00::1]:4318', 'http://[fd00::1]:4317', false],
  ])('%s, %s: %s', (noProxy, address, expected) => {
    expect(isDirect(noProxy, address)).toBe(expected);
  });
});

describe('lists', () => {
  it.each([
    ['localhost,127.0.0.1,.example.com', true],
    ['localhost 127.0.0.1 example.com', true],
    [' localhost ,\t.example.com ,', true],
    ['localhost;example.com', true],
    ['*', true],
    ['localhost,*', true],
    ['', false],
    [' , ', false],
    ['localhost,127.0.0.1', false],
  ])('%j', (noProxy, expected) => {
    expect(isDirect(noProxy, 'https://api.example.com')).toBe(expected);
  });
});
