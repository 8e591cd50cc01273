import { describe, expect, test } from 'vitest';
import { signalUrl } from '../../../../src/main/core/delivery/destination.ts';
import { credentialHeadersOf, spoolDestinations } from '../../../../src/main/core/policy/in-force.ts';
import type { Settings } from '../../../../src/main/core/policy/settings.ts';
import { parse } from '../../../support/configs.ts';

const read = (value: unknown, lastGood?: Settings) => parse(JSON.stringify(value), lastGood);
const a = { name: 'a', endpoint: 'https://a.example' };

/** The destination that comes of one entry, or of several keys beside it. */
function inForce(destination: object, file: object = {}) {
  const { config, problems } = read({ ...file, destinations: [destination] });
  expect(problems).toEqual([]);
  const [only] = config.destinations;
  if (only === undefined) throw new Error('no destination');
  return only;
}

function mistakes(destination: object, file: object = {}) {
  const { config, problems } = read({ ...file, destinations: [destination] });
  expect(config.destinations).toEqual([]);
  return problems.map(({ key, expected, found }) => ({ key: key.replace('destinations[0]', ''), expected, found }));
}

describe('each key', () => {
  test('is in the destination that delivery gets', () => {
    const destination = inForce(
      {
        name: 'all',
        endpoint: 'https://otel.example.com/base/',
        endpoints: { logs: 'https://logs.example.com/in?source=cc' },
        protocol: 'http/json',
        compression: 'none',
        token: 'secret',
        tokenFile: '/run/secrets/token',
        credentialHeader: 'X-Key',
        credentialScheme: 'Bearer',
        headers: { 'X-Team': 'a team' },
        signals: ['logs', 'metrics'],
        resourceAttributes: { team: 'core', work_email: { value: 'ada@example.com', override: true } },
        proxy: 'http://user:pass@proxy.example.com:3128',
        caFile: '/etc/ca.pem',
        clientCert: '/etc/client.pem',
        clientKey: '/etc/client.key',
        timeoutMs: 1_000,
      },
      { resourceAttributes: { team: 'all', place: 'here' }, network: { proxy: 'none', caFile: '/etc/other.pem' } },
    );
    expect(destination).toEqual({
      name: 'all',
      protocol: 'http/json',
      endpoint: 'https://otel.example.com/base',
      signalEndpoints: { logs: 'https://logs.example.com/in?source=cc' },
      compression: 'none',
      headers: { 'X-Team': 'a team' },
      credential: {
        header: 'X-Key',
        scheme: 'Bearer',
        tokens: [{ source: 'config', token: 'secret' }],
        tokenFile: '/run/secrets/token',
      },
      signals: ['metrics', 'logs'],
      timeoutMs: 1_000,
      attributes: [
        { key: 'team', value: 'core', override: false },
        { key: 'place', value: 'here', override: false },
        { key: 'work_email', value: 'ada@example.com', override: true },
      ],
      identity: null,
      network: {
        proxy: 'http://user:pass@proxy.example.com:3128',
        caFile: '/etc/ca.pem',
        clientCert: '/etc/client.pem',
        clientKey: '/etc/client.key',
      },
    });
    expect(signalUrl(destination, 'logs')).toBe('https://logs.example.com/in?source=cc');
    expect(signalUrl(destination, 'metrics')).toBe('https://otel.example.com/base/v1/metrics');
  });

  test('has a default, the network that of the file', () => {
    expect(inForce(a)).toMatchObject({
      protocol: 'http/protobuf',
      compression: 'gzip',
      signals: ['metrics', 'logs', 'traces'],
      timeoutMs: 30_000,
      attributes: [],
      network: { proxy: 'system' },
    });
    const network = { proxy: 'none', caFile: '/etc/ca.pem' };
    expect(inForce(a, { network }).network).toEqual(network);
    expect(inForce({ ...a, proxy: 'system' }, { network }).network).toEqual({ ...network, proxy: 'system' });
  });

  test('knows a proxy that was set for all destinations from one of its own', () => {
    const network = { proxy: 'http://proxy.example' };
    expect(inForce(a, { network }).network).toEqual({ ...network, proxyOfAll: true });
    expect(inForce({ ...a, ...network }, { network }).network).toEqual(network);
  });

  test.each([
    ['.protocol', { protocol: 'http' }, '"http/protobuf", "http/json" or "grpc"', '"http"'],
    ['.compression', { compression: 'br' }, '"gzip" or "none"', '"br"'],
    ['.tokenFile', { tokenFile: 'token.txt' }, 'an absolute path', 'a text of 9 characters'],
    ['.caFile', { caFile: '~/ca.pem' }, 'an absolute path (~ and variables are not expanded)', '"~/ca.pem"'],
    ['.clientCert', { clientCert: '$HOME/c.pem', clientKey: '/k' }, 'an absolute path', '"$HOME/c.pem"'],
    ['.credentialHeader', { credentialHeader: 'X Key' }, 'a valid HTTP header name', 'starts with "X"'],
    ['.credentialHeader', { credentialHeader: 'Host' }, 'a header that the relay does not set itself', '"Host"'],
    ['.credentialScheme', { credentialHeader: 'k', credentialScheme: 'Bearer x' }, 'a word such as "Bearer"', '8'],
    ['.proxy', { proxy: 'auto' }, '"system", "none" or the URL of a proxy', 'a text of 4 characters'],
    ['.proxy', { proxy: 'proxy.example.com:8080' }, 'such as http://proxy', 'which has no https:// or http://'],
    ['.proxy', { proxy: 'socks5://p.example:1080' }, 'such as http://proxy', '"socks5://p.example:1080"'],
    ['.proxy', { proxy: 'http://p.example/pac' }, 'such as http://proxy', '"http://p.example/pac"'],
    ['.endpoints.logs', { endpoints: { logs: 7 } }, 'an http(s) URL', 'a number'],
    ['.endpoints', { endpoints: 'https://a.example' }, 'an object', '"https://a.example"'],
    ['.formerly', { formerly: 'a b' }, 'a name of letters', '"a b"'],
    ['.parameters.site', { parameters: { site: 5 } }, 'a text', '5'],
    ['.resourceAttributes', { resourceAttributes: { 'a b': 'c' } }, 'a name of a letter or _', 'a key of 3 characters'],
    ['.resourceAttributes.x', { resourceAttributes: { x: '' } }, 'a text of 1 to 1,024', 'an empty text'],
    ['.resourceAttributes.x', { resourceAttributes: { x: { value: 'a', overide: true } } }, 'override', 'an object'],
  ])('%s that is wrong is named: %j', (key, wrong, expected, found) => {
    expect(mistakes({ ...a, ...wrong })).toEqual([
      { key, expected: expect.stringContaining(expected), found: expect.stringContaining(found) },
    ]);
  });

  test('an unknown key within "endpoints" is told and does no harm', () => {
    const { config, problems } = read({ destinations: [{ ...a, endpoints: { metric: 'https://b.example' } }] });
    expect(config.destinations).toHaveLength(1);
    expect(problems.map(({ message }) => message)).toEqual([
      'unknown key "destinations[0].endpoints.metric" is ignored; did you mean "metrics"?',
    ]);
  });
});

