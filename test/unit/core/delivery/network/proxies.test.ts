import { describe, expect, it } from 'vitest';
import { environmentProxies } from '../../../../../src/main/core/delivery/network/environment-proxies.ts';
import { readProxyAddress } from '../../../../../src/main/core/delivery/network/proxy-address.ts';

const direct = [{ kind: 'direct' }];

describe('the address of a proxy', () => {
  it.each([
    ['http://proxy.example.com:3128', { secure: false, hostname: 'proxy.example.com', port: 3128 }],
    ['http://proxy.example.com:3128/', { label: 'proxy.example.com:3128' }],
    [
      'HTTP://Proxy.Example.com',
      { secure: false, hostname: 'proxy.example.com', port: 80, label: 'proxy.example.com:80' },
    ],
    ['https://proxy.example.com', { secure: true, port: 443 }],
    ['proxy.example.com:3128', { secure: false, hostname: 'proxy.example.com', port: 3128 }],
    [' 10.0.0.1:8080 ', { hostname: '10.0.0.1', port: 8080 }],
    ['http://[fd00::1]:3128', { hostname: 'fd00::1', label: '[fd00::1]:3128' }],
  ])('%s', (text, expected) => {
    const reading = readProxyAddress(text);
    expect(reading).toMatchObject({ kind: 'proxy', address: expected });
    expect(reading.kind === 'proxy' && reading.address.authorization).toBeUndefined();
  });

  it.each([
    ['http://user:pass@proxy:3128', 'user:pass'],
    ['user:pass@proxy:3128', 'user:pass'],
    ['http://DOMAIN%5Cuser:p%40ss%3A%2F%23w@proxy:3128', 'DOMAIN\\user:p@ss:/#w'],
    ['http://user:100%@proxy:3128', 'user:100%'],
    ['http://user@proxy:3128', 'user:'],
    ['http://us%C3%A9r:p%C3%A4ss@proxy:3128', 'usér:päss'],
  ])('%s has a login', (text, login) => {
    const reading = readProxyAddress(text);
    const address = reading.kind === 'proxy' ? reading.address : undefined;
    expect(address?.label).toBe('proxy:3128');
    expect(Buffer.from(address?.authorization?.replace('Basic ', '') ?? '', 'base64').toString()).toBe(login);
  });

  it.each([
    ['socks5://user:canary@proxy:1080', 'a SOCKS proxy'],
    ['SOCKS5h://proxy:1080', 'a SOCKS proxy'],
    ['socks://proxy', 'a SOCKS proxy'],
    ['pac+http://proxy/proxy.pac', 'of the kind "pac+http"'],
    ['ftp://proxy', 'of the kind "ftp"'],
    ['http://user:can#ary@proxy:3128', 'percent-encoded'],
    ['http://user:12/canary@proxy:3128', 'percent-encoded'],
    ['http://user:12?canary@proxy:3128', 'percent-encoded'],
    ['http://', 'not an address'],
    ['http://pro xy', 'not an address'],
  ])('%s cannot be used', (text, words) => {
    const reading = readProxyAddress(text);
    expect(reading).toMatchObject({ kind: 'unusable', is: expect.stringContaining(words) });
    expect(JSON.stringify(reading)).not.toContain('canary');
  });
});

describe('the proxies of the environment', () => {
  const proxy = (url: string, name: string) => [{ kind: 'proxy', url, from: `the variable ${name}` }];

  it.each([
    ['https', { HTTPS_PROXY: 'http://a' }, proxy('http://a', 'HTTPS_PROXY')],
    ['https', { https_proxy: 'http://a' }, proxy('http://a', 'https_proxy')],
    ['https', { https_proxy: 'http://a', HTTPS_PROXY: 'http://b' }, proxy('http://a', 'https_proxy')],
    ['https', { https_proxy: '', HTTPS_PROXY: 'http://b' }, proxy('http://b', 'HTTPS_PROXY')],
    ['https', { HTTP_PROXY: 'http://a' }, direct],
    ['https', { HTTP_PROXY: 'http://a', ALL_PROXY: 'http://b' }, proxy('http://b', 'ALL_PROXY')],
    ['https', { HTTPS_PROXY: 'http://a', ALL_PROXY: 'http://b' }, proxy('http://a', 'HTTPS_PROXY')],
    ['http', { HTTP_PROXY: 'http://a', HTTPS_PROXY: 'http://b' }, proxy('http://a', 'HTTP_PROXY')],
    ['http', { HTTPS_PROXY: 'http://b' }, direct],
    ['http', { all_proxy: ' http://c ' }, proxy('http://c', 'all_proxy')],
    ['https', {}, direct],
    ['https', { HTTPS_PROXY: 'http://a', NO_PROXY: 'example.com' }, direct],
    ['https', { HTTPS_PROXY: 'http://a', no_proxy: '*' }, direct],
    ['https', { HTTPS_PROXY: 'http://a', no_proxy: 'other.test', NO_PROXY: '*' }, proxy('http://a', 'HTTPS_PROXY')],
  ])('%s with %j', async (scheme, env, expected) => {
    expect(await environmentProxies(env).resolve(new URL(`${scheme}://api.example.com`))).toEqual(expected);
  });
});
