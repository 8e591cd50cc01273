import { describe, expect, test } from 'vitest';
import { heldDestination } from '../../../../src/main/core/delivery/destination.ts';
import { defaultConfig } from '../../../../src/main/core/policy/config.ts';
import { destinationsOf } from '../../../../src/main/core/policy/in-force.ts';
import { noSettings, type Settings } from '../../../../src/main/core/policy/settings.ts';
import { parse } from '../../../support/configs.ts';

const read = (value: unknown, lastGood?: Settings) => parse(JSON.stringify(value), lastGood);
const withDestination = (destination: unknown, lastGood?: Settings) => read({ destinations: [destination] }, lastGood);
const messages = (parsed: { problems: readonly { message: string }[] }) =>
  parsed.problems.map(({ message }) => message);

const lastGood: Settings = {
  ...noSettings,
  listen: { http: 4_000, grpc: 4_001 },
  destinations: [{ name: 'span', preset: 'span', token: 'old-token', signals: ['metrics'], timeoutMs: 5_000 }],
  spool: { maxBytes: 2 ** 21, maxAgeDays: 7 },
};
const [lastGoodSpan] = read(lastGood).config.destinations;

describe('a valid config', () => {
  test('an empty object means the defaults', () => {
    expect(read({})).toEqual({ config: defaultConfig, problems: [], held: [], inForce: noSettings });
  });

  test('every key is taken over', () => {
    const parsed = read({
      listen: { http: 0, grpc: 0 },
      destinations: [
        { name: 'span', preset: 'span', token: ' secret \n' },
        {
          name: 'collector',
          endpoint: 'http://127.0.0.1:4318/v1/metrics/',
          headers: { Authorization: 'Bearer x y' },
          signals: ['logs', 'metrics', 'logs'],
          timeoutMs: 2_000,
        },
      ],
      spool: { maxBytes: 2 ** 20, maxAgeDays: 1.5 },
    });
    expect(parsed.problems).toEqual([]);
    expect(parsed.config).toEqual({
      listen: { http: 0, grpc: 0 },
      destinations: [
        {
          ...heldDestination('span'),
          preset: 'span',
          endpoint: 'https://otel.span.app:443',
          identity: 'work_email',
          credential: { header: 'X-Span-Token', tokens: [{ source: 'config', token: 'secret' }] },
        },
        {
          ...heldDestination('collector', ['metrics', 'logs']),
          endpoint: 'http://127.0.0.1:4318',
          headers: { Authorization: 'Bearer x y' },
          timeoutMs: 2_000,
        },
      ],
      spool: { maxBytes: 2 ** 20, maxAgeDays: 1.5 },
    });
  });

  test('what is in force is itself a config without problems, so that it can be kept as the last good one', () => {
    expect(read(lastGood)).toMatchObject({ inForce: lastGood, problems: [], held: [] });
  });

  test('a byte order mark is skipped', () => {
    expect(parse('\uFEFF{}').problems).toEqual([]);
  });

  test.each([
    ['https://otel.example.com', 'https://otel.example.com'],
    ['https://otel.example.com/', 'https://otel.example.com'],
    ['https://otel.example.com/base/v1/traces', 'https://otel.example.com/base'],
    ['https://otel.example.com/v1/logs/v1/logs/', 'https://otel.example.com'],
    ['https://otel.example.com:443//', 'https://otel.example.com:443'],
    ['http://localhost:4318', 'http://localhost:4318'],
    ['http://[::1]:4318/v1/logs', 'http://[::1]:4318'],
    ['http://127.1.2.3', 'http://127.1.2.3'],
  ])('the endpoint %s means %s', (endpoint, expected) => {
    const parsed = withDestination({ name: 'a', endpoint });
    expect(messages(parsed)).toEqual([]);
    expect(parsed.config.destinations[0]?.endpoint).toBe(expected);
  });

  test('an endpoint beside a preset overrides its own', () => {
    const parsed = withDestination({
      name: 'span',
      preset: 'span',
      endpoint: 'http://127.0.0.1:1/v1/logs',
      token: 't',
    });
    expect(parsed.config.destinations[0]?.endpoint).toBe('http://127.0.0.1:1');
  });

  test('http to another machine takes an explicit word', () => {
    const parsed = withDestination({ name: 'a', endpoint: 'http://otel.example.com', allowInsecure: true });
    expect(messages(parsed)).toEqual([]);
  });
});

