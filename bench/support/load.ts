import { fileURLToPath } from 'node:url';
import { hasCommand, runProgram, startChild } from './children.ts';
import { median } from './stats.ts';

/** What a load generator saw. Times are milliseconds. */
export interface Load {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of any kind: refused, reset, timed out, or an answer other than 200. */
  readonly errors: number;
}

export type Generator = 'wrk' | 'node';

const script = fileURLToPath(new URL('../programs/load.lua', import.meta.url));

/** Claude Code's own metrics export, about 3 KB. */
export const payloadFile = fileURLToPath(
  new URL('../../test/fixtures/claude-code/2.1.328/metrics.pb', import.meta.url),
);

/** wrk where the machine has it, else the Node client, which takes more of the processor itself. */
export const generator: Generator = (await hasCommand('wrk')) ? 'wrk' : 'node';

export async function load(
  port: number,
  connections: number,
  seconds: number,
  by: Generator = generator,
): Promise<Load> {
  return by === 'wrk'
    ? loadByWrk(port, connections, seconds)
    : runProgram<Load>('keep-alive-client', [port, connections, seconds, payloadFile], (seconds + 20) * 1_000);
}

/** By gRPC: so many calls at once on each of so many connections. */
export function grpcLoad(port: number, connections: number, calls: number, seconds: number): Promise<Load> {
  return runProgram<Load>('grpc-client', [port, connections, calls, seconds, payloadFile], (seconds + 20) * 1_000);
}

export function medianLoad(loads: readonly Load[]): Load {
  const of = (field: keyof Load) => median(loads.map((one) => one[field]));
  return {
    perSecond: of('perSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    errors: loads.reduce((sum, { errors }) => sum + errors, 0),
  };
}

interface WrkReport {
  readonly requests: number;
  readonly durationMicroseconds: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
  readonly errors: number;
}

async function loadByWrk(port: number, connections: number, seconds: number): Promise<Load> {
  const options = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '10s', '-s', script];
  await using wrk = startChild('wrk', [...options, `http://127.0.0.1:${port}/v1/metrics`, '--', payloadFile]);
  const [, json = ''] = /^report (.*)$/m.exec(await wrk.output((seconds + 20) * 1_000)) ?? [];
  const report = JSON.parse(json) as WrkReport;
  return {
    perSecond: report.requests / (report.durationMicroseconds / 1e6),
    p50Ms: report.p50Microseconds / 1_000,
    p99Ms: report.p99Microseconds / 1_000,
    errors: report.errors,
  };
}

/** So many requests a second, whatever the relay does; times run from when a request was due. */
export function pacedLoad(port: number, perSecond: number, connections: number, seconds: number): Promise<Load> {
  const args = [port, perSecond, seconds, connections, payloadFile];
  return runProgram<Load>('paced-client', args, (seconds + 20) * 1_000);
}
