import { open, readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { transcodeJson } from '../../src/main/core/otlp/json.ts';
import { startProxy } from '../support/proxy.ts';
import { makeHome, type Relay, startRelay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { ok, startVendor, status, type VendorAnswer } from '../support/vendor.ts';
import { canariesIn, confidential, credentials, everyCanary, filesIn } from './canaries.ts';

/** Payloads may be in these. */
const spoolFile = /^(spool\.db(-wal|-shm)?|spool\.rebuilt\.db.*|damaged\/.*)$/;
/** Credentials may be in these, for this user alone. */
const credentialsFile = /^(credentials|last-good-config|last-good-policy)\.json$/;

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

/** What Claude Code sends with prompts and code switched on. */
const payload = {
  resourceLogs: [
    {
      resource: { attributes: [text('service.name', 'claude-code'), text('work_email', confidential.resourceValue)] },
      scopeLogs: [
        {
          logRecords: [
            {
              timeUnixNano: '1',
              body: { stringValue: confidential.prompt },
              attributes: [text('user.email', confidential.email), text('tool_input', confidential.code)],
            },
          ],
        },
      ],
    },
  ],
};

function encoded(): Uint8Array {
  const result = transcodeJson('logs', Buffer.from(JSON.stringify(payload)));
  if (!result.ok) throw new Error(result.problem);
  return result.body;
}

const protobuf = 'application/x-protobuf';
const json = 'application/json';

interface Sent {
  readonly path?: string;
  readonly contentType?: string;
  readonly body: Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The whole answer as text, headers included. */
function send(port: number, { path = '/v1/logs', contentType = protobuf, body, headers = {} }: Sent): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method: 'POST',
        agent: false,
        headers: { 'content-type': contentType, ...headers },
      },
      (response) => {
        let answer = `${response.statusCode} ${response.rawHeaders.join(' ')}\n`;
        response.setEncoding('latin1').on('data', (piece: string) => {
          answer += piece;
        });
        response.on('end', () => resolve(answer));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

test('credentials and payloads show up nowhere but where they belong', { timeout: 120_000 }, async () => {
  /** Everything that anybody gets to read, by its name. */
  const outputs: [name: string, text: string][] = [];

  // A vendor that repeats what it was given, in whatever it says.
  let code = 200;
  const vendor = await startVendor({
    answer: ({ headers }): VendorAnswer => {
      const given = ['x-span-token', 'authorization', 'x-api-key', 'x-managed-token', 'x-filed-token'];
      const echo = given.map((name) => headers[name]).join(' ');
      return code === 200 ? ok() : status(code, { 'www-authenticate': echo }, `refused: ${echo}`);
    },
  });
  onTestFinished(() => vendor.stop());
  const span = {
    name: 'span',
    preset: 'span',
    endpoint: vendor.url,
    signals: ['logs'],
    token: credentials.configToken,
  };
  const collector = {
    name: 'collector',
    endpoint: vendor.url,
    signals: ['logs'],
    headers: { Authorization: `Bearer ${credentials.headerValue}`, 'x-api-key': credentials.headerValue },
  };
  /** Plain HTTP where TLS is expected. */
  const tls = { ...collector, name: 'tls', endpoint: vendor.url.replace('http:', 'https:') };
  const proxy = await startProxy({ login: 'someone:else' });
  onTestFinished(() => proxy.stop());
  /** Behind a proxy that does not take our login. */
  const login = `someone:${credentials.proxyPassword}`;
  const proxied = { ...collector, name: 'proxied', proxy: proxy.url.replace('://', `://${login}@`) };
  const others = { ...collector, headers: {} };
  const managed = { ...others, name: 'managed', credentialHeader: 'X-Managed-Token', token: credentials.policyToken };
  const filed = { ...others, name: 'filed', credentialHeader: 'X-Filed-Token', credentialScheme: 'Bearer' };
  await using home = await makeHome();
  const policyFile = join(home.folder, 'policy.json');
  const tokenFile = join(home.folder, 'token');
  await writeFile(policyFile, JSON.stringify({ destinations: [managed] }));
  await writeFile(tokenFile, credentials.fileToken);
  /** With what belongs to every config of this test. */
  const writeConfig = (...destinations: object[]) =>
    home.writeConfig({ destinations: [...destinations, { ...filed, tokenFile }] });
  await writeConfig(span, collector, tls, proxied);

  const relays: Relay[] = [];
  onTestFinished(async () => {
    for (const relay of relays) await relay.kill();
  });
  const start = async (): Promise<Relay> => {
    const relay = startRelay(home, { args: ['--policy', policyFile] });
    relays.push(relay);
    await relay.ready;
    return relay;
  };
  const ask = async (...words: string[]): Promise<void> => {
    const { stdout, stderr } = await home.command(...words);
    outputs.push([words.join(' '), stdout + stderr]);
  };
  const list = (...words: string[]) => ask('destination', 'list', '--policy', policyFile, ...words);
  const askAll = async (): Promise<void> => {
    await Promise.all([ask('status'), ask('status', '--json'), ask('quarantine', 'list', '--json')]);
    await Promise.all([list(), list('--json')]);
  };

  let relay = await start();
  const deliver = async (answer: number, arrived: (seen: number) => boolean): Promise<void> => {
    code = answer;
    const before = vendor.seen.length;
    outputs.push([`answer to a request (${answer})`, await send(relay.port, { body: encoded() })]);
    await until(`the vendor has answered ${answer}`, () => arrived(vendor.seen.length - before));
  };
  await deliver(200, (seen) => seen >= 4);
  await deliver(400, (seen) => seen >= 4);
  await deliver(413, (seen) => seen >= 4);
  await until('they are in quarantine', async () => (await relay.call('quarantineList', {})).requests.length === 8);
  await deliver(401, (seen) => seen >= 4);
  await relay.untilStatus('401 is told', ({ findings }) =>
    findings.some(({ id }) => id === 'destination.credentials-refused'),
  );
  await askAll();
  await ask('send-test', '--timeout', '2');

  // The token that Claude Code presents is tried where the config's is refused.
  const presented = { 'X-Span-Token': credentials.presentedToken, authorization: credentials.foreignAuthorization };
  outputs.push(['answer to a presented token', await send(relay.port, { body: encoded(), headers: presented })]);
  await until('the presented token is tried', () =>
    vendor.seen.some(({ headers }) => headers['x-span-token'] === credentials.presentedToken),
  );
  await askAll();

  // A token file that is rotated, and one that holds what is no token.
  await writeFile(tokenFile, `${credentials.secondFileToken}\n`);
  await until('the token of the file is tried', () =>
    vendor.seen.some(({ headers }) => headers['x-filed-token'] === `Bearer ${credentials.secondFileToken}`),
  );
  await askAll();
  await writeFile(tokenFile, `${credentials.brokenTokenFile}\n${credentials.brokenTokenFile}`);
  await relay.untilStatus('the token file is told', ({ findings }) =>
    findings.some(({ id }) => id === 'destination.token-file-unusable'),
  );
  await askAll();

  code = 500;
  await writeConfig({ ...span, token: credentials.rotatedToken }, collector, tls, proxied);
  await until('the rotated token is tried', () =>
    vendor.seen.some(({ headers }) => headers['x-span-token'] === credentials.rotatedToken),
  );
  await relay.untilStatus('500 is told', ({ destinations }) =>
    destinations.some(({ lastError }) => lastError?.status === 500),
  );
  await relay.untilStatus('the TLS failure is told', ({ destinations }) =>
    destinations.some(({ name, lastError }) => name === 'tls' && lastError !== null),
  );
  await relay.untilStatus('the refusal of the proxy is told', ({ findings }) =>
    findings.some(({ id }) => id === 'destination.proxy-refused'),
  );
  await askAll();

  // What no exporter should send.
  const garbage = Buffer.concat([Buffer.from([0x0a, 0xff]), Buffer.from(confidential.malformed)]);
  const mistyped = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: confidential.mistyped }] }] }] };
  const malformed: readonly Sent[] = [
    { body: garbage },
    { body: garbage, headers: { 'content-encoding': 'gzip' } },
    { body: `{"resourceLogs": ["${confidential.malformed}", `, contentType: json },
    { body: `${confidential.malformed}`, contentType: json },
    { body: JSON.stringify(mistyped), contentType: json },
    { body: JSON.stringify({ resourceLogs: confidential.mistyped }), contentType: json },
    {
      body: JSON.stringify({ [confidential.mistyped]: [1, 2, confidential.prompt], resourceLogs: 7 }),
      contentType: json,
    },
    { body: confidential.malformed, contentType: `text/${credentials.queryToken}` },
    { body: confidential.malformed, path: `/v1/logs?token=${credentials.queryToken}` },
    { body: confidential.malformed, path: `/v1/logs/v1/logs?token=${credentials.queryToken}` },
    { body: confidential.malformed, headers: { ...presented, origin: `https://${credentials.queryToken}.example` } },
    { body: confidential.malformed, headers: { ...presented, host: `${credentials.queryToken}.example` } },
    { body: confidential.malformed, headers: { ...presented, 'content-encoding': credentials.queryToken } },
  ];
  for (const [index, sent] of malformed.entries()) {
    const answer = await send(relay.port, sent);
    expect(answer, `malformed request ${index}`).toMatch(/^4\d\d /);
    outputs.push([`answer to malformed request ${index}`, answer]);
  }
  await askAll();

  // Mistakes in the config, with secrets in all the wrong places.
  const mistakes: readonly (object | string)[] = [
    { destinations: [{ ...span, token: [credentials.mistypedToken] }, collector] },
    { destinations: [{ ...span, token: `${credentials.mistypedToken} and more` }, collector] },
    { destinations: [{ ...collector, headers: { Authorization: `${credentials.mistypedToken}\r\nx: y` } }] },
    { destinations: [{ ...collector, headers: credentials.mistypedToken }] },
    {
      destinations: [
        {
          ...collector,
          endpoint: `https://someone:${credentials.urlPassword}@127.0.0.1:1/x?key=${credentials.urlPassword}`,
        },
      ],
    },
    { destinations: [{ ...collector, token: credentials.mistypedToken }] },
    { destinations: [{ ...collector, proxy: `socks5://${login}@127.0.0.1:1080` }] },
    { network: { proxy: `someone:${credentials.proxyPassword}@127.0.0.1:3128` }, destinations: [collector] },
    { destinations: [{ ...collector, clientKey: `-----BEGIN PRIVATE KEY-----${credentials.mistypedToken}` }] },
    `{"destinations": [{"name": "span", "preset": "span", "token": "${credentials.brokenFileToken}" "signals": []}]}`,
    `{"destinations": [{"name": "span", "token": ${credentials.brokenFileToken}}]}`,
    `"${credentials.brokenFileToken}"`,
  ];
  let problems = '';
  for (const [index, mistake] of mistakes.entries()) {
    await home.writeConfig(mistake);
    await relay.untilStatus(`mistake ${index} is told`, ({ findings }) => {
      const told = findings.find(({ id }) => id === 'relay.config-invalid')?.detail;
      if (told === undefined || told === problems) return false;
      problems = told;
      return true;
    });
    await ask('status', '--json');
  }
  await ask('status');

  // A relay that starts on a broken config, and on a damaged spool.
  outputs.push(['command line', await readFile(`/proc/${relay.pid}/cmdline`, 'latin1').catch(() => '')]);
  outputs.push(['environment', await readFile(`/proc/${relay.pid}/environ`, 'latin1').catch(() => '')]);
  await relay.kill();
  const database = await open(join(home.stateDir, 'spool.db'), 'r+');
  await database.write(Buffer.alloc(4_096, 0xa5), 0, 4_096, 0);
  await database.close();
  relay = await start();
  await relay.untilStatus('the repair is told', ({ findings }) => findings.some(({ id }) => id === 'spool.corrupted'));
  await askAll();

  const { requests } = await relay.call('quarantineList', {});
  expect(requests.length).toBeGreaterThan(0);
  for (const { id } of requests) {
    await Promise.all([ask('quarantine', 'show', String(id)), ask('quarantine', 'show', String(id), '--json')]);
  }
  await Promise.all([ask('quarantine', 'list'), ask('ledger'), ask('ledger', '--verify', '--json', '--hours', '2')]);
  await relay.stop();
  await ask('ledger', '--verify');
  await ask('quarantine', 'show', String(requests[0]?.id));
  for (const [index, { stdout, stderr }] of relays.entries()) {
    outputs.push([`standard output of relay ${index}`, stdout()], [`log of relay ${index}`, stderr()]);
  }

  // Did they get where they belong? Otherwise this test proves nothing.
  const told = outputs.map(([, words]) => words).join('\n');
  expect(told).toContain('[hidden]');
  expect(told).toContain('‹masked');
  const received = vendor.seen.map(({ headers, body }) => JSON.stringify(headers) + body.toString('latin1')).join('\n');
  for (const name of [
    'configToken',
    'rotatedToken',
    'presentedToken',
    'policyToken',
    'fileToken',
    'secondFileToken',
    'headerValue',
    'prompt',
    'email',
  ] as const) {
    expect(received, `the vendor was sent ${name}`).toContain(everyCanary[name]);
  }
  const files = await filesIn(home.stateDir);
  const spool = files.filter(({ path }) => spoolFile.test(path));
  expect(Buffer.concat(spool.map(({ content }) => content)).includes(confidential.prompt)).toBe(true);
  expect(
    files.some(({ path, content }) => credentialsFile.test(path) && content.includes(credentials.presentedToken)),
  ).toBe(true);

  expect(outputs.flatMap(([name, words]) => canariesIn(name, words))).toEqual([]);
  expect(
    files
      .filter(({ path }) => !spoolFile.test(path) && !credentialsFile.test(path))
      .flatMap(({ path, content }) => canariesIn(path, content)),
  ).toEqual([]);
  expect(spool.flatMap(({ path, content }) => canariesIn(path, content, credentials))).toEqual([]);
  // What others keep for us is not kept by us.
  const { fileToken, secondFileToken, brokenTokenFile } = credentials;
  const filedTokens = { fileToken, secondFileToken, brokenTokenFile };
  expect(files.flatMap(({ path, content }) => canariesIn(path, content, filedTokens))).toEqual([]);
  expect(
    files
      .filter(({ path }) => credentialsFile.test(path))
      .flatMap(({ path, content }) => canariesIn(path, content, { ...confidential })),
  ).toEqual([]);
  if (process.platform !== 'win32') {
    expect(files.filter(({ mode }) => (mode & 0o077) !== 0).map(({ path }) => path)).toEqual([]);
  }
});
