import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PresetName, presetNames, presets } from '../../../../src/main/core/policy/presets.ts';
import { parse, parseBoth } from '../../../support/configs.ts';

const name = fc.constantFrom('span', 'Span', 'collector', 'c.d', 'x-1');
const path = fc.constantFrom('/etc/ca.pem', '/run/x');
const attribute = fc.oneof(
  fc.constantFrom('a@b.example', 'core'),
  fc.record({ value: fc.string({ minLength: 1 }), override: fc.boolean() }, { requiredKeys: ['value'] }),
);
const attributes = fc.dictionary(fc.constantFrom('work_email', 'user.email', 'team'), attribute);

/** Keys that go with any address. */
const anywhere = fc.record(
  {
    formerly: name,
    compression: fc.constantFrom('gzip', 'none'),
    headers: fc.dictionary(fc.constantFrom('x-team', 'X-Other'), fc.constantFrom('a', 'b c')),
    resourceAttributes: attributes,
    proxy: fc.constantFrom('system', 'none', 'http://u:p@proxy.example:1'),
    caFile: path,
    allowInsecure: fc.boolean(),
    timeoutMs: fc.integer({ min: 100, max: 600_000 }),
  },
  { requiredKeys: [] },
);
const signals = fc.subarray(['metrics', 'logs', 'traces'], { minLength: 1 });
const token = fc.constantFrom('secret', ' secret \n', 'Bearer secret');
const addresses = fc.oneof(
  fc.record({ preset: fc.constant('span'), token: fc.constant('secret'), signals }, { requiredKeys: ['preset'] }),
  fc.record(
    {
      endpoint: fc.constantFrom('https://a.example', 'http://localhost:4318/v1/logs/', 'https://b.example/otlp'),
      protocol: fc.constantFrom('http/protobuf', 'http/json'),
      credentialHeader: fc.constant('authorization'),
      credentialScheme: fc.constant('Bearer'),
      token,
      tokenFile: path,
    },
    { requiredKeys: ['endpoint', 'credentialHeader', 'credentialScheme'] },
  ),
  fc.record({ endpoint: fc.constant('https://b.example:4317'), protocol: fc.constant('grpc') }),
  fc.record({ endpoints: fc.record({ logs: fc.constant('https://c.example/in') }) }),
);

/** What may be wrong about a destination. */
const mistake = fc.record(
  {
    name: fc.jsonValue(),
    preset: fc.constantFrom<PresetName>(...presetNames),
    parameters: fc.dictionary(fc.constantFrom(...parameterNames()), fc.constantFrom('eu', 'us5', '...')),
    endpoint: fc.constantFrom('http://c.example', 'b:1', 'http://localhost:60001'),
    endpoints: fc.constantFrom({ metrics: 'https://a.example?x' }, { other: 'x' }, 'https://a.example'),
    protocol: fc.constantFrom('http', 'grpc'),
    token: fc.constantFrom('a b c', 'Basic b', 7),
    tokenFile: fc.constantFrom('relative', 7),
    headers: fc.dictionary(fc.constantFrom('X-Span-Token', 'grpc-x', 'a b'), fc.constantFrom('a', 'x\ny')),
    signals: fc.constantFrom([], ['spans'], ['traces']),
    resourceAttributes: fc.jsonValue(),
    clientCert: path,
    unknown: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

const destination = fc
  .tuple(fc.record({ name }), anywhere, addresses, fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, mistake))
  .map(([named, others, addressed, wrong]) => ({ ...named, ...others, ...addressed, ...wrong }));

const file = fc.record(
  {
    listen: fc.record({ http: fc.integer({ min: 60_000, max: 66_000 }), grpc: fc.constant(0) }, { requiredKeys: [] }),
    resourceAttributes: fc.oneof(attributes, fc.jsonValue()),
    network: fc.record(
      { proxy: fc.constantFrom('none', 'http://p.example', 'p:1'), caFile: path },
      { requiredKeys: [] },
    ),
    destinations: fc.oneof(
      {
        weight: 9,
        arbitrary: fc.array(fc.oneof({ weight: 19, arbitrary: destination }, fc.jsonValue()), { maxLength: 4 }),
      },
      fc.jsonValue(),
    ),
    spool: fc.oneof(fc.record({ maxBytes: fc.nat(2 ** 30), maxAgeDays: fc.nat(4_000) }), fc.jsonValue()),
    typo: fc.constant({}),
  },
  { requiredKeys: [] },
);

function parameterNames(): [string, ...string[]] {
  return ['other', ...Object.values(presets).flatMap(({ parameters }) => Object.keys(parameters))];
}

const again = (settings: unknown) => parse(JSON.stringify(settings));

test('what is in force of any config is a config without problems, and means the same', () => {
  fc.assert(
    fc.property(file, file, (first, second) => {
      const before = parse(JSON.stringify(first)).inForce;
      for (const lastGood of [undefined, before]) {
        const { inForce, config } = parse(JSON.stringify(second), lastGood);
        const reread = again(inForce);
        expect(reread.problems).toEqual([]);
        expect(reread.held).toEqual([]);
        expect(reread.inForce).toEqual(inForce);
        expect(reread.config).toEqual(config);
      }
    }),
  );
});

test('the same holds for a policy and a config together', () => {
  fc.assert(
    fc.property(file, file, (policy, config) => {
      const both = parseBoth({ policy, config });
      const reread = parseBoth(both.inForce);
      expect(reread.problems).toEqual({ policy: [], config: [] });
      expect(reread.inForce).toEqual(both.inForce);
      expect(reread.config).toEqual(both.config);
    }),
  );
});

test('a config that is right stays in force when any other file takes its place, as far as that is wrong', () => {
  fc.assert(
    fc.property(file, file, (first, second) => {
      const { inForce } = parse(JSON.stringify(first));
      const names = (list: readonly { name: string }[]) => list.map((one) => one.name.toLowerCase());
      const { config, held } = parse(JSON.stringify(second), inForce);
      // Whoever worked before and is still named goes on.
      const heldNames = names(held);
      expect(names(inForce.destinations).filter((one) => heldNames.includes(one))).toEqual([]);
      expect(new Set(names(config.destinations)).size).toBe(config.destinations.length);
    }),
  );
});
