import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { controlClient } from '../../src/main/core/control/client.ts';
import { controlPath } from '../../src/main/core/control/control-path.ts';
import { type ControlServer, startControlServer } from '../../src/main/core/control/server.ts';
import { silentLog } from '../../src/main/core/log.ts';
import {
  ControlFailure,
  type ControlHandlers,
  type LedgerReport,
  maxControlRequestBytes,
} from '../../src/shared/control.ts';

let stateDir: string;
const cleanUp: (() => unknown)[] = [];

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'relay-control-'));
  cleanUp.push(() => rm(stateDir, { recursive: true, force: true }));
});

afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

const unused = () => Promise.reject(new Error('not part of this test'));

function handlers(some: Partial<ControlHandlers> = {}): ControlHandlers {
  return {
    status: unused,
    ledger: () => Promise.resolve({ ledger: [], hours: [] }),
    verify: () => Promise.resolve({ problems: [] }),
    sendTest: unused,
    quarantineList: unused,
    quarantineShow: unused,
    quarantineRetry: ({ id }) => Promise.resolve({ done: id === 1 }),
    quarantineDiscard: unused,
    quarantinePayload: unused,
    reload: unused,
    handOver: () => Promise.resolve({}),
    stop: () => Promise.resolve({}),
    ...some,
  };
}

async function serve(some: Partial<ControlHandlers> = {}, folder = stateDir): Promise<ControlServer> {
  const start = await startControlServer({ stateDir: folder, handlers: handlers(some), log: silentLog });
  if (start.kind === 'failed') throw new Error(start.message);
  cleanUp.push(() => start.server.close());
  return start.server;
}

function client(folder = stateDir) {
  const made = controlClient(folder);
  cleanUp.push(() => made.close());
  return made;
}

/** A connection without the client's manners, and the lines that came back. */
async function rawConnection(path: string): Promise<{ socket: Socket; lines: () => unknown[]; closed: () => boolean }> {
  const socket = connect(path);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => socket.destroy());
  await new Promise((resolve) => socket.once('connect', resolve));
  cleanUp.push(() => socket.destroy());
  return {
    socket,
    lines: () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
    closed: () => socket.closed,
  };
}

const eventually = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 20_000, interval: 10 });

test('a call reaches its handler with its arguments, and its answer comes back', async () => {
  await serve();
  expect(await client().call('quarantineRetry', { id: 1 })).toEqual({ kind: 'ok', value: { done: true } });
  expect(await client().call('quarantineRetry', { id: 2 })).toEqual({ kind: 'ok', value: { done: false } });
});

test('calls of one connection overlap and may answer in any order', async () => {
  let release: ((report: LedgerReport) => void) | undefined;
  await serve({ ledger: () => new Promise((resolve) => (release = resolve)) });
  const one = client();
  const slow = one.call('ledger', {});
  expect(await one.call('verify', {})).toEqual({ kind: 'ok', value: { problems: [] } });
  release?.({ ledger: [], hours: [] });
  expect(await slow).toEqual({ kind: 'ok', value: { ledger: [], hours: [] } });
});

test('many clients with many calls each are all answered', async () => {
  await serve({ quarantineRetry: ({ id }) => Promise.resolve({ done: id % 2 === 0 }) });
  const replies = await Promise.all(
    Array.from({ length: 20 }, () => client()).flatMap((one) =>
      Array.from({ length: 50 }, (_, id) => one.call('quarantineRetry', { id }).then((reply) => [id, reply] as const)),
    ),
  );
  expect(replies).toHaveLength(1_000);
  for (const [id, reply] of replies) expect(reply).toEqual({ kind: 'ok', value: { done: id % 2 === 0 } });
});

test('nobody there is a value, not an exception', async () => {
  expect(await client().call('verify', {})).toEqual({ kind: 'not-running' });
  expect(await client(join(stateDir, 'nowhere')).call('verify', {})).toEqual({ kind: 'not-running' });
});

test('a client survives a restart of the relay', async () => {
  const one = client();
  const server = await serve();
  expect((await one.call('verify', {})).kind).toBe('ok');
  await server.close();
  expect((await one.call('verify', {})).kind).toBe('not-running');
  await serve();
  expect((await one.call('verify', {})).kind).toBe('ok');
});

test('an answer that does not come in time is an error, and the connection stays of use', async () => {
  await serve({ ledger: () => new Promise(() => undefined) });
  const one = client();
  const reply = await one.call('ledger', {}, { timeoutMs: 50 });
  expect(reply).toMatchObject({ kind: 'error', code: 'timed-out' });
  expect((await one.call('verify', {})).kind).toBe('ok');
});

test('a failure that the handler explains reaches the caller; any other is kept to the log', async () => {
  const logged: unknown[] = [];
  const log = { ...silentLog, error: (...entry: unknown[]) => void logged.push(entry) };
  const failing = handlers({
    ledger: () => Promise.reject(new ControlFailure('unavailable', 'The spool is being repaired.')),
    verify: () => Promise.reject(new Error('internal detail')),
  });
  const start = await startControlServer({ stateDir, handlers: failing, log });
  if (start.kind === 'listening') cleanUp.push(() => start.server.close());
  const one = client();
  expect(await one.call('ledger', {})).toEqual({
    kind: 'error',
    code: 'unavailable',
    message: 'The spool is being repaired.',
  });
  const reply = await one.call('verify', {});
  expect(reply).toMatchObject({ kind: 'error', code: 'failed' });
  expect(JSON.stringify(reply)).not.toContain('internal detail');
  expect(JSON.stringify(logged)).toContain('internal detail');
});

