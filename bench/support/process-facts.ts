import { readFile } from 'node:fs/promises';

/** Memory of a process as the system counts it, in MB (1,000,000 bytes). */
export interface Memory {
  readonly rss: number;
  /** Its own: heap, stacks, buffers. */
  readonly anonymous: number;
  /** Pages of files, mostly the Node binary, shared with every other Node of the machine. */
  readonly file: number;
  /** The highest `rss` so far. */
  readonly peak: number;
}

/** From /proc/PID/status, https://docs.kernel.org/filesystems/proc.html. */
export async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  const megabytes = (name: string) => (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024) / 1e6;
  return {
    rss: megabytes('VmRSS'),
    anonymous: megabytes('RssAnon'),
    file: megabytes('RssFile'),
    peak: megabytes('VmHWM'),
  };
}

/** USER_HZ, 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Processor time of all threads so far, user and system, in seconds; from /proc/PID/stat. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field is the command in brackets, which may hold blanks; utime and stime are the 14th and 15th.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
