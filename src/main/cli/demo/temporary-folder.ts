import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { controlPath } from '../../core/control/control-path.ts';
import type { AtExit } from './at-exit.ts';

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

const removal = { recursive: true, force: true, maxRetries: 5 } as const;

/** A folder that only this user can open, for the state of a relay; gone when disposed of, or when the process ends. */
export async function makeTemporaryFolder(atExit: AtExit): Promise<TemporaryFolder> {
  const tmpDir = tmpdir();
  const path = await mkdtemp(join(tmpDir, 'span-relay-demo-'));
  // Where the path is too long for a socket, the relay makes another folder for that.
  const socket = controlPath(path, { platform: process.platform, tmpDir });
  const folders = socket.inTmpDir && socket.folder !== null ? [path, socket.folder] : [path];
  const letGo = atExit(() => {
    for (const folder of folders) rmSync(folder, removal);
  });
  return {
    path,
    async [Symbol.asyncDispose]() {
      for (const folder of folders) await rm(folder, removal);
      letGo();
    },
  };
}
