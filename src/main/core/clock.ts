/** The two clocks of the machine and its timers, passed in so that tests can turn them. */
export interface Clock {
  /** Wall time in milliseconds since 1970; jumps when somebody sets the clock. */
  now(): number;
  /** Milliseconds that only ever go forward; for backoff and time-outs. */
  monotonicMs(): number;
  /** Calls `action` once after `delayMs` of monotonic time; does not keep the process alive. Returns a canceller. */
  after(delayMs: number, action: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
