import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { get } from '../node-http.ts';
import { listeningSockets } from './listening-sockets.ts';

const probeTimeoutMs = 500;
const maxProbeBytes = 4096;

/** Who listens at an address, in words for a person. Never rejects: what cannot be found out is "another program". */
export async function findPortHolder(host: string, port: number, procRoot = '/proc'): Promise<string> {
  const [isRelay, process] = await Promise.all([
    answersAsSpanRelay(host, port),
    listeningProcess(host, port, procRoot),
  ]);
  const name = isRelay ? 'another Span Relay' : process?.name === undefined ? 'another program' : `"${process.name}"`;
  if (!process) return name;
  return process.pid === undefined ? `${name} of user ${process.uid}` : `${name} (process ${process.pid})`;
}

function answersAsSpanRelay(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(
      { host, port, path: '/healthz', agent: false, signal: AbortSignal.timeout(probeTimeoutMs) },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
          if (text.length > maxProbeBytes) response.destroy();
        });
        response.on('error', () => resolve(false));
        response.on('close', () => resolve(isSpanRelay(text)));
      },
    );
    request.on('error', () => resolve(false));
    request.on('close', () => resolve(false));
  });
}

function isSpanRelay(text: string): boolean {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null && 'service' in answer && answer.service === 'span-relay';
  } catch {
    return false;
  }
}

interface ListeningProcess {
  readonly uid: number;
  /** Unknown where the process belongs to another user. */
  readonly pid?: number;
  readonly name?: string;
}

async function listeningProcess(host: string, port: number, procRoot: string): Promise<ListeningProcess | undefined> {
  // On the addresses of other hosts we may listen ourselves.
  const sockets = (await listeningSockets(procRoot)).filter(
    (socket) => socket.port === port && localAddresses[host]?.includes(socket.address) !== false,
  );
  const [first] = sockets;
  if (!first) return undefined;
  const wanted = new Set(sockets.map(({ inode }) => `socket:[${inode}]`));
  for (const pid of await names(procRoot)) {
    if (!/^\d+$/.test(pid)) continue;
    const folder = join(procRoot, pid, 'fd');
    for (const fd of await names(folder)) {
      const target = await orUndefined(readlink(join(folder, fd)));
      if (target === undefined || !wanted.has(target)) continue;
      const name = await programName(join(procRoot, pid));
      return name ? { uid: first.uid, pid: Number(pid), name } : { uid: first.uid, pid: Number(pid) };
    }
  }
  return { uid: first.uid };
}

/** Never the command line: it may hold secrets. The process's own name for itself can be a thread's, such as Node's. */
async function programName(folder: string): Promise<string | undefined> {
  const file = await orUndefined(readlink(join(folder, 'exe')));
  if (file !== undefined) return basename(file.replace(/ \(deleted\)$/, ''));
  return (await orUndefined(readFile(join(folder, 'comm'), 'utf8')))?.trim();
}

/** How Linux's tables write the addresses that take a host's port: its own, and all addresses at once. */
const anyIpv6 = '0'.repeat(32);
const localAddresses: Readonly<Record<string, readonly string[]>> = {
  '127.0.0.1': ['0100007F', '00000000', '0000000000000000FFFF00000100007F', anyIpv6],
  '::1': ['00000000000000000000000001000000', anyIpv6],
};

async function names(folder: string): Promise<string[]> {
  return (await orUndefined(readdir(folder))) ?? [];
}

/** For files that come and go, or that belong to others. */
function orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  return promise.catch(() => undefined);
}
