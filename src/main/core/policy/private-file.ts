import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Writes a file that only its user can read (0600), so that a reader sees the old text or the new one, never a part:
 * a temporary file beside it, synced, then renamed over it. Rejects with the system's error.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Makes sure that the folder exists and that nobody else can look into it (0700 where the system has modes).
 * Rejects when it is something else, belongs to another user, or cannot be made.
 */
export async function ensurePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (process.platform === 'win32') return;
  const { mode, uid } = await lstat(path);
  if (uid !== process.getuid?.()) throw new Error(`${path} belongs to another user; use a folder of your own`);
  if ((mode & 0o077) !== 0) await chmod(path, 0o700);
}

/** A rename is on disk once its folder is. Windows cannot open a folder, and does not need to. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