describe('an invalid key', () => {
  test.each([
    [
      { listen: { http: 70_000 } },
      'listen.http: expected a port: a whole number from 0 to 65,535, found 70000; the default 14318 is in force.',
    ],
    [
      { listen: { http: '14318' } },
      'listen.http: expected a port: a whole number from 0 to 65,535, found "14318"; the default 14318 is in force.',
    ],
    [
      { listen: { grpc: 1.5 } },
      'listen.grpc: expected a port: a whole number from 0 to 65,535, found 1.5; the default 14317 is in force.',
    ],
    [{ listen: 14_318 }, 'listen: expected an object, found a number; the default is in force.'],
    [{ listen: null }, 'listen: expected an object, found null; the default is in force.'],
    [
      { spool: { maxBytes: 1 } },
      'spool.maxBytes: expected a number of bytes: a whole number from 1,048,576 to 1,099,511,627,776, found 1; the default 268435456 is in force.',
    ],
    [
      { spool: { maxAgeDays: 0 } },
      'spool.maxAgeDays: expected a number of days from 1 to 3,650, found 0; the default 30 is in force.',
    ],
    [{ destinations: {} }, 'destinations: expected a list, found an object; none is configured.'],
    [{ network: 'none' }, 'network: expected an object, found a text of 4 characters; the default is in force.'],
    [
      { network: { proxy: 'proxy.example.com:3128' } },
      'network.proxy: expected "system", "none" or the URL of a proxy such as http://proxy.example.com:3128, found "proxy.example.com:3128", which has no https:// or http://; the default is in force.',
    ],
    [
      { network: { caFile: '~/ca.pem' } },
      'network.caFile: expected an absolute path (~ and variables are not expanded), found "~/ca.pem"; the default is in force.',
    ],
    [
      { resourceAttributes: ['work_email'] },
      'resourceAttributes: expected an object, found a list of 1; no attribute is added.',
    ],
    [
      { resourceAttributes: { work_email: 7 } },
      'resourceAttributes.work_email: expected a text of 1 to 1,024 characters, or an object with it as "value" and with "override": true or false, found a number; it is not added.',
    ],
    [
      { resourceAttributes: { 'work email': 'a@b.example' } },
      'resourceAttributes: expected a name of a letter or _, then letters, digits, ., _, - or /, at most 128 characters in all, found the name (a key of 10 characters); it is not added.',
    ],
  ])('%j is named with what was expected, found, and what happens', (value, message) => {
    const parsed = read(value);
    expect(messages(parsed)).toEqual([message]);
    expect(parsed.config).toEqual(defaultConfig);
  });

  test('keeps its last good value while the valid keys apply', () => {
    const parsed = read({ listen: { http: -1 }, spool: { maxBytes: 2 ** 22, maxAgeDays: 'x' } }, lastGood);
    expect(parsed.config.listen.http).toBe(4_000);
    expect(parsed.config.spool).toEqual({ maxBytes: 2 ** 22, maxAgeDays: 7 });
    expect(parsed.problems.map(({ key }) => key)).toEqual(['listen.http', 'spool.maxAgeDays']);
    expect(parsed.problems[0]?.message).toContain('the last good value 4000 stays in force');
  });

  test('a missing key means its default, not its last good value', () => {
    expect(read({}, lastGood).config).toEqual(defaultConfig);
  });

  test('destinations that are no list keep the last good ones', () => {
    expect(read({ destinations: 'span' }, lastGood).config.destinations).toEqual([lastGoodSpan]);
  });
});

