import { execFile } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { signals } from '../../src/shared/signal.ts';
import { numberedRequest, post } from '../support/numbered-requests.ts';
import { makeHome, startRelay } from '../support/relay.ts';
import { parseTrace, type SystemCall } from './system-calls.ts';

const traced = 'trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,fsync,fdatasync';
const rounds = 5;

/** Undefined where system calls can be traced. */
async function noTraceBecause(): Promise<string | undefined> {
  return promisify(execFile)('strace', ['-f', '-o', '/dev/null', 'true']).then(
    () => undefined,
    (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? 'strace is not installed' : 'tracing is not permitted here',
  );
}

test('every 200 is written after the request went into the write-ahead log and the log was synced', {
  timeout: 60_000,
}, async ({ skip }) => {
  const reason = await noTraceBecause();
  if (reason !== undefined) skip(reason);
  await using home = await makeHome();
  // In a folder of its own: the relay watches the config's folder, and would be woken by the trace of its waking.
  const traceFile = join(await mkdtemp(join(home.folder, 'trace-')), 'calls');
  await using relay = startRelay(home, {
    under: ['strace', '-f', '-ttt', '-y', '-s', '32', '-e', traced, '-o', traceFile],
  });
  await relay.ready;
  // What the start itself writes is done when this is.
  await relay.call('verify', {});

  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const bodies = Array.from({ length: rounds }, (_, round) => signals.map((signal) => ({ signal, round }))).flat();
  for (const [number, { signal }] of bodies.entries()) {
    expect(await post(relay.port, signal, numberedRequest(signal, number), { agent })).toBe(200);
  }
  agent.destroy();
  await relay.stop();

  const calls = parseTrace(await readFile(traceFile, 'utf8'));
  const arrivals = calls.filter(({ name, args }) => /^(read|recv)/.test(name) && args.includes('"POST /v1/'));
  const answers = calls.filter(({ name, args }) => /^(write|send)/.test(name) && args.includes('"HTTP/1.1 200'));
  expect(arrivals).toHaveLength(bodies.length);
  expect(answers).toHaveLength(bodies.length);
  for (const [index, arrival] of arrivals.entries()) {
    const answer = answers[index];
    const between = (call: SystemCall) => call.begin > arrival.end && call.end < (answer?.begin ?? 0);
    const logWrites = calls.filter((call) => call.name.startsWith('pwrite') && onLog(call) && between(call));
    const lastWrite = logWrites.at(-1);
    expect(lastWrite, `request ${index} is written to the log before its answer`).toBeDefined();
    const syncs = calls.filter(
      (call) =>
        /^f(data)?sync$/.test(call.name) &&
        onLog(call) &&
        call.result === 0 &&
        call.begin > (lastWrite?.end ?? Number.POSITIVE_INFINITY) &&
        between(call),
    );
    expect(syncs.length, `syncs of the log between request ${index} and its answer`).toBeGreaterThan(0);
  }
});

function onLog({ args }: SystemCall): boolean {
  return /^\d+<[^>]*spool\.db-wal>/.test(args);
}
