import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Folder extends AsyncDisposable {
  readonly path: string;
}

const made = new Set<string>();
process.on('exit', () => {
  for (const path of made) rmSync(path, { recursive: true, force: true });
});

/** An empty folder for temporary files, gone when it is disposed of or the benchmark ends. */
export async function temporaryFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'span-relay-bench-'));
  made.add(path);
  await mkdir(join(path, 'state'), { mode: 0o700 });
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
      made.delete(path);
    },
  };
}

export async function freeBytes(): Promise<number> {
  const { bavail, bsize } = await statfs(tmpdir());
  return bavail * bsize;
}