describe('an unknown key', () => {
  test.each([
    [{ destination: [] }, 'unknown key "destination" is ignored; did you mean "destinations"?'],
    [{ listen: { htpp: 1 } }, 'unknown key "listen.htpp" is ignored; did you mean "http"?'],
    [{ listen: { https: 1 } }, 'unknown key "listen.https" is ignored; did you mean "http"?'],
    [{ listen: { socket: 1 } }, 'unknown key "listen.socket" is ignored; the keys here are http, grpc.'],
    [{ spool: { maxbytes: 1 } }, 'unknown key "spool.maxbytes" is ignored; did you mean "maxBytes"?'],
    [
      { proxy: {} },
      'unknown key "proxy" is ignored; the keys here are listen, destinations, spool, resourceAttributes, network.',
    ],
    [
      { destinations: [{ name: 'a', endpoint: 'https://a.example', singals: [] }] },
      'unknown key "destinations[0].singals" is ignored; did you mean "signals"?',
    ],
  ])('%j is told and does no harm', (value, message) => {
    const parsed = read(value);
    expect(messages(parsed)).toEqual([message]);
    expect(parsed.config.listen).toEqual(defaultConfig.listen);
    expect(parsed.held).toEqual([]);
  });
});

describe('an invalid destination', () => {
  const ok = { name: 'a', endpoint: 'https://a.example' };
  test.each([
    ['destinations[0]', 'span', 'an object'],
    ['destinations[0]', ['span'], 'an object'],
    ['destinations[0].name', { ...ok, name: 'a b' }, 'a name of letters'],
    ['destinations[0].name', { ...ok, name: '-a' }, 'a name of letters'],
    ['destinations[0].name', { ...ok, name: 'a'.repeat(64) }, 'a name of letters'],
    ['destinations[0].preset', { ...ok, preset: 'linerb' }, '"span"'],
    ['destinations[0].endpoint', { name: 'a' }, 'an http(s) URL, or a preset that has one, such as "preset": "span"'],
    ['destinations[0].endpoint', { ...ok, endpoint: 7 }, 'an http(s) URL'],
    ['destinations[0].endpoint', { ...ok, endpoint: '' }, 'an http(s) URL'],
    ['destinations[0].endpoint', { ...ok, endpoint: 'otel.example.com' }, 'an http(s) URL'],
    ['destinations[0].endpoint', { ...ok, endpoint: 'localhost:4318' }, 'an http(s) URL'],
    ['destinations[0].endpoint', { ...ok, endpoint: 'ftp://otel.example.com' }, 'an http(s) URL'],
    ['destinations[0].endpoint', { ...ok, endpoint: 'http://otel.example.com' }, '"allowInsecure": true'],
    ['destinations[0].endpoint', { ...ok, endpoint: 'http://localhost.example.com' }, '"allowInsecure": true'],
    ['destinations[0].endpoint', { ...ok, endpoint: 'https://a.example?x=1' }, 'without query'],
    ['destinations[0].endpoint', { ...ok, endpoint: 'https://user:pass@a.example' }, 'without user name'],
    ['destinations[0].endpoint', { ...ok, endpoint: 'http://localhost:14318' }, "another address than the relay's own"],
    ['destinations[0].endpoint', { ...ok, endpoint: 'http://localhost:14317' }, "another address than the relay's own"],
    ['destinations[0].token', { ...ok, token: 't' }, 'only beside "credentialHeader", or beside a preset'],
    ['destinations[0].token', { name: 'a', preset: 'span', token: 'a b' }, 'without blanks'],
    ['destinations[0].token', { name: 'a', preset: 'span', token: '' }, 'without blanks'],
    ['destinations[0].token', { name: 'a', preset: 'span', token: 5 }, 'without blanks'],
    ['destinations[0].headers', { ...ok, headers: 'X-A: b' }, 'an object'],
    ['destinations[0].headers', { ...ok, headers: { 'X A': 'b' } }, 'a valid HTTP header name'],
    ['destinations[0].headers', { ...ok, headers: { 'Content-Type': 'b' } }, 'that the relay does not set itself'],
    ['destinations[0].headers', { ...ok, headers: { 'X-A': 'b', 'x-a': 'c' } }, 'each header once'],
    ['destinations[0].headers.X-A', { ...ok, headers: { 'X-A': 'b\r\nX-B: c' } }, 'stand in an HTTP header'],
    ['destinations[0].headers.X-A', { ...ok, headers: { 'X-A': 1 } }, 'a text'],
    ['destinations[0].headers.X-A', { ...ok, headers: { 'X-A': 'b'.repeat(8_193) } }, 'at most 8,192 characters'],
    ['destinations[0].signals', { ...ok, signals: [] }, 'at least one'],
    ['destinations[0].signals', { ...ok, signals: 'logs' }, 'a list of'],
    ['destinations[0].signals[1]', { ...ok, signals: ['logs', 'spans'] }, '"metrics", "logs" or "traces"'],
    ['destinations[0].allowInsecure', { ...ok, allowInsecure: 'yes' }, 'true or false'],
    [
      'destinations[0].timeoutMs',
      { ...ok, timeoutMs: 1 },
      'a number of milliseconds: a whole number from 100 to 600,000',
    ],
  ])('%s of %j', (key, destination, expected) => {
    const parsed = withDestination(destination);
    expect(parsed.problems.map((problem) => problem.key)).toEqual([key]);
    expect(parsed.problems[0]?.expected).toContain(expected);
    expect(parsed.config.destinations).toEqual([]);
  });

  test('with a name is held: its data is kept until it is mended', () => {
    const parsed = withDestination({ name: 'a', endpoint: 'nowhere', signals: ['logs'] });
    expect(parsed.held).toEqual([
      {
        name: 'a',
        signals: ['logs'],
        mistake:
          'destinations[0].endpoint: expected an http(s) URL such as https://otel.example.com, found a text of 7 characters',
        by: 'config',
      },
    ]);
    expect(messages(parsed)[0]).toContain('nothing is sent to "a" until this is corrected, its data is kept.');
    expect(destinationsOf(parsed)).toEqual([heldDestination('a', ['logs'])]);
  });

  test('keeps the last good one of that name', () => {
    const parsed = withDestination({ name: 'span', preset: 'span', token: 'new token' }, lastGood);
    expect(parsed.config.destinations).toEqual([lastGoodSpan]);
    expect(parsed.held).toEqual([]);
    expect(messages(parsed)[0]).toContain('"span" keeps its last good settings.');
  });

  test('does not keep the others from applying', () => {
    const parsed = read({ destinations: [{ name: 'bad' }, { name: 'good', endpoint: 'https://good.example' }] });
    expect(parsed.config.destinations.map(({ name }) => name)).toEqual(['good']);
  });

  test('a name that is taken is left out, whatever its case', () => {
    const parsed = read({
      destinations: [
        { name: 'a', endpoint: 'https://one.example' },
        { name: 'A', endpoint: 'https://two.example' },
      ],
    });
    expect(parsed.config.destinations.map(({ endpoint }) => endpoint)).toEqual(['https://one.example']);
    expect(messages(parsed)).toEqual([
      'destinations[1].name: expected a name of its own, found "A" again; this destination is left out.',
    ]);
  });

  test('without a usable name is left out', () => {
    const parsed = withDestination({ endpoint: 'https://a.example' });
    expect(parsed.held).toEqual([]);
    expect(messages(parsed)[0]).toContain('destinations[0].name: expected a name');
    expect(messages(parsed)[0]).toContain('found nothing; this destination is left out.');
  });
});

