import { describe, expect, test } from 'vitest';
import { noSettings, type Settings } from '../../../../src/main/core/policy/settings.ts';
import { parseBoth } from '../../../support/configs.ts';

const read = (policy: unknown, config: unknown = {}) => parseBoth({ policy, config });
const messages = ({ problems }: ReturnType<typeof read>) => ({
  policy: problems.policy.map(({ message }) => message),
  config: problems.config.map(({ message }) => message),
});
const none = { policy: [], config: [] };

/** The one destination of a policy's entry and a config's entry of the same name. */
function joined(policy: object, config: object, files: { policy?: object; config?: object } = {}) {
  const both = read(
    { ...files.policy, destinations: [{ name: 'a', ...policy }] },
    { ...files.config, destinations: [{ name: 'a', ...config }] },
  );
  expect(messages(both)).toEqual(none);
  const [only, ...others] = both.config.destinations;
  expect(others).toEqual([]);
  return only;
}

describe('key by key', () => {
  test('the policy wins, the config adds, the rest is the default', () => {
    const { config, problems } = read(
      { listen: { http: 1 }, spool: { maxAgeDays: 7 } },
      { listen: { http: 2, grpc: 3 }, spool: { maxAgeDays: 8, maxBytes: 2 ** 21 } },
    );
    expect(problems).toEqual(none);
    expect(config).toMatchObject({ listen: { http: 1, grpc: 3 }, spool: { maxAgeDays: 7, maxBytes: 2 ** 21 } });
    expect(read({ listen: { http: 1 } }).config).toMatchObject({ listen: { http: 1, grpc: 14_317 } });
  });

  test('a mistake in the config says that the policy holds anyway', () => {
    const both = read({ listen: { http: 1 } }, { listen: { http: 'x', grpc: 'y' } });
    expect(both.config.listen).toEqual({ http: 1, grpc: 14_317 });
    expect(messages(both).config).toEqual([
      expect.stringContaining(
        'listen.http: expected a port: a whole number from 0 to 65,535, found "x"; the policy\'s',
      ),
      expect.stringContaining('; the default 14317 is in force.'),
    ]);
    expect(messages(both).config[0]).toContain("; the policy's value 1 is in force.");
  });

  test('a mistake in the policy leaves the key open', () => {
    const both = read({ listen: { http: 'x' } }, { listen: { http: 2 } });
    expect(both.config.listen.http).toBe(2);
    expect(messages(both)).toEqual({
      policy: [expect.stringContaining('found "x"; the policy leaves it open.')],
      config: [],
    });
  });
});

describe('destinations', () => {
  test("the policy's come first, in its order; the config's others follow", () => {
    const policy = {
      destinations: [
        { name: 'b', preset: 'span' },
        { name: 'a', preset: 'span' },
      ],
    };
    const config = {
      destinations: [
        { name: 'own', endpoint: 'https://own.example' },
        { name: 'A', token: 'mine' },
      ],
    };
    const both = read(policy, config);
    expect(messages(both)).toEqual(none);
    expect(both.config.destinations.map(({ name }) => name)).toEqual(['b', 'a', 'own']);
    expect(both.config.destinations[1]?.credential?.tokens).toEqual([{ source: 'config', token: 'mine' }]);
  });

  test('both tokens are candidates, the policy’s first', () => {
    expect(joined({ preset: 'span', token: 'theirs' }, { token: 'mine' })?.credential).toEqual({
      header: 'X-Span-Token',
      tokens: [
        { source: 'policy', token: 'theirs' },
        { source: 'config', token: 'mine' },
      ],
    });
    const asHeader = joined(
      { preset: 'span', headers: { 'x-span-token': 'theirs' } },
      { headers: { 'X-Span-Token': 'mine' } },
    );
    expect(asHeader).toMatchObject({
      headers: {},
      credential: {
        tokens: [
          { source: 'policy', token: 'theirs' },
          { source: 'config', token: 'mine' },
        ],
      },
    });
  });

  test('single headers, parameters, addresses and attributes are joined', () => {
    const destination = joined(
      { preset: 'datadog', headers: { 'X-Team': 'policy' }, resourceAttributes: { team: 'policy' } },
      {
        parameters: { site: 'datadoghq.eu' },
        headers: { 'x-team': 'config', 'X-Place': 'config' },
        resourceAttributes: { team: 'config', place: 'config' },
      },
    );
    expect(destination).toMatchObject({
      signalEndpoints: { metrics: 'https://otlp.datadoghq.eu/v1/metrics' },
      headers: { 'X-Team': 'policy', 'X-Place': 'config' },
    });
    expect(Object.keys(destination?.headers ?? {})).toHaveLength(2);
    expect(destination?.attributes).toEqual([
      { key: 'team', value: 'policy', override: false },
      { key: 'place', value: 'config', override: false },
    ]);
  });

  test.each([
    [{ preset: 'span' }, { endpoint: 'https://evil.example' }, 'https://otel.span.app:443'],
    [{ preset: 'span' }, { preset: 'honeycomb' }, 'https://otel.span.app:443'],
    [{ endpoint: 'https://a.example' }, { preset: 'span' }, 'https://a.example'],
    [{ endpoint: 'https://a.example' }, { endpoints: { logs: 'https://evil.example/logs' } }, 'https://a.example'],
  ])('an address is the policy’s as a whole: %j beside %j', (policy, config, endpoint) => {
    const destination = joined(policy, config);
    expect(destination).toMatchObject({ endpoint });
    expect(destination?.signalEndpoints).toEqual({});
    expect(destination?.preset).toBe('preset' in policy ? policy.preset : undefined);
  });

  test('the header of the credential is the policy’s where it has one', () => {
    expect(joined({ preset: 'span' }, { credentialHeader: 'X-Other', token: 't' })?.credential?.header).toBe(
      'X-Span-Token',
    );
    const open = joined({ endpoint: 'https://a.example' }, { credentialHeader: 'X-Other', token: 't' });
    expect(open?.credential?.header).toBe('X-Other');
  });

  test('what the policy says of all goes before what the config says of one', () => {
    const files = {
      policy: { resourceAttributes: { team: 'policy', all: 'policy' }, network: { proxy: 'http://policy.example' } },
      config: { resourceAttributes: { place: 'config', all: 'config' }, network: { proxy: 'none', caFile: '/ca' } },
    };
    const destination = joined(
      { preset: 'span', resourceAttributes: { all: 'policy of one' } },
      { resourceAttributes: { team: 'config of one', own: 'config of one' }, proxy: 'system' },
      files,
    );
    expect(Object.fromEntries(destination?.attributes.map(({ key, value }) => [key, value]) ?? [])).toEqual({
      place: 'config',
      all: 'policy of one',
      team: 'policy',
      own: 'config of one',
    });
    expect(destination?.network).toEqual({ proxy: 'http://policy.example', proxyOfAll: true, caFile: '/ca' });
  });

  test('a rename of the policy’s is a rename', () => {
    expect(joined({ preset: 'span', formerly: 'old' }, { token: 't' })?.formerly).toBe('old');
  });
});