describe('addresses', () => {
  test('of single signals alone: the destination gets these signals', () => {
    const destination = inForce({ name: 'a', endpoints: { logs: 'https://a.example/x' } });
    expect(destination).toMatchObject({ endpoint: '', signals: ['logs'] });
  });

  test('a signal that is asked for and has no address', () => {
    const destination = { name: 'a', endpoints: { logs: 'https://a.example/x' }, signals: ['logs', 'traces'] };
    expect(mistakes(destination)).toEqual([
      {
        key: '.signals',
        expected: 'only signals with an address (there is neither "endpoint" nor "endpoints.traces")',
        found: '"traces"',
      },
    ]);
  });

  test('an address for a signal that is not asked for', () => {
    const destination = { ...a, endpoints: { logs: 'https://a.example/x' }, signals: ['traces'] };
    expect(mistakes(destination)).toEqual([
      {
        key: '.endpoints.logs',
        expected: 'an address only for what "signals" names',
        found: 'one for a signal that it does not get',
      },
    ]);
  });

  test.each([
    ['http://other.example/v1/logs', '"allowInsecure": true'],
    ['collector:4318/v1/logs', 'an http(s) URL'],
    ['https://user:pass@a.example/v1/logs', 'without user name'],
    ['https://a.example/v1/logs#x', 'without query and fragment'],
    ['http://localhost:14318/v1/logs', "another address than the relay's own"],
  ])('%s is none for a single signal', (address, expected) => {
    expect(mistakes({ ...a, endpoints: { logs: address } })).toEqual([
      { key: '.endpoints.logs', expected: expect.stringContaining(expected), found: expect.any(String) },
    ]);
  });

  test.each([
    ['https://otel.example.com:4317'],
    ['https://otel.example.com'],
    ['https://otel.example.com:4317/'],
    ['http://localhost:4317'],
    ['http://[::1]:4317'],
  ])('%s is one for gRPC', (endpoint) => {
    expect(inForce({ name: 'a', endpoint, protocol: 'grpc' }).endpoint).toBe(endpoint.replace(/\/$/, ''));
  });

  test.each([
    ['otel.example.com:4317', 'an address with its scheme, such as https://otel.example.com:4317', 'has no https://'],
    ['otel.example.com', 'an address with its scheme', 'a text of 16 characters'],
    ['grpc://otel.example.com:4317', 'an address with its scheme', '"grpc://otel.example.com:4317"'],
    ['https://otel.example.com/otlp', 'an address without a path', '"https://otel.example.com/otlp"'],
    ['https://otel.example.com?x=1', 'without query', 'with a query'],
    ['http://otel.example.com:4317', '"allowInsecure": true', '"http://otel.example.com:4317"'],
  ])('%s is none for gRPC', (endpoint, expected, found) => {
    expect(mistakes({ name: 'a', endpoint, protocol: 'grpc' })).toEqual([
      { key: '.endpoint', expected: expect.stringContaining(expected), found: expect.stringContaining(found) },
    ]);
  });

  test.each([
    'http://localhost:5317',
    'http://127.0.0.1:5318',
    'http://127.9.9.9:5317',
    'http://[::1]:5318',
    'http://relay.localhost:5318',
    'https://0.0.0.0:5318',
    'https://[::]:5317',
    'https://[::ffff:127.0.0.1]:5317',
  ])("%s is the relay's own, by HTTP or gRPC", (endpoint) => {
    for (const protocol of ['http/protobuf', 'grpc']) {
      const [mistake] = mistakes({ name: 'a', endpoint, protocol }, { listen: { http: 5_318, grpc: 5_317 } });
      expect(mistake?.expected).toBe("another address than the relay's own");
    }
  });
});

