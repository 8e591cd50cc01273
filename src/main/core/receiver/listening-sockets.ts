import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface ListeningSocket {
  /** As the tables write it: hexadecimal, in the byte order of the machine. */
  readonly address: string;
  readonly port: number;
  readonly uid: number;
  /** `/proc/PID/fd/N` of whoever has it open is a link to `socket:[inode]`. */
  readonly inode: string;
}

/** All TCP sockets that listen, by Linux's tables, https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html; elsewhere none. */
export async function listeningSockets(procRoot = '/proc'): Promise<readonly ListeningSocket[]> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((table) => readTable(join(procRoot, 'net', table))));
  return tables.flat();
}

const listening = '0A';

async function readTable(file: string): Promise<ListeningSocket[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const [, local, , state, , , , uid, , inode] = line.trim().split(/\s+/);
    const [address, port] = local?.split(':') ?? [];
    if (state !== listening || address === undefined || port === undefined || inode === undefined) return [];
    return [{ address, port: Number.parseInt(port, 16), uid: Number(uid), inode }];
  });
}
