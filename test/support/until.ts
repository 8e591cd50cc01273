import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves as soon as the condition holds; rejects, naming it, when it does not within `timeoutMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`);
    await sleep(3);
  }
}