describe('the credential', () => {
  test('has the header that the config names, and the scheme only if that is named too', () => {
    const named = { ...a, credentialHeader: 'Authorization', token: 't' };
    expect(inForce(named).credential).toEqual({ header: 'Authorization', tokens: [{ source: 'config', token: 't' }] });
    expect(inForce({ ...named, credentialScheme: 'Bearer' }).credential).toMatchObject({ scheme: 'Bearer' });
    const preset = { name: 'a', preset: 'span', credentialHeader: 'X-Other', token: 't' };
    expect(inForce(preset).credential).toEqual({ header: 'X-Other', tokens: [{ source: 'config', token: 't' }] });
  });

  test('may be given with its scheme, or as the header itself', () => {
    const bearer = { ...a, credentialHeader: 'authorization', credentialScheme: 'Bearer' };
    const tokens = [{ source: 'config', token: 'Bearer t' }];
    expect(inForce({ ...bearer, token: 'Bearer t' })).toMatchObject({ headers: {}, credential: { tokens } });
    expect(inForce({ ...bearer, headers: { Authorization: 'Bearer t' } })).toMatchObject({
      headers: {},
      credential: { tokens },
    });
  });

  test.each([
    ['.token', { token: 't' }],
    ['.tokenFile', { tokenFile: '/t' }],
    ['.credentialScheme', { credentialScheme: 'Bearer' }],
  ])('%s takes a header to be in', (key, alone) => {
    expect(mistakes({ ...a, ...alone })).toEqual([
      { key, expected: expect.stringContaining('it only beside "credentialHeader"'), found: 'it without one' },
    ]);
  });

  test('with the scheme of another is a mistake', () => {
    const bearer = { ...a, credentialHeader: 'authorization', credentialScheme: 'Bearer' };
    expect(mistakes({ ...bearer, token: 'Basic t' })).toEqual([
      {
        key: '.token',
        expected: 'a token: a text of ASCII characters without blanks',
        found: 'a text of 7 characters with a blank in it',
      },
    ]);
  });

  test('of Basic authentication is user and password in base64', () => {
    const basic = { ...a, credentialHeader: 'authorization', credentialScheme: 'Basic' };
    inForce({ ...basic, token: 'MTIzOnNlY3JldA==' });
    inForce({ ...basic, token: 'Basic MTIzOnNlY3JldA==' });
    expect(mistakes({ ...basic, token: 'glc_secret' })).toEqual([
      { key: '.token', expected: expect.stringContaining('base64 form of "user:password"'), found: expect.any(String) },
    ]);
  });
});

describe('keys that only fit together', () => {
  test.each([
    ['.clientKey', { clientCert: '/c' }, 'the key of the certificate in "clientCert"'],
    ['.clientCert', { clientKey: '/k' }, 'the certificate that belongs to "clientKey"'],
    ['.parameters', { parameters: { site: 'x' } }, 'parameters only beside a preset'],
    ['.parameters', { preset: 'span', parameters: { site: 'x' } }, 'none, because preset "span" has none'],
    ['.headers', { protocol: 'grpc', headers: { 'grpc-timeout': '1S' } }, 'headers that gRPC can carry'],
    ['.headers', { protocol: 'grpc', headers: { 'x-key-bin': 'x' } }, 'headers that gRPC can carry'],
    ['.headers', { protocol: 'grpc', headers: { 'x-key': 'ä' } }, 'headers that gRPC can carry'],
    ['.headers', { protocol: 'grpc', credentialHeader: 'x*key' }, 'headers that gRPC can carry'],
  ])('%s in %j', (key, keys, expected) => {
    expect(mistakes({ ...a, ...keys })).toEqual([
      { key, expected: expect.stringContaining(expected), found: expect.any(String) },
    ]);
  });

  test('more attributes than a destination may have, counted over both places', () => {
    const many = (count: number, prefix: string) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, 'x']));
    inForce({ ...a, resourceAttributes: many(16, 'own') }, { resourceAttributes: many(16, 'all') });
    expect(
      mistakes({ ...a, resourceAttributes: many(17, 'own') }, { resourceAttributes: many(16, 'all') }),
    ).toMatchObject([{ key: '.resourceAttributes', found: '33' }]);
  });
});

