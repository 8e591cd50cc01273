import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';

/** What the numbers depend on; nothing that names the machine. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGiB: number;
  readonly system: string;
  readonly fileSystem: string;
  readonly node: string;
  readonly date: string;
  /** Of the minute before the run: much above 0 means that others were at work. */
  readonly loadAverage: number;
}

export async function describeMachine(): Promise<Machine> {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    fileSystem: await fileSystemOf(tmpdir()),
    node: process.versions.node,
    date: new Date().toISOString().slice(0, 10),
    loadAverage: loadavg()[0] ?? 0,
  };
}

/** By the longest mount point that the path is under. */
async function fileSystemOf(path: string): Promise<string> {
  const mounts = await readFile('/proc/mounts', 'utf8').catch(() => '');
  const candidates = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, place]) => place !== undefined && `${path}/`.startsWith(place === '/' ? '/' : `${place}/`));
  const best = candidates.sort(([, a = ''], [, b = '']) => b.length - a.length)[0];
  return best?.[2] ?? 'unknown';
}