describe('an entry that cannot be told to be one of the last good destinations', () => {
  const other = { name: 'other', endpoint: 'https://other.example' };

  test.each([
    ['without a name', { nmae: 'span', preset: 'span', token: 't' }],
    ['with an unusable name', { name: 'my span', preset: 'span', token: 't' }],
    ['that is no object', 'span'],
    ['with the name of another', { ...other, name: 'Other' }],
  ])('%s keeps those that no entry names, and says so', (_, entry) => {
    const parsed = read({ destinations: [other, entry] }, lastGood);
    expect(parsed.config.destinations.map(({ name }) => name)).toEqual(['other', 'span']);
    expect(parsed.config.destinations[1]).toEqual(lastGoodSpan);
    expect(messages(parsed)[0]).toMatch(
      /; this destination is left out; "span", which no entry names, stays as it was, because this may be it\.$/,
    );
  });

  test('keeps nothing that another entry names, in whatever case', () => {
    const parsed = read({ destinations: [{ name: 'SPAN', preset: 'span' }, { preset: 'span' }] }, lastGood);
    expect(parsed.config.destinations.map(({ name }) => name)).toEqual(['SPAN']);
    expect(messages(parsed)[0]).toMatch(/found nothing; this destination is left out\.$/);
  });

  test('a misspelt "destinations" keeps them all', () => {
    const parsed = read({ destinatons: [other] }, lastGood);
    expect(parsed.config.destinations).toEqual([lastGoodSpan]);
    expect(messages(parsed)).toEqual([
      'unknown key "destinatons" is ignored; did you mean "destinations"?',
      'destinations: expected a list, found nothing; the last good ones stay in force, because an unknown key may be meant for it.',
    ]);
  });
});

