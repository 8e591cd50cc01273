import type { Clock } from '../../core/clock.ts';

/** Resolves after `delayMs`, or at once when `signal` is or becomes aborted. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(signal.aborted ? 0 : delayMs, finish);
    signal.addEventListener('abort', finish);
  });
}
