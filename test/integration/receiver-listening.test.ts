import { spawn } from 'node:child_process';
import type { Agent } from 'node:http';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/main/core/clock.ts';
import { recorded } from '../support/recordings.ts';
import { close, descriptorOf, listen } from '../support/server.ts';
import { until } from '../support/until.ts';
import { keepAliveAgent, openRaw, protobuf, send, startReceiver } from './receiver-harness.ts';

const sent = { headers: protobuf, body: recorded('metrics', 'pb') };
const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((address) => address?.address === '::1');
const onLinux = process.platform === 'linux';

async function hold(host: string, port = 0): Promise<{ server: Server; port: number } & AsyncDisposable> {
  const server = createServer((socket) => socket.destroy());
  return { server, port: await listen(server, { host, port }), [Symbol.asyncDispose]: () => close(server) };
}

describe('listening', () => {
  test('on a free port, told by facts and state changes', async () => {
    await using relay = await startReceiver();
    expect(relay.port).toBeGreaterThan(0);
    expect(relay.receiver.facts()).toEqual({ port: relay.port, state: 'listening' });
    expect(relay.states).toEqual([{ port: relay.port, state: 'listening' }]);
  });

  test.runIf(hasIpv6)('on ::1 with the same port', async () => {
    await using relay = await startReceiver();
    expect((await send(relay.port, '/v1/metrics', { ...sent, host: '::1' })).status).toBe(200);
  });

  test('without an address that the machine does not have', async () => {
    // TEST-NET-1 (RFC 5737) stands for ::1 on a machine without IPv6.
    await using relay = await startReceiver({ hosts: ['127.0.0.1', '192.0.2.1'] });
    expect(relay.receiver.facts().state).toBe('listening');
    expect((await send(relay.port, '/v1/metrics', sent)).status).toBe(200);
  });

  test.runIf(onLinux)('on a socket that a supervisor has opened, on loopback only', async () => {
    await using everywhere = await hold('0.0.0.0');
    await using local = await hold('127.0.0.1');
    const descriptors = [everywhere, local].map(({ server }) => descriptorOf(server));
    const child = spawn(process.execPath, [fileURLToPath(new URL('./receiver-inheriting.ts', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'inherit', ...descriptors],
    });
    let output = '';
    child.stdout?.on('data', (piece) => {
      output += piece;
    });
    await until('it has told its facts', () => output.includes('}\n'));
    expect(JSON.parse(output)).toEqual({ port: local.port, state: 'listening' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.stdin?.end();
    expect(await ended).toBe(0);
  });
});

describe('a port that is taken', () => {
  test.each([false, true])('is named with its holder, and taken when it is free (reusePort: %s)', async (reusePort) => {
    const other = await hold('127.0.0.1');
    await using relay = await startReceiver({ port: other.port, reusePort });
    expect(relay.receiver.facts()).toMatchObject({ port: other.port, state: 'port-taken' });
    const holder = relay.receiver.facts().holder;
    expect(holder).toMatch(onLinux ? new RegExp(`\\(process ${process.pid}\\)`) : /another program/);
    await other[Symbol.asyncDispose]();
    await until('it listens', () => relay.receiver.facts().state === 'listening');
    expect(relay.states.map(({ state }) => state)).toEqual(['port-taken', 'listening']);
    expect(relay.receiver.facts().holder).toBeUndefined();
    expect((await send(relay.port, '/v1/metrics', sent)).status).toBe(200);
  });

  test.each([false, true])('by another Span Relay is not shared with it (reusePort: %s)', async (reusePort) => {
    await using first = await startReceiver({ reusePort });
    await using second = await startReceiver({ port: first.port, reusePort });
    expect(second.receiver.facts()).toMatchObject({ state: 'port-taken', holder: /another Span Relay/ });
    await first.receiver.stop({ drainMs: 0 });
    await until('the second listens', () => second.receiver.facts().state === 'listening');
    expect((await send(second.port, '/v1/metrics', sent)).status).toBe(200);
    expect(second.accepted).toHaveLength(1);
  });

  test.runIf(hasIpv6)('on ::1 only does not keep 127.0.0.1 from listening', async () => {
    const other = await hold('::1');
    await using relay = await startReceiver({ port: other.port });
    expect(relay.receiver.facts()).toMatchObject({ state: 'listening', holder: /on ::1 only$/ });
    expect((await send(relay.port, '/v1/metrics', sent)).status).toBe(200);
    await other[Symbol.asyncDispose]();
    await until('it has both addresses', () => relay.receiver.facts().holder === undefined);
    expect((await send(relay.port, '/v1/metrics', { ...sent, host: '::1' })).status).toBe(200);
  });

  test('is given up by stopping', async () => {
    await using other = await hold('127.0.0.1');
    const relay = await startReceiver({ port: other.port });
    await relay.receiver.stop({ drainMs: 1000 });
    expect(relay.receiver.facts()).toEqual({ port: other.port, state: 'closed' });
  });
});

describe.runIf(onLinux)('a planned takeover', () => {
  test('loses nothing of clients that keep their connections, and leaves no gap for others', async () => {
    const first = await startReceiver({ reusePort: true });
    const { port } = first;
    let going = true;
    let acknowledged = 0;
    const failures: unknown[] = [];
    const sender = async (agent?: Agent) => {
      while (going) {
        try {
          const { status } = await send(port, '/v1/metrics', agent ? { ...sent, agent } : sent);
          if (status === 200) acknowledged++;
          else failures.push(status);
        } catch (error) {
          // A connection that arrives in the very moment of closing may be reset, but never refused.
          if (agent || !(error instanceof Error && 'code' in error && error.code === 'ECONNRESET'))
            failures.push(error);
        }
      }
      agent?.destroy();
    };
    const senders = [sender(keepAliveAgent()), sender(keepAliveAgent()), sender()];
    await until('there is load', () => first.accepted.length > 20);
    await using second = await startReceiver({ port, reusePort: true, takeover: true });
    expect(second.receiver.facts()).toEqual({ port, state: 'listening' });
    await until('the second has taken one', () => second.accepted.length > 0);
    await first.receiver.stop({ drainMs: 20_000 });
    const before = second.accepted.length;
    await until('the second takes the load', () => second.accepted.length > before + 20);
    going = false;
    await Promise.all(senders);
    expect(failures).toEqual([]);
    expect(first.accepted.length + second.accepted.length).toBe(acknowledged);
  });
});

describe('stopping', () => {
  test('lets requests in progress finish, closes their connections, and refuses new ones', async () => {
    const commit = Promise.withResolvers<number>();
    let begun = false;
    const accept = () => {
      begun = true;
      return commit.promise;
    };
    const relay = await startReceiver({ accept });
    const agent = keepAliveAgent();
    const answer = send(relay.port, '/v1/metrics', { ...sent, agent });
    await until('it is being stored', () => begun);
    const stopped = relay.receiver.stop({ drainMs: 10_000 });
    await until('the port is closed', () => relay.receiver.facts().state === 'closed');
    await expect(send(relay.port, '/v1/metrics', sent)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    commit.resolve(1);
    expect((await answer).headers.connection).toBe('close');
    await stopped;
    agent.destroy();
  });

  test('still answers what comes over a connection that was at rest', async () => {
    // Without the timer that would close it: how fast this machine is must not matter here.
    const clock = { ...systemClock, after: () => () => undefined };
    const relay = await startReceiver({ clock });
    const agent = keepAliveAgent();
    await send(relay.port, '/v1/metrics', { ...sent, agent });
    const stopped = relay.receiver.stop({ drainMs: 10_000 });
    await until('the port is closed', () => relay.receiver.facts().state === 'closed');
    const answer = await send(relay.port, '/v1/metrics', { ...sent, agent });
    expect(answer.status).toBe(200);
    expect(answer.headers.connection).toBe('close');
    await stopped;
    agent.destroy();
  });

  test('closes resting connections and cuts the others when the time is over', async () => {
    const relay = await startReceiver({ accept: () => new Promise<number>(() => undefined) });
    const agent = keepAliveAgent();
    await send(relay.port, '/healthz', { method: 'GET', agent });
    using silent = await openRaw(relay.port);
    const waiting = send(relay.port, '/v1/metrics', sent);
    waiting.catch(() => undefined);
    await relay.receiver.stop({ drainMs: 300 });
    await expect(waiting).rejects.toThrow();
    await silent.closed;
    agent.destroy();
  });

  test('can be asked for twice', async () => {
    const relay = await startReceiver();
    await Promise.all([relay.receiver.stop({ drainMs: 0 }), relay.receiver.stop({ drainMs: 0 })]);
    await relay.receiver.stop({ drainMs: 0 });
    expect(relay.receiver.facts().state).toBe('closed');
  });

  test('leaves nothing open', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
    const relay = await startReceiver({ limits: { maxInlineJsonBytes: 1 } });
    await send(relay.port, '/v1/metrics', { headers: { 'content-type': 'application/json' }, body: Buffer.from('{}') });
    await relay.receiver.stop({ drainMs: 0 });
    await until(
      'all sockets are closed',
      () => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length <= before,
    );
  });
});
