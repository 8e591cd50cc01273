import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Files in memory where there is such a place: these tests commit much, and few of them need a disk that is slow to sync. */
export const quickFolder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A state folder of its own; gone when the test is over. */
export function stateFolder(): string {
  const folder = mkdtempSync(join(quickFolder, 'span-relay-spool-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'state');
}

/** The path of a file in a folder of its own, which is there. */
export function stateFile(name: string): string {
  const folder = stateFolder();
  mkdirSync(folder, { recursive: true });
  return join(folder, name);
}

/** Copies the files as they are now, under a spool that is open: what a process that was killed leaves behind. */
export function copyAsKilled(folder: string, target: string): void {
  cpSync(folder, target, { recursive: true });
}
