import { setTimeout } from 'node:timers/promises';
import type { Clock } from './clock.ts';
import { controlClient } from './control/client.ts';
import { lockState, type StateLock } from './spool/state-lock.ts';

const handOverWithinMs = 10_000;
const handOverPollMs = 5;
/** Recounting a full spool takes a command about this long. */
const waitForCommandMs = 5_000;
const lockPollMs = 20;

// The waits here are not the clock's: its timers let the process end, and nothing else may keep it here yet.

/**
 * Makes this process the only relay of a state folder. A command that looks into the spool holds the lock for a moment:
 * it is waited for. Throws where the folder cannot be written.
 */
export async function takeLock(stateDir: string, clock: Clock): Promise<StateLock> {
  const client = controlClient(stateDir, clock);
  const giveUpAt = clock.monotonicMs() + waitForCommandMs;
  try {
    for (;;) {
      const lock = lockState(stateDir, process.pid);
      if (lock.kind === 'held' || clock.monotonicMs() > giveUpAt) return lock;
      const { kind } = await client.call('status', {}, { timeoutMs: waitForCommandMs });
      if (kind !== 'not-running') return lock;
      await setTimeout(lockPollMs);
    }
  } finally {
    client.close();
  }
}

/** Asks the agent that runs on this state folder to stop, and waits for its lock. */
export async function takeOver(stateDir: string, clock: Clock): Promise<StateLock> {
  const client = controlClient(stateDir, clock);
  await client.call('handOver', {});
  client.close();
  const giveUpAt = clock.monotonicMs() + handOverWithinMs;
  for (;;) {
    const lock = lockState(stateDir, process.pid);
    if (lock.kind === 'held' || clock.monotonicMs() > giveUpAt) return lock;
    await setTimeout(handOverPollMs);
  }
}
