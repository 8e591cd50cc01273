import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Protocol } from './intake.ts';
import { listeningSockets } from './listening-sockets.ts';

/** A socket that a supervisor has opened for this process. */
export interface InheritedSocket {
  readonly fd: number;
  /** As systemd's FileDescriptorName has it. */
  readonly name: string | undefined;
}

/** Which protocol each descriptor is for: what its name says, else gRPC where it has the port for gRPC, else HTTP. */
export async function sortInherited(
  sockets: readonly InheritedSocket[],
  grpcPort: number,
  procRoot = '/proc',
): Promise<Readonly<Record<Protocol, readonly number[]>>> {
  const sorted: Record<Protocol, number[]> = { http: [], grpc: [] };
  for (const { fd, name } of sockets) {
    const named = name === 'http' || name === 'grpc' ? name : undefined;
    sorted[named ?? ((await portOf(fd, procRoot)) === grpcPort ? 'grpc' : 'http')].push(fd);
  }
  return sorted;
}

async function portOf(fd: number, procRoot: string): Promise<number | undefined> {
  const link = await readlink(join(procRoot, 'self', 'fd', String(fd))).catch(() => '');
  return (await listeningSockets(procRoot)).find(({ inode }) => link === `socket:[${inode}]`)?.port;
}