describe('a rename', () => {
  test('is passed on to the spool, also of a destination that waits for a correction', () => {
    const { config, held } = read({
      destinations: [
        { ...a, formerly: 'old' },
        { name: 'b', formerly: 'older', endpoint: 'nowhere' },
      ],
    });
    expect(spoolDestinations({ config, held })).toMatchObject([
      { name: 'a', formerly: 'old' },
      { name: 'b', formerly: 'older' },
    ]);
  });

  test.each([
    [
      'a destination of now',
      [
        { ...a, formerly: 'B' },
        { ...a, name: 'b' },
      ],
      'destinations[0].formerly',
    ],
    ['itself', [{ ...a, formerly: 'A' }], 'destinations[0].formerly'],
    [
      'what another was',
      [
        { ...a, formerly: 'old' },
        { ...a, name: 'b', formerly: 'OLD' },
      ],
      'destinations[1].formerly',
    ],
  ])('from %s is told, and there is none', (_, destinations, key) => {
    const { config, problems, inForce } = read({ destinations });
    expect(problems).toMatchObject([{ key, message: expect.stringContaining('; there is no rename.') }]);
    expect(config.destinations).toHaveLength(destinations.length);
    const index = Number(/\d/.exec(key)?.[0]);
    expect(inForce.destinations[index]).not.toHaveProperty('formerly');
  });
});

describe('headers in which a credential is looked for', () => {
  const headersOf = (...destinations: readonly object[]) => {
    const { config, held } = read({ destinations });
    return [...credentialHeadersOf({ config, held })];
  };

  test("are vendors' own, and authorization only where a destination asks for it", () => {
    expect(headersOf()).toContain('x-span-token');
    expect(headersOf(a)).not.toContain('authorization');
    expect(headersOf({ ...a, headers: { Authorization: 'Bearer t' } })).not.toContain('authorization');
    expect(headersOf({ ...a, credentialHeader: 'Authorization' })).toContain('authorization');
  });
});

test.each([
  ['a password in a proxy', { ...a, proxy: 'proxy://user:CANARY@p.example' }],
  ['a token in place of a proxy', { ...a, proxy: 'CANARY' }],
  ['a token in place of its file', { ...a, credentialHeader: 'k', tokenFile: 'CANARY' }],
  ['a key in place of its file', { ...a, clientCert: '/c', clientKey: 'CANARY' }],
  ['a query of a single signal', { ...a, endpoints: { logs: 'http://b.example/x?key=CANARY' } }],
  ['a token in place of an address', { ...a, endpoints: { logs: 'CANARY' } }],
  ['a token that follows the scheme', { ...a, credentialHeader: 'k', credentialScheme: 'Bearer CANARY' }],
  ['a whole header as its name', { ...a, credentialHeader: 'Authorization: CANARY' }],
  ['a password for Basic', { ...a, credentialHeader: 'k', credentialScheme: 'Basic', token: 'CANARY' }],
  ['an attribute', { ...a, resourceAttributes: { x: ['CANARY'] } }],
  ['an attribute as a name', { ...a, resourceAttributes: { 'x=CANARY': '' } }],
  ['a header of gRPC', { ...a, protocol: 'grpc', headers: { 'x-key-bin': 'CANARY' } }],
])('no problem tells a secret: %s', (_, destination) => {
  const { problems, held } = read({ destinations: [destination] });
  expect(problems).not.toEqual([]);
  expect(JSON.stringify([problems, held])).not.toContain('CANARY');
});

test('a network of the file tells no secret either', () => {
  const { problems } = read({ network: { proxy: 'proxy://user:CANARY@p.example' } });
  expect(problems[0]?.message).toContain('with a user name or password');
  const good = read({ network: { proxy: 'http://user:CANARY@p.example' } }).inForce;
  const told = read({ network: { proxy: 7 } }, good).problems;
  expect(told[0]?.message).toContain('the last good value stays in force');
  expect(JSON.stringify([problems, told])).not.toContain('CANARY');
});
