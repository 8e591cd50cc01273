import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** No installation takes longer: its processes are killed by then. */
export const installTimeoutMs = 180_000;

/** Where real clients are kept between test runs: outside the repository. `SPAN_RELAY_TEST_CACHE` moves it. */
export function testCache(): string {
  const { SPAN_RELAY_TEST_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (SPAN_RELAY_TEST_CACHE) return SPAN_RELAY_TEST_CACHE;
  switch (process.platform) {
    case 'darwin':
      return join(homedir(), 'Library', 'Caches', 'span-relay-test');
    case 'win32':
      return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'span-relay-test');
    default:
      return join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'span-relay-test');
  }
}

/**
 * The folder of this name in the cache; when it is not there, what `install` puts into an empty one. It appears whole or
 * not at all, and one process installs while the others wait. Rejects as `install` does.
 */
export async function cachedFolder(name: string, install: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(testCache(), name);
  const lock = `${folder}.lock`;
  await mkdir(dirname(folder), { recursive: true });
  const giveUpAt = performance.now() + 2 * installTimeoutMs;
  while (!(await exists(folder))) {
    if (!(await take(lock))) {
      if (performance.now() > giveUpAt) throw new Error(`Another process has been installing ${name} for too long.`);
      await sleep(200);
      continue;
    }
    try {
      if (!(await exists(folder))) await installWhole(folder, install);
    } finally {
      await rm(lock, { recursive: true, force: true });
    }
  }
  return folder;
}

async function installWhole(folder: string, install: (folder: string) => Promise<void>): Promise<void> {
  const unfinished = await mkdtemp(`${folder}.installing-`);
  try {
    await install(unfinished);
    await rename(unfinished, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** A lock whose holder died is older than any installation takes, and falls to whoever asks next but one. */
async function take(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
    return true;
  } catch (error) {
    if (!isError(error, 'EEXIST')) throw error;
  }
  const { mtimeMs } = await stat(lock).catch(ifAbsent(() => ({ mtimeMs: Date.now() })));
  if (Date.now() - mtimeMs > 1.5 * installTimeoutMs) await rm(lock, { recursive: true, force: true });
  return false;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    ifAbsent(() => false),
  );
}

/** A rejection handler: what stands in for a file that is not there. */
export function ifAbsent<T>(value: () => T): (error: unknown) => T {
  return (error) => {
    if (isError(error, 'ENOENT')) return value();
    throw error;
  };
}

function isError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