test.each([
  [{ 'X A': 'b' }, 'found a text of 3 characters that starts with "X"'],
  [{ 'X-Span-Token: CANARY': 'b' }, 'found a text of 20 characters that starts with "X-Span-Token"'],
  [{ 'a/b+CANARY==': 'b' }, 'found a text of 12 characters'],
  [{ 'Content-Type': 'b' }, 'expected a header that the relay does not set itself, found "Content-Type"'],
  [{ 'X-A': 'b', 'x-a': 'c' }, 'found "x-a" more than once'],
])('a mistake in the headers %j tells which one', (headers, words) => {
  const parsed = withDestination({ name: 'a', endpoint: 'https://a.example', headers });
  expect(messages(parsed)[0]).toContain(`${words};`);
  expect(messages(parsed)[0]).not.toContain('CANARY');
});

describe('broken JSON', () => {
  test.each([
    ['', 1, 1, 'a value', 'the end of the file'],
    ['{"listen": }', 1, 12, 'a value', '"}"'],
    ['{\n  "listen": {"http": 1,},\n}', 2, 24, 'a key in double quotes', '"}"'],
    ['{\n  "a": [1, 2,]}', 2, 14, 'a value', '"]"'],
    ['{"a": 1 "b": 2}', 1, 9, 'a comma or the closing bracket', '"\\""'],
    ['{"a" 1}', 1, 6, 'a colon', '"1"'],
    ['{a: 1}', 1, 2, 'a key in double quotes or }', '"a"'],
    ["{'a': 1}", 1, 2, 'a key in double quotes or }', '"\'"'],
    ['{"a": "unfinished', 1, 7, 'a value', '"\\""'],
    ['{"a": "line\nbreak"}', 1, 7, 'a value', '"\\""'],
    ['{"a": tru}', 1, 7, 'a value', '"t"'],
    ['{"a": 01}', 1, 8, 'a comma or the closing bracket', '"1"'],
    ['{"a": [1}', 1, 9, 'a comma or the closing bracket', '"}"'],
    ['{} // comment', 1, 4, 'the end of the file', '"/"'],
    ['// comment\n{}', 1, 1, 'a value', '"/"'],
    ['{"a": 1', 1, 8, 'a comma or the closing bracket', 'the end of the file'],
  ])('%j is placed at line %i, column %i', (text, line, column, expected, found) => {
    const parsed = parse(text);
    expect(parsed.problems).toEqual([
      expect.objectContaining({ key: `line ${line}, column ${column}`, expected, found }),
    ]);
    expect(parsed.config).toEqual(defaultConfig);
  });

  test('keeps the whole last good config', () => {
    const parsed = parse('{"listen": {"http": 5000}', lastGood);
    expect(parsed.inForce).toEqual(lastGood);
    expect(messages(parsed)[0]).toContain('the last good config stays in force.');
  });

  test.each(['[]', '"x"', 'null', '5'])('%s is no config either', (text) => {
    expect(parse(text, lastGood).inForce).toEqual(lastGood);
    expect(parse(text, lastGood).problems[0]?.key).toBe('the config file');
  });
});

