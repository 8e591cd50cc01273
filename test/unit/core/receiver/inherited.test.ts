import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sortInherited } from '../../../../src/main/core/receiver/inherited.ts';

let procRoot: string;
const entry = (port: number, inode: number) =>
  `   0: 0100007F:${port.toString(16).toUpperCase()} 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1`;

beforeEach(async () => {
  procRoot = await mkdtemp(join(tmpdir(), 'proc-'));
  await mkdir(join(procRoot, 'net'));
  await mkdir(join(procRoot, 'self', 'fd'), { recursive: true });
  await writeFile(
    join(procRoot, 'net', 'tcp'),
    `  sl  local_address …\n${entry(14_318, 101)}\n${entry(14_317, 102)}\n`,
  );
  for (const [fd, inode] of [
    [3, 101],
    [4, 102],
    [5, 999],
  ]) {
    await symlink(`socket:[${inode}]`, join(procRoot, 'self', 'fd', String(fd)));
  }
});

afterEach(() => rm(procRoot, { recursive: true, force: true }));

describe('a socket that a supervisor opened is for', () => {
  test('what its name says', async () => {
    const sockets = [
      { fd: 3, name: 'grpc' },
      { fd: 4, name: 'http' },
    ];
    expect(await sortInherited(sockets, 14_317, procRoot)).toEqual({ grpc: [3], http: [4] });
  });

  test('gRPC where it has the port for gRPC, else for HTTP', async () => {
    const sockets = [3, 4, 5, 6].map((fd) => ({ fd, name: 'span-relay.socket' }));
    expect(await sortInherited(sockets, 14_317, procRoot)).toEqual({ http: [3, 5, 6], grpc: [4] });
    expect(await sortInherited([{ fd: 4, name: undefined }], 4_317, procRoot)).toEqual({ http: [4], grpc: [] });
  });

  test('HTTP on a system that cannot tell', async () => {
    const sockets = [{ fd: 4, name: undefined }];
    expect(await sortInherited(sockets, 14_317, join(procRoot, 'nowhere'))).toEqual({ http: [4], grpc: [] });
  });
});
