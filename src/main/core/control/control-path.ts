import { createHash } from 'node:crypto';
import { posix, resolve } from 'node:path';

/** Where the control API of a state folder listens. */
export interface ControlPath {
  /** What to listen on, and to connect to. */
  readonly path: string;
  /** The folder that keeps others out; null for a named pipe. */
  readonly folder: string | null;
  /** The folder is among everybody's temporary files. */
  readonly inTmpDir: boolean;
}

export interface ControlPathFacts {
  readonly platform: NodeJS.Platform;
  /** The folder for temporary files, for when the state folder's own path is too long for a socket. */
  readonly tmpDir: string;
}

/** `sun_path` holds 104 bytes on macOS and 108 on Linux, the final zero included. */
const maxSocketPathBytes = 100;

/** The same for server and client, computed from the state folder alone. Pure. */
export function controlPath(stateDir: string, { platform, tmpDir }: ControlPathFacts): ControlPath {
  const folder = resolve(stateDir);
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  if (platform === 'win32') return { path: `\\\\.\\pipe\\span-relay-${hash}`, folder: null, inTmpDir: false };
  const path = posix.join(folder, 'control.sock');
  if (Buffer.byteLength(path) <= maxSocketPathBytes) return { path, folder, inTmpDir: false };
  const short = posix.join(tmpDir, `span-relay-${hash}`);
  return { path: posix.join(short, 'control.sock'), folder: short, inTmpDir: true };
}
