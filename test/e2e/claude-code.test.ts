import { describe, expect, test } from 'vitest';
import type { LedgerRow } from '../../src/shared/ledger.ts';
import { type Signal, signals } from '../../src/shared/signal.ts';
import { findClaudeCode, type OtlpProtocol, runClaude, telemetryTo, withTraces } from '../support/claude-code.ts';
import { startMessagesApi } from '../support/messages-api.ts';
import { type ExportedRequest, startGrpcRecorder, startRecorder } from '../support/recorder.ts';
import { makeHome, type RelayHome, startRelay } from '../support/relay.ts';
import { itemsOf } from '../support/telemetry.ts';
import { until } from '../support/until.ts';
import { requireToken, startVendor, status, type Vendor, type VendorRequest } from '../support/vendor.ts';

const claude = await findClaudeCode();
const skipped = 'skipped' in claude ? claude.skipped : undefined;
const binary = 'skipped' in claude ? '' : claude.binary;
const title =
  'skipped' in claude
    ? `Claude Code through the relay (skipped: ${claude.skipped})`
    : `Claude Code ${claude.version} through the relay`;

const token = 'token-of-a-test';
const header = { OTEL_EXPORTER_OTLP_HEADERS: `X-Span-Token=${token}` };
const gzip = { OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' };
const attributed = { OTEL_RESOURCE_ATTRIBUTES: 'work_email=dev%40example.com,team.name=platform' };

/** Claude Code → recorder → relay → a vendor that takes nothing without the token. */
async function startChain(credential: object = { token }) {
  const stack = new AsyncDisposableStack();
  const api = stack.use(await startMessagesApi());
  const vendor = await startVendor({ answer: requireToken('X-Span-Token', () => token) });
  stack.defer(() => vendor.stop());
  const span = { name: 'span', preset: 'span', endpoint: vendor.url };
  const home = stack.use(await makeHome({ destinations: [{ ...span, ...credential }] }));
  let relay = stack.use(startRelay(home));
  await relay.ready;
  const byHttp = stack.use(await startRecorder(() => relay.port));
  const byGrpc = stack.use(await startGrpcRecorder(() => relay.grpcPort));
  return {
    vendor,
    span,
    home,
    exported: () => [...byHttp.exported, ...byGrpc.exported],
    stack,
    killRelay: () => relay.kill(),
    async startRelayAgain() {
      relay = stack.use(startRelay(home));
      await relay.ready;
    },
    run(protocol: OtlpProtocol, extra: Readonly<Record<string, string>> = {}) {
      const { url } = protocol === 'grpc' ? byGrpc : byHttp;
      return runClaude({ binary, apiUrl: api.url, env: telemetryTo(url, protocol, { ...withTraces, ...extra }) });
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

const ranWell = { exitCode: 0, stdout: 'Hello.\n', stderr: '' };

async function expectAllArrived(
  home: RelayHome,
  vendor: Pick<Vendor, 'accepted'>,
  exported: readonly ExportedRequest[],
) {
  const counts: Record<string, number> = {};
  for (const signal of signals) {
    const sent = await itemsOf(signal, exported);
    expect(sent, `${signal} were exported`).not.toHaveLength(0);
    await until(`all ${signal} arrive`, async () => (await itemsOf(signal, vendor.accepted)).length >= sent.length);
    expect(await itemsOf(signal, vendor.accepted), signal).toEqual(sent);
    counts[signal] = sent.length;
  }
  // The last answer is booked a moment after the vendor gave it.
  let books: readonly LedgerRow[] = [];
  await until('nothing is pending', async () => {
    books = (await home.verifiedLedger()).ledger;
    return books.every(({ pending }) => pending === 0);
  });
  for (const signal of signals) {
    const row = books.find((row) => row.destination === 'span' && row.signal === signal);
    const all = counts[signal];
    expect(row, signal).toMatchObject({ accepted: all, delivered: all, rejected: 0, refused: 0 });
  }
}

function bytesOf(signal: Signal, requests: readonly Pick<VendorRequest, 'body' | 'signal'>[]): Buffer {
  return Buffer.concat(requests.filter((request) => request.signal === signal).map(({ body }) => body));
}

describe.skipIf(skipped !== undefined)(title, { timeout: 60_000 }, () => {
  test.for([
    ['http/protobuf', 'no compression', {}],
    ['http/protobuf', 'gzip', gzip],
    ['http/json', 'no compression', {}],
    ['http/json', 'gzip', gzip],
    ['grpc', 'no compression', {}],
    ['grpc', 'gzip', gzip],
  ] as const)('%s, %s: what arrives is what was exported, attribute by attribute', async ([protocol, , extra]) => {
    await using chain = await startChain();
    const { vendor, home } = chain;

    expect(await chain.run(protocol, { ...extra, ...header, ...attributed })).toMatchObject(ranWell);

    await expectAllArrived(home, vendor, chain.exported());
    for (const signal of signals) {
      const first = (await itemsOf(signal, vendor.accepted))[0];
      expect(JSON.stringify(first?.resource)).toContain('dev@example.com');
      if (protocol !== 'http/json') {
        expect(bytesOf(signal, vendor.accepted)).toEqual(bytesOf(signal, chain.exported()));
      }
    }
    if (protocol === 'grpc') return;
    for (const { headers } of chain.exported()) {
      expect(headers['content-type']).toBe(protocol === 'http/json' ? 'application/json' : 'application/x-protobuf');
      expect(headers['content-encoding']).toBe('OTEL_EXPORTER_OTLP_COMPRESSION' in extra ? 'gzip' : undefined);
    }
  });

  test.for(['http/protobuf', 'grpc'] as const)(
    '%s: the token that Claude Code presents is used where the config has none',
    async (protocol) => {
      await using chain = await startChain({});

      expect(await chain.run(protocol, header)).toMatchObject(ranWell);

      await expectAllArrived(chain.home, chain.vendor, chain.exported());
      expect(chain.vendor.accepted.map(({ headers }) => headers['x-span-token'])).toContain(token);
    },
  );

  test('without any token Claude Code is none the wiser, and everything arrives once there is one', async () => {
    await using chain = await startChain({});

    expect(await chain.run('http/protobuf')).toMatchObject(ranWell);
    expect(chain.vendor.accepted).toEqual([]);
    await chain.home.writeConfig({ destinations: [{ ...chain.span, token }] });

    await expectAllArrived(chain.home, chain.vendor, chain.exported());
  });

  test('three at once, each by another protocol', async () => {
    await using chain = await startChain();

    const runs = await Promise.all([chain.run('http/protobuf'), chain.run('http/json', gzip), chain.run('grpc')]);

    for (const run of runs) expect(run).toMatchObject(ranWell);
    await expectAllArrived(chain.home, chain.vendor, chain.exported());
  });

  test('the vendor is down during the run and comes back later', async () => {
    await using chain = await startChain();
    const { port } = chain.vendor;
    await chain.vendor.stop();

    expect(await chain.run('http/protobuf')).toMatchObject(ranWell);
    const back = await startVendor({ port });
    chain.stack.defer(() => back.stop());

    await expectAllArrived(chain.home, back, chain.exported());
  });

  test('the relay is killed right after the run and started again', async () => {
    await using chain = await startChain();
    const { vendor } = chain;
    vendor.setAnswer(() => status(503));

    expect(await chain.run('http/protobuf')).toMatchObject(ranWell);
    await chain.killRelay();
    vendor.setAnswer(requireToken('X-Span-Token', () => token));
    await chain.startRelayAgain();

    await expectAllArrived(chain.home, vendor, chain.exported());
  });
});
