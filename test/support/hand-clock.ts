import type { Clock } from '../../src/main/core/clock.ts';

/** A clock that stands still until it is turned. Wall time and monotonic time are turned apart. */
export interface HandClock extends Clock {
  /** Lets both clocks run on by this much, and fires what falls due on the way, in order. */
  advance(ms: number): void;
  /** Sets the wall clock, as a person or NTP does: monotonic time and timers do not notice. */
  setWall(ms: number): void;
  /** Delays of the timers that are set, soonest first. */
  due(): readonly number[];
}

export function handClock(startWallMs: number): HandClock {
  let wallMs = startWallMs;
  let monotonicMs = 1_000;
  const timers = new Set<{ readonly at: number; readonly action: () => void }>();
  const sorted = () => [...timers].sort((a, b) => a.at - b.at);

  return {
    now: () => wallMs,
    monotonicMs: () => monotonicMs,
    after(delayMs, action) {
      const timer = { at: monotonicMs + delayMs, action };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const end = monotonicMs + ms;
      for (let next = sorted()[0]; next !== undefined && next.at <= end; next = sorted()[0]) {
        timers.delete(next);
        wallMs += next.at - monotonicMs;
        monotonicMs = next.at;
        next.action();
      }
      wallMs += end - monotonicMs;
      monotonicMs = end;
    },
    setWall(ms) {
      wallMs = ms;
    },
    due: () => sorted().map(({ at }) => at - monotonicMs),
  };
}
