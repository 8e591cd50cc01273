import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { type SpoolHandlers, spoolHandlers } from './control/handlers.ts';
import { silentLog } from './log.ts';
import { defaultConfig } from './policy/config.ts';
import { spoolFiles } from './spool/files.ts';
import { openSpool } from './spool/open-spool.ts';
import { lockState, type StateLock } from './spool/state-lock.ts';

const waitForLockMs = 3_000;
const pollMs = 20;

export type Offline =
  | { readonly kind: 'open'; readonly handlers: SpoolHandlers; close(): Promise<void> }
  | { readonly kind: 'taken'; readonly pid: number | undefined }
  /** There is no spool in this folder. */
  | { readonly kind: 'empty' };

/** The spool of a state folder on which no agent runs. Removes nothing from it: neither age nor quota is looked at. */
export async function openOffline(stateDir: string): Promise<Offline> {
  if (!existsSync(spoolFiles(stateDir).database)) return { kind: 'empty' };
  const lock = await whenFree(stateDir);
  if (lock.kind === 'taken') return lock;
  const spool = openSpool({
    folder: stateDir,
    limits: { maxBytes: Number.MAX_SAFE_INTEGER, maxAgeMs: Number.MAX_SAFE_INTEGER },
    destinations: defaultConfig.destinations,
    log: silentLog,
    thread: { same: true, now: Date.now },
    integrityCheckAfterMs: 0,
  });
  // Its books are there with the first answer.
  await spool.repairs();
  return {
    kind: 'open',
    handlers: spoolHandlers(spool),
    async close() {
      await spool.close();
      lock.release();
    },
  };
}

/** Other commands hold the lock for a moment; an agent would have answered before. */
async function whenFree(stateDir: string): Promise<StateLock> {
  const giveUpAt = performance.now() + waitForLockMs;
  for (;;) {
    const lock = lockState(stateDir, process.pid);
    if (lock.kind === 'held' || performance.now() > giveUpAt) return lock;
    await setTimeout(pollMs);
  }
}