describe('a mistake', () => {
  const policy = { destinations: [{ name: 'a', preset: 'span' }] };

  test('in the config leaves what the policy alone says', () => {
    const both = read(policy, { destinations: [{ name: 'a', clientCert: '/c' }] });
    expect(both.config.destinations).toHaveLength(1);
    expect(both.config.destinations[0]?.network).toEqual({ proxy: 'system' });
    expect(messages(both)).toEqual({
      policy: [],
      config: [
        'destinations[0].clientKey: expected the key of the certificate in "clientCert", found nothing; "a" goes on as the policy alone says.',
      ],
    });
  });

  test('in the policy holds the destination, rather than send without what the policy meant', () => {
    const both = read(
      { destinations: [{ name: 'a', clientCert: 'c' }] },
      { destinations: [{ name: 'a', endpoint: 'https://a.example' }] },
    );
    expect(both.config.destinations).toEqual([]);
    expect(both.held).toMatchObject([{ name: 'a', by: 'policy', mistake: expect.stringContaining('.clientCert') }]);
    expect(messages(both)).toMatchObject({
      policy: [expect.stringContaining('nothing is sent to "a" until this is corrected')],
      config: [],
    });
  });

  test('of both together is told of the file that has the key', () => {
    const both = read(
      { destinations: [{ name: 'a', credentialScheme: 'Bearer' }] },
      { destinations: [{ name: 'a', endpoint: 'http://other.example', signals: ['logs'] }] },
    );
    expect(messages(both).policy).toEqual([expect.stringContaining('destinations[0].credentialScheme')]);
    expect(messages(both).config).toEqual([expect.stringContaining('destinations[0].endpoint')]);
    expect(both.held).toMatchObject([{ name: 'a', signals: ['logs'] }]);
  });

  test('keeps the last good settings of the file that has it', () => {
    const lastGood: { policy: Settings; config: Settings } = {
      policy: { ...noSettings, destinations: [{ name: 'a', preset: 'span' }] },
      config: { ...noSettings, destinations: [{ name: 'a', token: 'mine', timeoutMs: 1_000 }] },
    };
    const both = parseBoth(
      {
        policy: { destinations: [{ name: 'a', preset: 'spam' }] },
        config: { destinations: [{ name: 'a', token: 'newer' }] },
      },
      lastGood,
    );
    expect(both.config.destinations).toMatchObject([
      { preset: 'span', timeoutMs: 30_000, credential: { tokens: [{ source: 'config', token: 'newer' }] } },
    ]);
    expect(both.inForce.policy).toEqual(lastGood.policy);
    expect(messages(both).policy).toEqual([expect.stringContaining('; "a" keeps its last good settings.')]);
  });
});
