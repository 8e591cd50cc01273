import type { DestinationHealth, HealthSnapshot } from '../../../shared/health.ts';
import type { Balance } from './balance.ts';
import type { Script } from './script.ts';

export type Scene = 'healthy' | 'down' | 'up' | 'ending' | 'ended';

/** All that a picture of the demo shows. Times are milliseconds since the first export unless they say otherwise. */
export interface DemoModel {
  readonly scene: Scene;
  readonly elapsedMs: number;
  readonly script: Script;
  readonly sessions: number;
  /** In points of all signals together, as are the others. */
  readonly exported: number;
  readonly arrived: number;
  readonly health: HealthSnapshot;
  /** Oldest first. */
  readonly history: readonly Sample[];
  /** When the stand-in really went down and came up. */
  readonly downAtMs: number | null;
  readonly upAtMs: number | null;
  /** In the last picture. */
  readonly balance: Balance | null;
}

export interface Sample {
  readonly atMs: number;
  readonly pending: number;
}

/** The demo's only destination. */
export function spanOf({ health }: Pick<DemoModel, 'health'>): DestinationHealth | undefined {
  return health.destinations[0];
}

/** Whether the outage still shows: delivery is in trouble, or holds something from before the stand-in came up. */
export function owesFromOutage({ health, elapsedMs, upAtMs }: DemoModel): boolean {
  const span = spanOf({ health });
  if (span === undefined || upAtMs === null) return false;
  const { oldestAt } = span.pending;
  const oldestMs = oldestAt === null ? null : elapsedMs - (Date.parse(health.at) - Date.parse(oldestAt));
  return span.state !== 'ok' || (oldestMs !== null && oldestMs < upAtMs);
}
