import { readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runCommand } from '../support/command-line.ts';
import { numberedRequest, post } from '../support/numbered-requests.ts';
import { makeHome, type Relay, type RelayHome, startRelay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { ok, startVendor, status, type Vendor } from '../support/vendor.ts';

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 });

async function ownHome(config: object | string = {}): Promise<RelayHome> {
  const home = await makeHome(config);
  onTestFinished(() => home[Symbol.asyncDispose]());
  return home;
}

async function ownVendor(options?: Parameters<typeof startVendor>[0]): Promise<Vendor> {
  const vendor = await startVendor(options);
  onTestFinished(() => vendor.stop());
  return vendor;
}

async function running(home: RelayHome, ...args: readonly string[]): Promise<Relay> {
  const relay = startRelay(home, { args });
  onTestFinished(() => relay.kill());
  await relay.ready;
  return relay;
}

/** `span-relay destination …` on the folders of a home. */
async function destination(home: RelayHome, words: readonly string[], input?: string) {
  const places = ['--state-dir', home.stateDir, '--config', home.configFile];
  return runCommand(['destination', ...words, ...places], {}, input);
}

async function done(home: RelayHome, words: readonly string[], input?: string): Promise<string> {
  const { exitCode, stdout, stderr } = await destination(home, words, input);
  expect({ exitCode, stderr }, stdout).toEqual({ exitCode: 0, stderr: '' });
  return stdout;
}

/** Without the line breaks that the terminal's width makes. */
const flat = (text: string) => text.replaceAll(/\n\s*/g, ' ');

