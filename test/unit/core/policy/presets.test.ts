import { describe, expect, test } from 'vitest';
import { signalUrl } from '../../../../src/main/core/delivery/destination.ts';
import { type PresetName, presetNames, presets } from '../../../../src/main/core/policy/presets.ts';
import { signals } from '../../../../src/shared/signal.ts';
import { parse } from '../../../support/configs.ts';

function read(entry: object) {
  const { config, problems } = parse(JSON.stringify({ destinations: [{ name: 'a', ...entry }] }));
  return { destination: config.destinations[0], problems: problems.map(({ key, expected }) => `${key}: ${expected}`) };
}

interface Expected {
  readonly preset: PresetName;
  /** What the preset asks for, beside a token. */
  readonly keys?: object;
  readonly urls: readonly (string | undefined)[];
  readonly header?: string;
  readonly scheme?: string;
  readonly token?: string;
  readonly identity?: string;
}

const standard = (base: string) => signals.map((signal) => `${base}/v1/${signal}`);

/** As the vendors document them, on the pages that the presets name. */
const documented: readonly Expected[] = [
  {
    preset: 'span',
    urls: standard('https://otel.span.app:443'),
    header: 'X-Span-Token',
    identity: 'work_email',
  },
  {
    preset: 'linearb',
    keys: { endpoint: 'https://otel.linearb.example', credentialHeader: 'x-linearb-key' },
    urls: standard('https://otel.linearb.example'),
    header: 'x-linearb-key',
    identity: 'user.email',
  },
  {
    preset: 'datadog',
    keys: { parameters: { site: 'us5.datadoghq.com' } },
    urls: ['https://otlp.us5.datadoghq.com/v1/metrics', 'https://otlp.us5.datadoghq.com/v1/logs', undefined],
    header: 'dd-api-key',
  },
  {
    preset: 'signoz',
    keys: { parameters: { region: 'eu' } },
    urls: standard('https://ingest.eu.signoz.cloud:443'),
    header: 'signoz-ingestion-key',
  },
  { preset: 'honeycomb', urls: standard('https://api.honeycomb.io'), header: 'x-honeycomb-team' },
  {
    preset: 'honeycomb',
    keys: { parameters: { host: 'api.eu1.honeycomb.io' } },
    urls: standard('https://api.eu1.honeycomb.io'),
    header: 'x-honeycomb-team',
  },
  {
    preset: 'grafana-cloud',
    keys: { parameters: { zone: 'prod-eu-west-0' } },
    urls: standard('https://otlp-gateway-prod-eu-west-0.grafana.net/otlp'),
    header: 'Authorization',
    scheme: 'Basic',
    token: 'MTIzNDU2OmdsY19zZWNyZXQ=',
  },
  {
    preset: 'dynatrace',
    keys: { parameters: { environment: 'abc12345' } },
    urls: standard('https://abc12345.live.dynatrace.com/api/v2/otlp'),
    header: 'Authorization',
    scheme: 'Api-Token',
  },
  { preset: 'otel-collector', urls: standard('http://localhost:4318') },
  {
    preset: 'plain',
    keys: { endpoint: 'https://otel.example.com/base' },
    urls: standard('https://otel.example.com/base'),
  },
];

test('each preset has an example here', () => {
  expect([...new Set(documented.map(({ preset }) => preset))]).toEqual(presetNames);
});

test.each(documented)('$preset $keys', ({ preset, keys, urls, header, scheme, token = 'secret', identity }) => {
  const { destination, problems } = read({ preset, ...keys, ...(header === undefined ? {} : { token }) });
  expect(problems).toEqual([]);
  expect(signals.map((signal) => destination && signalUrl(destination, signal))).toEqual(urls);
  expect(destination).toMatchObject({ protocol: 'http/protobuf', compression: 'gzip', identity: identity ?? null });
  expect(destination?.credential).toEqual(
    header && { header, ...(scheme && { scheme }), tokens: [{ source: 'config', token }] },
  );
  // Whatever somebody switched on is delivered, also what the vendor's guide does not mention.
  expect(destination?.signals).toEqual(signals.filter((_, index) => urls[index] !== undefined));
});

describe('what a preset asks for', () => {
  test.each([
    ['datadog', 'site', 'such as "us5.datadoghq.com"'],
    ['signoz', 'region', 'such as "eu"'],
    ['grafana-cloud', 'zone', 'such as "prod-eu-west-0"'],
    ['dynatrace', 'environment', 'such as "abc12345"'],
  ])('%s: without %s it is told, with an example', (preset, parameter, example) => {
    const { destination, problems } = read({ preset, token: 'MTox' });
    expect(destination).toBeUndefined();
    expect(problems).toEqual([
      expect.stringMatching(`^destinations\\[0\\]\\.parameters\\.${parameter}: .*${example}$`),
    ]);
  });

  test.each([
    ['datadog', { site: 'example.com' }],
    ['datadog', { site: 'datadoghq.com.example.com' }],
    ['datadog', { site: 'https://app.datadoghq.eu' }],
    ['signoz', { region: 'eu.signoz.cloud.example.com/' }],
    ['honeycomb', { host: 'api.honeycomb.io.example.com' }],
    ['grafana-cloud', { zone: 'x.example.com/' }],
    ['grafana-cloud', { zone: 'a@example.com#' }],
    ['dynatrace', { environment: 'example.com/?' }],
  ])('%s: %j leads nowhere else', (preset, parameters) => {
    const { destination, problems } = read({ preset, token: 'MTox', parameters });
    expect(problems).toHaveLength(1);
    expect(destination).toBeUndefined();
  });

  test.each(Object.entries(presets))('%s: its examples fit, and its addresses are its own', (_, preset) => {
    for (const { example, pattern, usual } of Object.values(preset.parameters)) {
      expect(example).toMatch(pattern);
      if (usual !== undefined) expect(usual).toMatch(pattern);
    }
    for (const template of [preset.endpoint, ...Object.values(preset.endpoints ?? {})]) {
      const named = [...(template ?? '').matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(Object.keys(preset.parameters)).toEqual(expect.arrayContaining(named));
    }
    expect(URL.canParse(preset.documentation)).toBe(true);
  });

  test('a parameter that it does not have is told', () => {
    expect(read({ preset: 'signoz', token: 't', parameters: { region: 'eu', site: 'x' } }).problems).toEqual([
      'destinations[0].parameters: only region',
    ]);
  });

  test('none of it where the address is given', () => {
    const { destination, problems } = read({ preset: 'datadog', token: 't', endpoint: 'http://localhost:4318' });
    expect(problems).toEqual([]);
    expect(destination).toMatchObject({ endpoint: 'http://localhost:4318', signals });
    expect(destination?.signalEndpoints).toEqual({});
  });

  test('an address for a single signal goes before its own for that signal', () => {
    const traces = 'https://trace.agent.datadoghq.eu/v1/traces';
    const { destination, problems } = read({
      preset: 'datadog',
      token: 't',
      parameters: { site: 'datadoghq.eu' },
      endpoints: { traces },
    });
    expect(problems).toEqual([]);
    expect(destination).toMatchObject({
      signalEndpoints: { metrics: 'https://otlp.datadoghq.eu/v1/metrics', traces },
      signals,
    });
  });

  test('an address, where it has none', () => {
    expect(read({ preset: 'linearb' }).problems).toEqual([
      'destinations[0].endpoint: an http(s) URL, because preset "linearb" has none of its own',
    ]);
  });
});
