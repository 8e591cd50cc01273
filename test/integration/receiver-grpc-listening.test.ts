import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { grpcClient } from '../support/grpc-client.ts';
import { call, flags, frame, frameTypes, message } from '../support/http2-frames.ts';
import { recorded } from '../support/recordings.ts';
import { runProcess } from '../support/run-process.ts';
import { until } from '../support/until.ts';
import { openRawHttp2 } from './grpc-harness.ts';
import { openRaw, startReceiver } from './receiver-harness.ts';

const body = recorded('metrics', 'pb');
const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((address) => address?.address === '::1');
const onLinux = process.platform === 'linux';

describe('listening', () => {
  test.runIf(hasIpv6)('on 127.0.0.1 and ::1 with the same port', async () => {
    await using relay = await startReceiver({}, 'grpc');
    for (const host of ['127.0.0.1', '[::1]', 'localhost']) {
      using client = grpcClient(relay.port, { host });
      expect(await client.export('metrics', body)).toMatchObject({ code: 0 });
    }
  });

  test('a port of another Span Relay is not shared with it, and taken when it is free', async () => {
    await using first = await startReceiver({ reusePort: true }, 'grpc');
    await using second = await startReceiver({ port: first.port, reusePort: true }, 'grpc');
    expect(second.receiver.facts()).toMatchObject({ state: 'port-taken', holder: /another Span Relay/ });
    await first.receiver.stop({ drainMs: 0 });
    await until('the second listens', () => second.receiver.facts().state === 'listening');
    using client = grpcClient(second.port);
    expect(await client.export('metrics', body)).toMatchObject({ code: 0 });
    expect(second.accepted).toHaveLength(1);
  });
});

test('node:http2 is loaded by the first client that speaks it', async () => {
  const program = fileURLToPath(new URL('./receiver-idle.ts', import.meta.url));
  const { stdout, stderr } = await runProcess(process.execPath, [program], { env: process.env, timeoutMs: 20_000 });
  expect({ ...JSON.parse(stdout), stderr }).toEqual({ start: false, http: false, http2: true, stderr: '' });
});

describe.runIf(onLinux)('a planned takeover', () => {
  test('loses no call, of clients that keep their connection nor of new ones', async () => {
    const first = await startReceiver({ reusePort: true }, 'grpc');
    const { port } = first;
    let going = true;
    let acknowledged = 0;
    const failures: unknown[] = [];
    const note = (result: { code: number }) => {
      if (result.code === 0) acknowledged++;
      else failures.push(result);
    };
    const keeping = async () => {
      using client = grpcClient(port);
      while (going) note(await client.export('metrics', body));
    };
    const connecting = async () => {
      while (going) {
        using client = grpcClient(port);
        note(await client.export('metrics', body));
      }
    };
    const senders = [keeping(), keeping(), keeping(), connecting()];
    await until('there is load', () => first.accepted.length > 20);
    await using second = await startReceiver({ port, reusePort: true, takeover: true }, 'grpc');
    expect(second.receiver.facts()).toEqual({ port, state: 'listening' });
    await first.receiver.stop({ drainMs: 20_000 });
    const before = second.accepted.length;
    await until('the second takes the load', () => second.accepted.length > before + 100);
    going = false;
    await Promise.all(senders);
    expect(failures).toEqual([]);
    expect(first.accepted.length + second.accepted.length).toBe(acknowledged);
  });
});

describe('stopping', () => {
  test('lets calls in progress finish, and sends their clients elsewhere', async () => {
    const commit = Promise.withResolvers<number>();
    let begun = 0;
    const accept = () => {
      begun++;
      return commit.promise;
    };
    const relay = await startReceiver({ accept }, 'grpc');
    using client = grpcClient(relay.port, { retries: false });
    const answers = [client.export('metrics', body), client.export('metrics', body)];
    await until('both are being stored', () => begun === 2);
    const stopped = relay.receiver.stop({ drainMs: 10_000 });
    await until('the port is closed', () => relay.receiver.facts().state === 'closed');
    using late = grpcClient(relay.port, { retries: false });
    expect(await late.export('metrics', body)).toMatchObject({ code: 14 });
    commit.resolve(1);
    for (const answer of answers) expect(await answer).toMatchObject({ code: 0 });
    await stopped;
  });

  test('a message that is on its way when it begins is still taken whole', async () => {
    const relay = await startReceiver({}, 'grpc');
    using raw = await openRawHttp2(relay.port);
    raw.socket.write(Buffer.concat([call(1), frame(frameTypes.data, 0, 1, message(body).subarray(0, 100))]));
    await until('half of it is here', () => relay.usedBytes() > 0);
    const stopped = relay.receiver.stop({ drainMs: 10_000 });
    await until('it is told', () => raw.frames().some(({ type }) => type === frameTypes.goAway));
    raw.socket.write(frame(frameTypes.data, flags.endStream, 1, message(body).subarray(100)));
    await until('it is stored', () => relay.accepted.length === 1);
    raw.socket.end();
    await stopped;
    expect(relay.refused).toEqual([]);
  });

  test('ends connections at rest by GOAWAY, and cuts the others when the time is over', async () => {
    const relay = await startReceiver({ accept: () => new Promise<number>(() => undefined) }, 'grpc');
    using resting = await openRawHttp2(relay.port);
    using silent = await openRaw(relay.port);
    using busy = await openRawHttp2(relay.port);
    busy.socket.write(Buffer.concat([call(1), frame(frameTypes.data, flags.endStream, 1, message(body))]));
    await until('it is being stored', () => relay.usedBytes() > 0);
    await relay.receiver.stop({ drainMs: 300 });
    await Promise.all([resting.closed, silent.closed, busy.closed]);
    expect(resting.frames().map(({ type }) => type)).toContain(frameTypes.goAway);
  });

  test('leaves nothing open', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
    const before = sockets();
    const relay = await startReceiver({}, 'grpc');
    const client = grpcClient(relay.port);
    await client.export('metrics', body);
    await relay.receiver.stop({ drainMs: 0 });
    client[Symbol.dispose]();
    await until('all sockets are closed', () => sockets() <= before);
  });
});