test('arguments are validated: a wrong one is refused with its name', async () => {
  await serve();
  expect(await client().call('quarantineRetry', { id: -1 })).toMatchObject({
    kind: 'error',
    code: 'bad-request',
    message: expect.stringContaining('id'),
  });
  expect(await client().call('ledger', { hours: 1e9 })).toMatchObject({ kind: 'error', code: 'bad-request' });
});

test.each([
  ['garbage', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', null, 'bad-request'],
  ['binary garbage', '\u0000\u0001\uFFFD\n', null, 'bad-request'],
  ['JSON that is no request', '[1, 2]\n', null, 'bad-request'],
  ['an unknown method', '{"id": 7, "method": "format"}\n', 7, 'unknown-method'],
  ['a method of every object', '{"id": 7, "method": "constructor"}\n', 7, 'unknown-method'],
  ['unknown arguments', '{"id": 7, "method": "verify", "args": {"x": 1}}\n', 7, 'bad-request'],
  ['missing arguments', '{"id": 7, "method": "quarantineRetry"}\n', 7, 'bad-request'],
])('%s gets an error and hurts nobody', async (_, sent, id, code) => {
  const server = await serve();
  const raw = await rawConnection(server.path);
  raw.socket.write(sent);
  await eventually(() => expect(raw.lines()[0]).toMatchObject({ id, error: { code } }));
  raw.socket.write('{"id": 8, "method": "verify"}\n');
  await eventually(() => expect(raw.lines().at(-1)).toEqual({ id: 8, result: { problems: [] } }));
});

test('a request that is too large is refused, its connection ends, and others go on', async () => {
  const server = await serve();
  const raw = await rawConnection(server.path);
  const chunk = 'x'.repeat(1024 * 1024);
  for (let sent = 0; sent <= maxControlRequestBytes; sent += chunk.length) raw.socket.write(chunk);
  await eventually(() => expect(raw.closed()).toBe(true));
  expect(await client().call('verify', {})).toMatchObject({ kind: 'ok' });
});

test('a client that goes away in the middle of everything is forgotten', async () => {
  const server = await serve();
  for (let turn = 0; turn < 20; turn += 1) {
    const raw = await rawConnection(server.path);
    raw.socket.write('{"id": 1, "method": "ledger"}\n{"id": 2, "met');
    raw.socket.destroy();
  }
  expect(await client().call('verify', {})).toMatchObject({ kind: 'ok' });
});

test('requests that arrive in pieces and in bunches are each answered', async () => {
  const server = await serve();
  const raw = await rawConnection(server.path);
  const requests = Array.from({ length: 100 }, (_, id) => `{"id": ${id}, "method": "verify"}\n`).join('');
  for (let at = 0; at < requests.length; at += 37) raw.socket.write(requests.slice(at, at + 37));
  await eventually(() => expect(raw.lines()).toHaveLength(100));
});

test('the socket and its folder are for this user only', async () => {
  await chmod(stateDir, 0o755);
  const server = await serve();
  expect((await stat(server.path)).mode & 0o777).toBe(0o600);
  expect((await stat(dirname(server.path))).mode & 0o777).toBe(0o700);
});

test('a socket file that a dead process left is replaced', async () => {
  const { path } = controlPath(stateDir, { platform: process.platform, tmpDir: tmpdir() });
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(path, resolve));
  // A server that closes removes its socket; moved aside meanwhile, it stays as after a crash.
  await rename(path, `${path}.left`);
  await new Promise((resolve) => dead.close(resolve));
  await rename(`${path}.left`, path);
  expect(await client().call('verify', {})).toEqual({ kind: 'not-running' });
  await serve();
  expect(await client().call('verify', {})).toMatchObject({ kind: 'ok' });
});

test('a state folder with a long path is reachable all the same', async () => {
  const long = join(stateDir, 'x'.repeat(80), 'y'.repeat(80));
  await mkdir(long, { recursive: true });
  const server = await serve({}, long);
  expect(dirname(server.path)).not.toBe(long);
  cleanUp.push(() => rm(dirname(server.path), { recursive: true, force: true }));
  expect(await client(long).call('verify', {})).toMatchObject({ kind: 'ok' });
});

test('closing lets running calls answer, removes the socket, and takes nothing new', async () => {
  let release: (() => void) | undefined;
  const server = await serve({ verify: () => new Promise((resolve) => (release = () => resolve({ problems: [] }))) });
  const running = client().call('verify', {});
  await eventually(() => expect(release).toBeDefined());
  const closed = server.close();
  release?.();
  expect(await running).toMatchObject({ kind: 'ok' });
  await closed;
  expect(existsSync(server.path)).toBe(false);
  expect(await client().call('verify', {})).toEqual({ kind: 'not-running' });
});

test('closing does not wait for a call that never answers', async () => {
  let called = false;
  const server = await serve({
    verify: () => {
      called = true;
      return new Promise(() => undefined);
    },
  });
  const running = client().call('verify', {});
  await eventually(() => expect(called).toBe(true));
  await server.close();
  expect(await running).toEqual({ kind: 'not-running' });
});

test('where the socket cannot be made, the reason comes back', async () => {
  const file = join(stateDir, 'file');
  await writeFile(file, '');
  const start = await startControlServer({ stateDir: join(file, 'inside'), handlers: handlers(), log: silentLog });
  expect(start).toMatchObject({ kind: 'failed', message: expect.stringContaining('cannot be opened') });
});