const textOf = (home: RelayHome) => readFile(home.configFile, 'utf8');
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/vendor-settings/${name}.json`, import.meta.url));

test('add, test, list, rename and remove, while the relay runs: each is in force when the command ends', async () => {
  const vendor = await ownVendor({
    answer: ({ headers }) => (headers['x-span-token'] === 'right' ? ok() : status(401)),
  });
  const home = await ownHome();
  const relay = await running(home);
  expect(await done(home, ['list'])).toContain('No destination is configured in ');

  const words = ['add', 'span', '--preset', 'span', '--endpoint', vendor.url, '--signals', 'logs', '--token', '-'];
  const added = await done(home, words, 'right\n');
  expect(added).toContain(`Added span to ${home.configFile}.`);
  expect(added).toContain(`${vendor.url}, http/protobuf, logs`);
  expect(added).toContain('The relay has taken it up.');
  expect(added).not.toContain('right');
  expect((await relay.status()).destinations).toMatchObject([{ name: 'span', endpoint: vendor.url, state: 'ok' }]);

  const tested = await done(home, ['test', 'span']);
  expect(tested).toContain('1 of 1 delivered.');
  expect(vendor.accepted.map(({ headers }) => headers['x-span-token'])).toEqual(['right']);

  vendor.setAnswer(() => status(503));
  expect(await post(relay.port, 'logs', numberedRequest('logs', 1))).toBe(200);
  const renamed = await done(home, ['rename', 'SPAN', 'vendor']);
  expect(renamed).toContain('span is called vendor now');
  expect(flat(renamed)).toContain('with 1 log record that waits.');
  const { ledger } = await relay.call('ledger', {});
  expect(ledger.filter(({ accepted }) => accepted > 0)).toMatchObject([
    { destination: 'vendor', accepted: 2, delivered: 1, pending: 1 },
  ]);
  const listed = await done(home, ['list']);
  expect(listed).toMatch(/^▲ vendor: retrying \(formerly span\)\n|^✓ vendor: ok \(formerly span\)\n/);
  expect(listed).toContain('token: from the config file, else what Claude Code presents in X-Span-Token');

  const removed = await done(home, ['remove', 'vendor']);
  expect(flat(removed)).toContain(
    '1 log record is still owed to it and stays on disk until 30 days old or the quota is reached',
  );
  expect(flat(removed)).toContain('There is no destination any more');
  expect((await relay.status()).findings.map(({ id }) => id)).toContain('destination.removed-with-backlog');
  expect(await done(home, ['list'])).toContain('vendor: removed; 1 point still owed to it');
  expect((await stat(home.configFile)).mode & 0o777).toBe(0o600);
});

test('a rejected test is told with what came back, and who else got it', async () => {
  const vendor = await ownVendor({ answer: () => status(401, {}, 'unknown token') });
  const other = await ownVendor();
  const home = await ownHome({
    destinations: [
      { name: 'vendor', endpoint: vendor.url, signals: ['logs'] },
      { name: 'other', endpoint: other.url },
      { name: 'metrics-only', endpoint: other.url, signals: ['metrics'] },
    ],
  });
  await running(home);
  const { exitCode, stdout } = await destination(home, ['test', 'vendor']);
  expect(exitCode).toBe(1);
  expect(stdout).toContain('✗ logs  blocked (401) after ');
  expect(stdout).toContain('unknown token');
  expect(flat(stdout)).toContain("other gets it too, and it is in everybody's books.");
  expect(other.seen.every(({ signal }) => signal === 'logs')).toBe(true);
  const asJson = await destination(home, ['test', 'vendor', '--json']);
  expect(JSON.parse(asJson.stdout)).toMatchObject({
    results: [{ destination: 'vendor', signal: 'logs', outcome: 'blocked', status: 401 }],
    alsoTo: ['other'],
  });
  expect(await destination(home, ['test', 'nope'])).toMatchObject({
    exitCode: 1,
    stderr: 'span-relay: There is no destination "nope". The relay has vendor, other, metrics-only.\n',
  });
});

test('where no relay runs, the file is changed all the same, and test says what is missing', async () => {
  const home = await ownHome();
  expect(await done(home, ['add', 'a', '--endpoint', 'https://a.example'])).toContain(
    `The relay does not run on ${home.stateDir}`,
  );
  expect(JSON.parse(await textOf(home)).destinations).toEqual([{ name: 'a', endpoint: 'https://a.example' }]);
  expect((await destination(home, ['test', 'a'])).exitCode).toBe(3);
  expect(await done(home, ['remove', 'a'])).toContain('Nothing was owed to it.');
  expect(await done(home, ['list'])).toContain('The relay does not run.');
});

test('a destination that is renamed twice before a relay runs has the books of its first name', async () => {
  const vendor = await ownVendor({ answer: () => status(503) });
  const home = await ownHome({ destinations: [{ name: 'one', endpoint: vendor.url }] });
  const first = await running(home);
  expect(await post(first.port, 'logs', numberedRequest('logs', 1))).toBe(200);
  await first.stop();

  await done(home, ['rename', 'one', 'two']);
  await done(home, ['rename', 'two', 'three']);
  expect(JSON.parse(await textOf(home)).destinations).toMatchObject([{ name: 'three', formerly: 'one' }]);
  const refused = await destination(home, ['add', 'one', '--endpoint', vendor.url]);
  expect(refused.stderr).toContain('"three" in ');
  expect(refused.stderr).toContain('has yet to take over the books of "one". Start the relay once, then add it.');

  vendor.setAnswer(() => ok());
  await running(home);
  await until('it is delivered', () => vendor.accepted.length === 1);
  // The name is free again: the rename is done, and its trace goes.
  await done(home, ['add', 'one', '--endpoint', vendor.url]);
  expect(JSON.parse(await textOf(home)).destinations).toEqual([
    { name: 'three', endpoint: vendor.url },
    { name: 'one', endpoint: vendor.url },
  ]);
});

const handwritten = `{
    // not yet
    "destinations": []
}`;

const layout = `{
    "comment": "unknown keys stay",
    "listen": {"http":0,   "grpc":0},
    "destinations": [
        { "name": "a", "endpoint": "https://a.example", "mine": [1,2] }
    ],
    "spool": { "maxAgeDays": 30.0 }
}
`;

test('everything else in the file stays as it was, to the last blank, also behind a link', async () => {
  const home = await ownHome(layout);
  const linked = join(home.folder, 'linked.json');
  await symlink(home.configFile, linked);
  const through = { ...home, configFile: linked };
  await done(through, [
    'add',
    'b',
    '--endpoint',
    'https://b.example',
    '--attribute',
    'team=core',
    '--timeout-ms',
    '500',
  ]);
  const entry =
    '{ "name": "b", "endpoint": "https://b.example", "resourceAttributes": { "team": "core" }, "timeoutMs": 500 }';
  expect(await textOf(home)).toBe(
    layout.replace(
      '"mine": [1,2] }\n',
      `"mine": [1,2] },\n        {\n            "name": "b",\n            "endpoint": "https://b.example",\n            "resourceAttributes": { "team": "core" },\n            "timeoutMs": 500\n        }\n`,
    ),
  );
  expect(entry.length).toBeGreaterThan(90);
  await done(through, ['rename', 'b', 'c']);
  expect(await textOf(home)).toContain('            "name": "c",\n            "formerly": "b",\n');
  await done(through, ['remove', 'c']);
  expect(await textOf(home)).toBe(layout);
  expect((await stat(home.configFile)).mode & 0o777).toBe(0o600);
});

test.each([
  ['broken JSON', handwritten, ['add', 'a', '--preset', 'span'], 'is not valid JSON (line 2, column 5: expected a key'],
  ['a list', '[]', ['add', 'a', '--preset', 'span'], 'holds a list of 0 instead of a JSON object.'],
  ['no list of destinations', '{"destinations": {}}', ['list'], '"destinations" in '],
  [
    'a mistake',
    '{}',
    ['add', 'a'],
    '"a" was not added: --endpoint should be an http(s) URL, or a preset that has one, such as --preset span, and is missing.',
  ],
  ['a mistake', '{}', ['add', 'a b', '--preset', 'span'], '"a b" was not added: NAME should be a name of letters'],
  ['a parameter', '{}', ['add', 'a', '--preset', 'datadog'], '--param site should be the Datadog site'],
  [
    'a port',
    '{"listen":{"grpc":4317}}',
    ['add', 'a', '--protocol', 'grpc', '--endpoint', 'http://localhost:4317'],
    "than the relay's own",
  ],
  [
    'a name',
    '{"destinations":[{"name":"A","preset":"span"}]}',
    ['add', 'a', '--preset', 'span'],
    'There is already a destination "a"',
  ],
  [
    'a name',
    '{"destinations":[{"name":"a","preset":"span"},{"name":"b","preset":"span"}]}',
    ['rename', 'a', 'B'],
    'There is another destination "b"',
  ],
  [
    'a name',
    '{"destinations":[{"name":"a","preset":"span"}]}',
    ['rename', 'a', 'b c'],
    '"a" was not renamed: name should be',
  ],
  ['no name', '{"destinations":[{"name":"a","preset":"span"}]}', ['remove', 'b'], 'There is no destination "b" in '],
])('%s in %s: nothing is changed', async (_, text, words, message) => {
  const home = await ownHome(text);
  const { exitCode, stdout, stderr } = await destination(home, words);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).toContain(message);
  expect(await textOf(home)).toBe(text);
});

test('a credential that may be meant for several is told, and a mistake once', async () => {
  const authorization = { credentialHeader: 'Authorization' };
  const home = await ownHome({
    destinations: [
      { name: 'a', endpoint: 'https://a.example', ...authorization },
      { name: 'b', endpoint: 'https://b.example', ...authorization },
      { name: 'c', endpoint: 'https://c.example', ...authorization, tokenFile: '/run/token' },
      { name: 'd', endpoint: 'https://d.example', headers: { 'X-Key': 'CANARY' } },
      { name: 'e', preset: 'datadog', signals: ['logs'] },
    ],
  });
  const listed = await done(home, ['list']);
  expect(flat(listed)).toContain(
    'token: none; what Claude Code presents in Authorization may be meant for b just as well',
  );
  expect(listed).toContain('  token: in /run/token\n');
  expect(listed).toContain('  no token; always sends X-Key\n');
  expect(listed).toContain('✗ e: its data is held until a mistake is corrected\n');
  expect(listed.match(/parameters\.site/g)).toHaveLength(1);
  expect(JSON.parse(await done(home, ['list', '--json']))).toMatchObject({
    destinations: [
      { credential: { sources: [], presented: false } },
      { credential: { sources: [], presented: false } },
      { credential: { tokenFile: '/run/token', presented: false } },
      { credential: null, headers: ['X-Key'] },
      { name: 'e', mistake: expect.stringContaining('parameters.site') },
    ],
  });
});

test('a config file is made where there is none, for this user alone', async () => {
  const home = await ownHome();
  const configFile = join(home.folder, 'new', 'config.json');
  await done({ ...home, configFile }, ['add', 'span', '--preset', 'span']);
  expect(await readFile(configFile, 'utf8')).toBe(
    '{\n  "destinations": [\n    { "name": "span", "preset": "span" }\n  ]\n}\n',
  );
  expect((await stat(configFile)).mode & 0o777).toBe(0o600);
  expect((await stat(join(home.folder, 'new'))).mode & 0o777).toBe(0o700);
});

test('a token is neither in arguments nor in output', async () => {
  const home = await ownHome();
  expect(await done(home, ['add', 'span', '--preset', 'span', '--token', '-'], '  CANARY \n')).not.toContain('CANARY');
  expect(await textOf(home)).toContain('"token": "CANARY"');
  for (const words of [['list'], ['list', '--json']]) expect(await done(home, words)).not.toContain('CANARY');
  const empty = await destination(home, ['add', 'other', '--preset', 'span', '--token', '-'], '\n');
  expect(empty.stderr).toContain('There was no token on standard input.');
});

test('a relay that follows another config file is told apart from one that has taken the change up', async () => {
  const home = await ownHome();
  await running(home);
  const other = { ...home, configFile: join(home.folder, 'other.json') };
  expect(flat(await done(other, ['add', 'span', '--preset', 'span']))).toContain(
    `follows another config file than ${other.configFile}.`,
  );
});

test('a policy: its destinations are listed, kept from changes, and joined with what is added', async () => {
  const vendor = await ownVendor();
  const home = await ownHome({ resourceAttributes: { team: 'config' } });
  const policy = join(home.folder, 'policy.json');
  await writeFile(policy, JSON.stringify({ destinations: [{ name: 'span', preset: 'span', endpoint: vendor.url }] }));
  const relay = await running(home, '--policy', policy);
  const withPolicy = ['--policy', policy];
  expect((await relay.status()).machine.managedBy).toBe(policy);
  expect(await done(home, ['list', ...withPolicy])).toMatch(/^· span: unconfigured \(from the policy\)\n/);
  for (const words of [
    ['remove', 'span'],
    ['rename', 'span', 'x'],
  ]) {
    const { exitCode, stderr } = await destination(home, [...words, ...withPolicy]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`"span" comes from the policy ${policy}: an administrator has to change it there.`);
  }

  await done(home, ['add', 'span', '--token', '-', ...withPolicy], 'mine');
  await done(home, ['test', 'span']);
  expect(vendor.accepted[0]?.headers['x-span-token']).toBe('mine');
  expect(JSON.parse(await done(home, ['list', '--json', ...withPolicy]))).toMatchObject({
    policyFile: policy,
    destinations: [{ name: 'span', from: ['policy', 'config'], credential: { sources: ['config'] }, state: 'ok' }],
  });
  expect(flat(await done(home, ['remove', 'span', ...withPolicy]))).toContain(
    `It stays as the policy ${policy} alone says.`,
  );

  await writeFile(policy, '{ "listen": { "http": "x" } }');
  await relay.untilStatus('the mistake is told', ({ findings }) => findings.some(({ id }) => id === 'policy.invalid'));
  await writeFile(policy, '{}');
  await relay.untilStatus('nothing is managed', ({ machine }) => machine.managedBy === null);
});

test('import: a destination, and what Claude Code has to be told instead', async () => {
  const home = await ownHome({ listen: { http: 20_318 } });
  const before = await textOf(home);
  const dry = await done(home, ['import', fixture('linearb'), '--dry-run']);
  expect(dry).toContain('Would add linearb to ');
  expect(dry).not.toContain('canary');
  expect(await textOf(home)).toBe(before);

  const text = await done(home, ['import', fixture('linearb')]);
  expect(text).toContain('Added linearb to ');
  expect(text).toContain('"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:20318"');
  expect(text).toContain('These have to go: OTEL_EXPORTER_OTLP_HEADERS.');
  expect(text).not.toContain('canary');
  const again = await destination(home, ['import', fixture('linearb')]);
  expect(again.stderr).toContain('There is already a destination "linearb" in ');

  const settings = await readFile(fixture('linearb'), 'utf8');
  const rotated = settings.replace('canary-linearb-token', 'canary-rotated');
  const replaced = JSON.parse(await done(home, ['import', '-', '--replace', '--json'], rotated));
  expect(replaced).toMatchObject({
    imported: 'linearb',
    written: true,
    replaced: true,
    entry: { token: '…' },
    managedSettings: { env: { OTEL_LOGS_EXPORTER: 'otlp', OTEL_LOG_TOOL_DETAILS: '1' } },
    remove: ['OTEL_EXPORTER_OTLP_HEADERS'],
    uptake: 'not-running',
  });
  const { destinations } = JSON.parse(await textOf(home));
  expect(destinations).toMatchObject([{ name: 'linearb', token: 'canary-rotated' }]);
  expect(JSON.stringify(replaced)).not.toContain('canary');
});

test.each([
  ['/nowhere/settings.json', undefined, 'There is no file /nowhere/settings.json. Save the settings'],
  ['-', '{"env": {"A": "1"}}', 'Standard input has an "env" without telemetry'],
  [
    '-',
    '{"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:14318"}}',
    'Standard input already exports to this relay',
  ],
  ['-', '{"env": {', 'Standard input is not valid JSON (line 1, column 10'],
  [
    '-',
    '{"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.acme.example"}}',
    '"acme" was not imported: endpoint should be https, or --allow-insecure to send',
  ],
])('import of %s %s is refused', async (source, input, message) => {
  const home = await ownHome('{}');
  const { exitCode, stderr } = await destination(home, ['import', source], input);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(message);
  expect(await textOf(home)).toBe('{}');
});

test('no screen is wider than 80 columns', async () => {
  const home = await ownHome();
  const screens = [
    (await runCommand(['destination', '--help'])).stdout,
    await done(home, ['import', fixture('gateway-mtls')]),
    await done(home, ['add', 'dd', '--preset', 'datadog', '--param', 'site=us5.datadoghq.com']),
    await done(home, ['rename', 'dd', 'datadog']),
    await done(home, ['list']),
    await done(home, ['remove', 'datadog']),
  ];
  const lines = screens
    .join('\n')
    .split('\n')
    .filter((line) => !line.includes(home.folder));
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
});
