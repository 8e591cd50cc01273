import { constants } from 'node:fs';
import { access, mkdir, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';

export type ConfigLock =
  | {
      readonly kind: 'locked';
      /** The file that is to be written: where the links lead. */
      readonly target: string;
      /** Idempotent. */
      readonly release: () => Promise<void>;
    }
  /** The file cannot be changed; one sentence says why and what to do. */
  | { readonly kind: 'refused'; readonly message: string };

/** A change takes milliseconds; a machine may be busy, and several may wait in a row. */
const patienceMs = 10_000;
const attemptEveryMs = 25;

/**
 * Makes this process the only one that changes a config file, and makes sure that the file is its user's to change: a file
 * beside it, which only one process can make, holds the pid. That of a process that has ended is taken over. Never rejects.
 */
export async function lockConfig(file: string): Promise<ConfigLock> {
  try {
    const target = await targetOf(file);
    const reason = await notOurs(target);
    if (reason !== undefined) return refused(`${target} ${reason} Nothing was changed.`);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    return await acquire(target);
  } catch (error) {
    return refused(
      `${file} cannot be changed: no lock can be made beside it (${messageOf(error)}). Make its folder writable for you.`,
    );
  }
}

async function acquire(target: string): Promise<ConfigLock> {
  const lock = `${target}.lock`;
  const own = `${process.pid} ${hostname()}\n`;
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += attemptEveryMs) {
    if (await isMade(lock, own)) {
      return {
        kind: 'locked',
        target,
        async release() {
          // It is another's where somebody has removed it by hand.
          if ((await contentOf(lock)) === own) await rm(lock, { force: true });
        },
      };
    }
    const holder = await contentOf(lock);
    if (holder !== undefined && hasEnded(holder)) await takeAway(lock, holder);
    else await setTimeout(attemptEveryMs);
  }
  const [pid = '', host = ''] = ((await contentOf(lock)) ?? '').trim().split(' ');
  const holder = pid === '' ? 'Something' : `Process ${pid}${host === hostname() ? '' : ` on ${host}`}`;
  return refused(`${holder} is changing ${target}. Try again when it is done; if it is not, remove ${lock}.`);
}

async function isMade(lock: string, content: string): Promise<boolean> {
  try {
    await writeFile(lock, content, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    // Windows denies what is just being removed.
    if (codeOf(error) === 'EEXIST' || (process.platform === 'win32' && codeOf(error) === 'EPERM')) return false;
    throw error;
  }
}

/** Two that find the same dead holder must not remove each other's lock: what was taken is looked at before it goes. */
async function takeAway(lock: string, holder: string): Promise<void> {
  const aside = `${lock}.${process.pid}`;
  try {
    await rename(lock, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const taken = await contentOf(aside);
  // Where a third one has its lock by now, that one stays, and what is read again before it is written decides.
  if (taken !== undefined && taken !== holder) await isMade(lock, taken);
  await rm(aside, { force: true });
}

async function contentOf(lock: string): Promise<string | undefined> {
  return readFile(lock, 'utf8').catch(() => undefined);
}

/** Of another machine that shares the folder nobody here knows. */
function hasEnded(holder: string): boolean {
  const [, pid = '', host] = /^(\d+) (.*)\n$/.exec(holder) ?? [];
  if (host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

/** Where the links lead, also where nothing is there yet. */
async function targetOf(file: string): Promise<string> {
  let target = file;
  for (let links = 0; links < 40; links += 1) {
    const next = await readlink(target).catch(() => undefined);
    if (next === undefined) return target;
    target = resolve(dirname(target), next);
  }
  throw new Error('its symbolic links go round in a circle');
}

/** A file is replaced as a whole, so another user's would change hands. */
async function notOurs(target: string): Promise<string | undefined> {
  try {
    const { uid } = await stat(target);
    if (process.platform !== 'win32' && uid !== process.getuid?.()) {
      return `belongs to user ${uid}. Change it as that user, or name a file of your own with --config.`;
    }
    await access(target, constants.W_OK);
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      return 'is read-only. Make it writable for you first.';
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function refused(message: string): { readonly kind: 'refused'; readonly message: string } {
  return { kind: 'refused', message };
}
