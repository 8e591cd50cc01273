import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

/** Decides when what is known of credentials is written. What was not written when the relay is killed is found out anew. */
export interface CredentialKeeper {
  /** Something that should survive even a crash in a moment. */
  saveNow(): void;
  /** Something that may wait for minutes. */
  saveLater(): void;
  /** What waits should not wait any longer. */
  saveIfDue(): void;
  /** Resolves when everything that is being saved is, or failed to be. */
  saved(): Promise<void>;
  /** Saves what waits. */
  close(): Promise<void>;
}

export interface CredentialKeeperOptions {
  /** Saves what is known at the time of the call. */
  readonly save: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** How much later at most a credential has worked than the store says, after a crash. */
const laterMs = 5 * 60_000;

export function createCredentialKeeper({ save, clock, log }: CredentialKeeperOptions): CredentialKeeper {
  let isWanted = false;
  let saving: Promise<void> | undefined;
  let cancelLater: (() => void) | undefined;

  async function saveWhileWanted(): Promise<void> {
    while (isWanted) {
      isWanted = false;
      try {
        await save();
      } catch (error) {
        // The error's own words may quote what could not be saved.
        log.warn('credentials not saved', { error: error instanceof Error ? error.name : 'unknown' });
      }
    }
    saving = undefined;
  }

  function saveNow(): void {
    cancelLater?.();
    cancelLater = undefined;
    isWanted = true;
    saving ??= saveWhileWanted();
  }

  const saved = () => saving ?? Promise.resolve();
  const saveIfDue = () => {
    if (cancelLater !== undefined) saveNow();
  };
  return {
    saveNow,
    saveLater() {
      cancelLater ??= clock.after(laterMs, saveNow);
    },
    saveIfDue,
    saved,
    async close() {
      saveIfDue();
      await saved();
    },
  };
}