test.each([
  ['a token with a blank', { name: 'a', preset: 'span', token: 'CANARY secret' }],
  ['a token without a preset', { name: 'a', endpoint: 'https://a.example', token: 'CANARY' }],
  ['a token that is a number', { name: 'a', preset: 'span', token: 314159 }],
  ['a token in a list', { name: 'a', preset: 'span', token: ['CANARY'] }],
  ['a header value', { name: 'a', endpoint: 'https://a.example', headers: { Authorization: 'Bearer CANARY\n' + 'x' } }],
  ['headers as a text', { name: 'a', endpoint: 'https://a.example', headers: 'Authorization: CANARY' }],
  ['a header line as a name', { name: 'a', endpoint: 'https://a.example', headers: { 'Authorization: CANARY': '' } }],
  ['a password in the endpoint', { name: 'a', endpoint: 'https://user:CANARY@a.example' }],
  ['a key in the endpoint', { name: 'a', endpoint: 'https://a.example/?key=CANARY#CANARY' }],
  ['a token as the endpoint', { name: 'a', endpoint: 'CANARY' }],
  ['a token under a wrong key', { name: 'a', preset: 'span', tokn: 'CANARY' }],
  ['a token as a key', { name: 'a', preset: 'span', 'X-Span-Token: CANARY': '' }],
])('no problem tells a secret: %s', (_, destination) => {
  const parsed = withDestination(destination);
  expect(parsed.problems).not.toEqual([]);
  expect(JSON.stringify(parsed.problems)).not.toMatch(/CANARY|314159/);
});

test('broken JSON is not quoted: a token may stand there', () => {
  const parsed = parse('{"destinations": [{"token": CANARY"}]}');
  expect(JSON.stringify(parsed.problems)).not.toContain('CANARY');
});

describe('destinations for delivery', () => {
  test('the preset names the credential header, with a token or without', () => {
    const { config } = read({
      destinations: [
        { name: 'one', preset: 'span', token: 'a' },
        { name: 'two', preset: 'span' },
      ],
    });
    expect(config.destinations.map(({ credential }) => credential)).toEqual([
      { header: 'X-Span-Token', tokens: [{ source: 'config', token: 'a' }] },
      { header: 'X-Span-Token', tokens: [] },
    ]);
  });

  test('a credential given as a header is the credential', () => {
    const { config } = withDestination({ name: 'a', preset: 'span', headers: { 'x-span-token': 'a', 'X-Team': 'b' } });
    expect(config.destinations[0]).toMatchObject({
      headers: { 'X-Team': 'b' },
      credential: { header: 'X-Span-Token', tokens: [{ source: 'config', token: 'a' }] },
    });
  });

  test('any other endpoint gets its headers and no credential', () => {
    const { config } = withDestination({
      name: 'a',
      endpoint: 'https://a.example',
      headers: { Authorization: 'Bearer b' },
    });
    expect(config.destinations).toEqual([
      { ...heldDestination('a'), endpoint: 'https://a.example', headers: { Authorization: 'Bearer b' } },
    ]);
  });
});
