import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export type DiskKind = 'tmpfs' | 'ext4';

export interface SmallDisk {
  readonly folder: string;
  freeBytes(): number;
  /** Lets another program take all room but `freeBytes`; called again, it takes what has become free since. */
  fillUpTo(freeBytes: number): void;
  /** That program gives its room back. */
  clear(): void;
}

/** Why there can be no small disk of this kind here; undefined when there can. */
export function whyNoDisk(kind: DiskKind): string | undefined {
  if (process.platform !== 'linux') return 'mounting is only tried on Linux';
  try {
    mount(kind, 8)();
    return undefined;
  } catch {
    return `${kind} cannot be mounted here`;
  }
}

/** A real file system of that size; unmounted when the test is over. */
export function smallDisk(kind: DiskKind, megabytes: number): SmallDisk {
  const unmount = mount(kind, megabytes);
  onTestFinished(unmount);
  const { folder } = unmount;
  const ballast = join(folder, 'ballast');
  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  };
  return {
    folder: join(folder, 'state'),
    freeBytes,
    fillUpTo(left) {
      const file = openSync(ballast, 'a');
      try {
        while (freeBytes() > left) writeSync(file, Buffer.alloc(Math.min(1024 * 1024, freeBytes() - left)));
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      } finally {
        closeSync(file);
      }
    },
    clear: () => rmSync(ballast, { force: true }),
  };
}

function mount(kind: DiskKind, megabytes: number): (() => void) & { folder: string } {
  const root = mkdtempSync(join(tmpdir(), 'span-relay-disk-'));
  const folder = join(root, 'mounted');
  mkdirSync(folder);
  const run = (file: string, ...args: readonly string[]) => execFileSync(file, args, { stdio: 'pipe' });
  try {
    if (kind === 'tmpfs') run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder);
    else {
      const image = join(root, 'image');
      writeFileSync(image, '');
      truncateSync(image, megabytes * 1024 * 1024);
      run('mkfs.ext4', '-q', '-m', '0', '-O', '^has_journal', image);
      run('mount', '-o', 'loop', image, folder);
    }
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
  const unmount = () => {
    run('umount', folder);
    rmSync(root, { recursive: true, force: true });
  };
  return Object.assign(unmount, { folder });
}
