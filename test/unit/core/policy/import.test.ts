import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type ImportOptions, importSettings } from '../../../../src/main/core/policy/import/import-settings.ts';
import { relayEnv } from '../../../../src/main/core/policy/import/relay-env.ts';
import { presetNames, presets } from '../../../../src/main/core/policy/presets.ts';
import { parse } from '../../../support/configs.ts';

const options: ImportOptions = { source: 'FILE', name: undefined, signals: undefined, ownPorts: [14_318, 14_317] };

const fixture = (name: string) =>
  readFileSync(new URL(`../../../fixtures/vendor-settings/${name}.json`, import.meta.url), 'utf8');

function imported(text: string, changed: Partial<ImportOptions> = {}) {
  const result = importSettings(text, { ...options, ...changed });
  if (result.kind === 'refused') throw new Error(result.message);
  return result.destination;
}

const withEnv = (env: object, changed?: Partial<ImportOptions>) => imported(JSON.stringify({ env }), changed);
const refusal = (text: string, changed: Partial<ImportOptions> = {}) => {
  const result = importSettings(text, { ...options, ...changed });
  return result.kind === 'refused' ? result.message : 'imported';
};
const base = {
  OTEL_METRICS_EXPORTER: 'otlp',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otel.acme.example',
};

describe('the settings that vendors generate', () => {
  test('Span', () => {
    const { entry, notes, superfluous, kept } = imported(fixture('span'));
    expect(entry).toEqual({
      name: 'span',
      preset: 'span',
      token: 'canary-span-token',
      signals: ['metrics'],
      resourceAttributes: { work_email: 'ada@example.com' },
    });
    expect(notes).toEqual(presets.span.notes);
    expect(superfluous).toEqual(['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_RESOURCE_ATTRIBUTES']);
    expect(kept).toEqual({});
  });

  test("Span's guide as it stands: what nobody has filled in is told", () => {
    const { entry, notes } = imported(fixture('span-guide'));
    expect(entry).toEqual({
      name: 'span',
      preset: 'span',
      signals: ['metrics'],
      resourceAttributes: { work_email: '<USER_EMAIL>' },
    });
    expect(notes[0]).toMatch(/^The token is not filled in/);
    expect(notes[1]).toMatch(/^The attribute work_email holds the placeholder <USER_EMAIL>/);
  });

  test('LinearB: address, header and exporters are whatever its page says', () => {
    const { entry, kept, superfluous } = imported(fixture('linearb'));
    expect(entry).toEqual({
      name: 'linearb',
      preset: 'linearb',
      endpoint: 'https://otel-ingest.linearb.io/claude',
      credentialHeader: 'x-linearb-ingest-token',
      token: 'canary-linearb-token',
      signals: ['metrics', 'logs'],
    });
    expect(kept).toEqual({ OTEL_METRIC_EXPORT_INTERVAL: '60000', OTEL_LOG_TOOL_DETAILS: '1' });
    expect(superfluous).toEqual(['OTEL_EXPORTER_OTLP_HEADERS']);
  });

  test('Datadog: by signal, with headers that differ, so one after the other', () => {
    expect(refusal(fixture('datadog'))).toBe(
      'FILE: metrics and logs have different headers, and a destination has one set of them. Import them one by one: --signals metrics --name ONE, then --signals logs --name OTHER.',
    );
    const metrics = imported(fixture('datadog'), { signals: ['metrics'], name: 'dd-metrics' });
    expect(metrics.entry).toEqual({
      name: 'dd-metrics',
      preset: 'datadog',
      parameters: { site: 'us5.datadoghq.com' },
      token: 'canary-datadog-key',
      headers: { 'dd-otel-metric-config': '{"resource_attributes_as_tags": true}' },
      signals: ['metrics'],
    });
    expect(metrics.kept).toEqual({ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta' });
    const logs = imported(fixture('datadog'), { signals: ['logs'] });
    expect(logs.entry).toEqual({
      name: 'datadog',
      preset: 'datadog',
      parameters: { site: 'us5.datadoghq.com' },
      token: 'canary-datadog-key',
      signals: ['logs'],
    });
  });

  test('SigNoz: by gRPC', () => {
    expect(imported(fixture('signoz')).entry).toEqual({
      name: 'signoz',
      preset: 'signoz',
      parameters: { region: 'eu' },
      protocol: 'grpc',
      token: 'canary-signoz-key',
      signals: ['metrics', 'logs'],
    });
  });

  test('Grafana Cloud: Basic, percent-encoded', () => {
    const { entry, notes } = imported(fixture('grafana-cloud'));
    expect(entry).toEqual({
      name: 'grafana-cloud',
      preset: 'grafana-cloud',
      parameters: { zone: 'prod-eu-west-0' },
      token: 'Y2FuYXJ5OmdyYWZhbmE=',
      signals: ['logs'],
    });
    expect(notes.join()).toContain('cumulative');
  });

  test('a company’s own gateway, with everything there is', () => {
    const { entry, notes, superfluous } = imported(fixture('gateway-mtls'));
    expect(entry).toEqual({
      name: 'acme',
      endpoint: 'https://otel.acme.example/ingest',
      protocol: 'http/json',
      compression: 'none',
      credentialHeader: 'Authorization',
      credentialScheme: 'Bearer',
      token: 'canary-gateway-token',
      headers: { 'X-Scope-OrgID': 'acme' },
      signals: ['metrics', 'logs'],
      resourceAttributes: { department: 'R&D', 'user.email': '%Email%' },
      caFile: '/etc/acme/ca.pem',
      clientCert: '/etc/acme/client.pem',
      clientKey: '/etc/acme/client.key',
      timeoutMs: 5_000,
    });
    expect(notes).toEqual([
      expect.stringMatching(/^OTEL_EXPORTER_OTLP_HEADERS has "Authorization: …" where Authorization=… is meant/),
      expect.stringMatching(/^"otelHeadersHelper" may stay/),
      expect.stringMatching(/^The attribute user\.email holds the placeholder %Email%/),
    ]);
    expect(superfluous).toHaveLength(7);
  });

  test.each(['span', 'span-guide', 'linearb', 'signoz', 'grafana-cloud', 'gateway-mtls'])(
    '%s makes a config without a problem',
    (name) => {
      const { entry } = imported(fixture(name));
      const { config, problems } = parse(JSON.stringify({ destinations: [entry] }));
      expect(problems).toEqual([]);
      expect(config.destinations).toHaveLength(1);
    },
  );

  test('no note tells a secret', () => {
    for (const name of ['span', 'span-guide', 'linearb', 'signoz', 'grafana-cloud', 'gateway-mtls']) {
      const { notes, superfluous, kept } = imported(fixture(name));
      expect(JSON.stringify({ notes, superfluous, kept })).not.toMatch(/canary|Y2FuYXJ5/);
    }
  });
});

describe('which vendor', () => {
  test.each([
    ['https://otlp.datadoghq.eu', {}, { preset: 'datadog', parameters: { site: 'datadoghq.eu' } }],
    ['https://api.honeycomb.io', {}, { preset: 'honeycomb', parameters: { host: 'api.honeycomb.io' } }],
    [
      'https://abc12345.live.dynatrace.com/api/v2/otlp',
      {},
      { preset: 'dynatrace', parameters: { environment: 'abc12345' } },
    ],
    [
      'https://ag.example:9999/e/abc12345/api/v2/otlp',
      {},
      { endpoint: 'https://ag.example:9999/e/abc12345/api/v2/otlp' },
    ],
    ['https://otel.span.app', {}, { preset: 'span' }],
    ['https://staging.span.app/otlp', {}, { preset: 'span', endpoint: 'https://staging.span.app/otlp' }],
    [
      'https://relay.acme.example',
      { OTEL_EXPORTER_OTLP_HEADERS: 'x-honeycomb-team=k' },
      { preset: 'honeycomb', endpoint: 'https://relay.acme.example' },
    ],
    ['https://span.app.evil.example', {}, { endpoint: 'https://span.app.evil.example' }],
  ])('%s with %j', (endpoint, more, expected) => {
    const { entry } = withEnv({ ...base, ...more, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
    const { name, signals, token, ...found } = entry;
    expect(found).toEqual(expected);
  });

  test('an address that a preset does not have is kept beside it', () => {
    const { entry } = withEnv({
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'https://otlp.datadoghq.com/v1/metrics',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://trace.agent.datadoghq.com/v1/traces',
      OTEL_EXPORTER_OTLP_HEADERS: 'dd-api-key=k',
    });
    expect(entry).toMatchObject({
      preset: 'datadog',
      parameters: { site: 'datadoghq.com' },
      endpoints: { traces: 'https://trace.agent.datadoghq.com/v1/traces' },
    });
  });

  test.each(
    presetNames.flatMap((name) => {
      const { endpoint, parameters } = presets[name];
      const filled = endpoint?.replace(/\{(\w+)\}/g, (_, key: string) => parameters[key]?.example ?? '');
      return filled === undefined || name === 'otel-collector' ? [] : [[name, filled] as const];
    }),
  )('%s is known by its own address, %s', (name, endpoint) => {
    expect(withEnv({ ...base, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }).entry).toMatchObject({ preset: name });
    expect(withEnv({ ...base, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }).entry).not.toHaveProperty('endpoint');
  });
});

describe('headers', () => {
  const keysOf = (list: string, endpoint = 'https://otel.acme.example') => {
    const { entry, notes } = withEnv({
      ...base,
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: list,
    });
    const { name, signals, endpoint: _, ...keys } = entry;
    return { keys, notes };
  };

  test.each([
    ['Authorization=Bearer%20t', { credentialHeader: 'Authorization', credentialScheme: 'Bearer', token: 't' }],
    ['Authorization=Bearer t', { credentialHeader: 'Authorization', credentialScheme: 'Bearer', token: 't' }],
    ['authorization=t', { credentialHeader: 'authorization', token: 't' }],
    ['x-api-key=a=b==', { credentialHeader: 'x-api-key', token: 'a=b==' }],
    ['x-team=core,x-acme-token=t', { credentialHeader: 'x-acme-token', token: 't', headers: { 'x-team': 'core' } }],
    [
      'x-key=k,Authorization=Bearer t',
      { credentialHeader: 'Authorization', credentialScheme: 'Bearer', token: 't', headers: { 'x-key': 'k' } },
    ],
    ['x-team=100%', { headers: { 'x-team': '100%' } }],
    ['X-Acme-Token: t', { credentialHeader: 'X-Acme-Token', token: 't' }],
    ['Authorization: Basic dTpw==', { credentialHeader: 'Authorization', credentialScheme: 'Basic', token: 'dTpw==' }],
  ])('%s', (list, keys) => {
    expect(keysOf(list).keys).toEqual(keys);
  });

  test('the only header of a vendor whose header is not known is its credential', () => {
    expect(keysOf('x-linearb=t', 'https://in.linearb.io').keys).toEqual({
      preset: 'linearb',
      credentialHeader: 'x-linearb',
      token: 't',
    });
  });

  test('what is no pair, and what looks like no credential, is told', () => {
    expect(keysOf('x-team=core,oops').notes).toEqual([
      'OTEL_EXPORTER_OTLP_HEADERS has a part that is no NAME=VALUE: it is left out.',
      'No header is called like a credential: x-team is sent as it is.',
    ]);
  });

  test.each([
    '<PROVIDED_TOKEN>',
    '$TOKEN',
    `\${API_TOKEN}`,
    'YOUR_API_KEY',
    'your-token',
    '%TOKEN%',
    '{{token}}',
    '...',
    'xxxx',
  ])('%s is no token', (token) => {
    const { keys, notes } = keysOf(`Authorization=Bearer ${token}`);
    expect(keys).toEqual({ credentialHeader: 'Authorization', credentialScheme: 'Bearer' });
    expect(notes[0]).toMatch(/^The token is not filled in/);
  });

  test('those of a single signal go with those for all', () => {
    const { entry } = withEnv({
      ...base,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-team=core,x-key=old',
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-key=new',
    });
    expect(entry).toMatchObject({ token: 'new', headers: { 'x-team': 'core' } });
  });
});

describe('which signals', () => {
  test('those whose exporter is otlp, in a list or alone', () => {
    const { entry } = withEnv({
      ...base,
      OTEL_METRICS_EXPORTER: 'console, otlp',
      OTEL_LOGS_EXPORTER: 'OTLP',
      OTEL_TRACES_EXPORTER: 'none',
    });
    expect(entry.signals).toEqual(['metrics']);
  });

  test('none: all, and it is told that nothing is exported', () => {
    const { entry, notes } = withEnv({ ...base, OTEL_METRICS_EXPORTER: 'console' });
    expect(entry).not.toHaveProperty('signals');
    expect(notes[0]).toMatch(/^No exporter in these settings is "otlp"/);
  });

  test('with protocols that differ they are imported one by one', () => {
    const env = {
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otel.acme.example:4317',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'https://logs.acme.example/v1/logs',
    };
    expect(refusal(JSON.stringify({ env }))).toContain('metrics and logs have different protocols');
    expect(withEnv(env, { signals: ['logs'] }).entry).toEqual({
      name: 'acme',
      endpoints: { logs: 'https://logs.acme.example/v1/logs' },
      protocol: 'http/json',
      signals: ['logs'],
    });
    expect(withEnv(env, { signals: ['metrics'], name: 'm' }).entry).toEqual({
      name: 'm',
      endpoint: 'https://otel.acme.example:4317',
      protocol: 'grpc',
      signals: ['metrics'],
    });
  });
});

describe('what Claude Code would not take either', () => {
  test.each([
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http' }, 'OTEL_EXPORTER_OTLP_PROTOCOL is "http", which Claude Code does not know'],
    [{ OTEL_EXPORTER_OTLP_COMPRESSION: 'zstd' }, 'OTEL_EXPORTER_OTLP_COMPRESSION is "zstd", which is left out'],
    [{ OTEL_EXPORTER_OTLP_TIMEOUT: '10s' }, 'OTEL_EXPORTER_OTLP_TIMEOUT is "10s", which is left out'],
    [{ OTEL_EXPORTER_OTLP_CERTIFICATE: 'ca.pem' }, 'caFile is left out, because it is no absolute path'],
  ])('%j is told', (env, note) => {
    const { entry, notes } = withEnv({ ...base, ...env });
    expect(notes).toEqual([expect.stringContaining(note)]);
    expect(Object.keys(entry)).toEqual(['name', 'endpoint', 'signals']);
  });
});

test.each([
  ['https://otel.acme.example', 'acme'],
  ['https://acme.example', 'acme'],
  ['https://ingest.eu.acme.example', 'acme'],
  ['https://logs.acme.co.uk', 'acme'],
  ['http://localhost:4318', 'collector'],
  ['https://10.0.0.7:4318', 'collector'],
  ['http://[::1]:4318', 'collector'],
])('%s is called %s', (endpoint, name) => {
  expect(withEnv({ ...base, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }).name).toBe(name);
});

test('the variables alone are taken, too', () => {
  expect(imported(JSON.stringify(base)).entry).toMatchObject({ endpoint: 'https://otel.acme.example' });
});

describe('nothing to import', () => {
  test.each([
    ['{ "env": { "OTEL', 'FILE is not valid JSON (line 1, column 12: expected a key in double quotes or }, found'],
    ['[]', 'FILE holds a list of 0 instead of Claude Code\'s settings, { "env": { … } }.'],
    ['{}', 'FILE has no "env": OTEL_EXPORTER_OTLP_ENDPOINT and so on.'],
    ['{ "env": { "FOO": "1", "OTEL_METRICS_EXPORTER": "otlp" } }', 'FILE has an "env" without telemetry'],
    ['{ "destinations": [] }', 'FILE is a config file of the relay, not settings of Claude Code.'],
    [
      '{ "env": { "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" } }',
      'FILE names no address: it has no OTEL_EXPORTER_OTLP_ENDPOINT.',
    ],
    [
      '{ "env": { "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:14318" } }',
      'FILE already exports to this relay, so there is nothing to import.',
    ],
    [
      '{ "env": { "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:14317" } }',
      'FILE already exports to this relay',
    ],
  ])('%s', (text, message) => {
    expect(refusal(text)).toContain(message);
  });

  test('broken JSON is not quoted: a token may stand there', () => {
    expect(refusal('{ "env": { "OTEL_EXPORTER_OTLP_HEADERS": CANARY" } }')).not.toContain('CANARY');
  });
});

test('the block for Claude Code has the relay’s port, what is wanted, what stays, and no token', () => {
  expect(relayEnv({ port: 14_318, wanted: new Set(['logs', 'traces']), kept: { OTEL_LOG_USER_PROMPTS: '1' } })).toEqual(
    {
      CLAUDE_CODE_ENABLE_TELEMETRY: '1',
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_TRACES_EXPORTER: 'otlp',
      CLAUDE_CODE_ENHANCED_TELEMETRY_BETA: '1',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:14318',
      OTEL_LOG_USER_PROMPTS: '1',
    },
  );
});

describe('a credential that a helper gives', () => {
  const withHelper = (env: object) => JSON.stringify({ otelHeadersHelper: '/bin/headers', env });

  test('needs a header: without one nothing would be passed on', () => {
    expect(refusal(withHelper(base))).toContain('Name the header: --credential-header NAME');
    expect(refusal(withHelper({ ...base, OTEL_EXPORTER_OTLP_HEADERS: 'X-Team=core' }))).toContain(
      '--credential-header',
    );
    expect(imported(withHelper(base), { credentialHeader: 'Authorization' }).entry).toMatchObject({
      credentialHeader: 'Authorization',
    });
  });

  test('goes in the header of the vendor', () => {
    const span = { ...base, OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otel.span.app' };
    expect(imported(withHelper(span)).entry).not.toHaveProperty('credentialHeader');
    expect(imported(withHelper(span), { credentialHeader: 'x-span-token' }).entry).not.toHaveProperty(
      'credentialHeader',
    );
  });

  test('a header that a person names is the one, whatever else looks like it', () => {
    const headers = { ...base, OTEL_EXPORTER_OTLP_HEADERS: 'X-Api-Key=public,X-Ours=secret' };
    expect(withEnv(headers, { credentialHeader: 'x-ours' }).entry).toMatchObject({
      token: 'secret',
      credentialHeader: 'X-Ours',
      headers: { 'X-Api-Key': 'public' },
    });
  });
});
