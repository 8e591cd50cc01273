/** The three OTLP signals, in the order in which people list them. */
export const signals = ['metrics', 'logs', 'traces'] as const;

export type Signal = (typeof signals)[number];

export function isSignal(value: unknown): value is Signal {
  return signals.some((signal) => signal === value);
}

/** What one item of a signal is called, for counts that a person reads. */
export const pointNoun: Readonly<Record<Signal, string>> = {
  metrics: 'data points',
  logs: 'log records',
  traces: 'spans',
};
