import type { DemoModel } from '../../../src/main/cli/demo/model.ts';
import { scriptOf } from '../../../src/main/cli/demo/script.ts';
import type { DestinationHealth, HealthSnapshot } from '../../../src/shared/health.ts';
import { type Books, emptyBooks } from '../../../src/shared/ledger.ts';
import { type Signal, signals } from '../../../src/shared/signal.ts';
import { isoTime } from '../../../src/shared/wording.ts';

const startedAt = Date.UTC(2026, 10, 20, 10);

export interface Moment {
  readonly seconds: number;
  readonly books: Readonly<Record<Signal, Partial<Books>>>;
  readonly arrived: number;
  /** Pending every half second from the start. */
  readonly pending: readonly number[];
  readonly lastSuccess: number | null;
  readonly oldest?: number;
  readonly nextAttempt?: number;
  readonly headline: string;
}

/** A model at a moment of a demo of 20 s; moments are in seconds since the first export. */
export function modelAt(moment: Moment, changes: Partial<DemoModel> = {}): DemoModel {
  const at = (seconds: number | null | undefined) =>
    isoTime(seconds === null || seconds === undefined ? null : startedAt + seconds * 1_000);
  const ledger = signals.map((signal) => ({ ...emptyBooks, destination: 'span', signal, ...moment.books[signal] }));
  const points = ledger.reduce((sum, row) => sum + row.pending, 0);
  const span: DestinationHealth = {
    name: 'span',
    endpoint: 'http://127.0.0.1:4318',
    via: null,
    state: moment.nextAttempt === undefined ? 'ok' : 'retrying',
    lastSuccessAt: at(moment.lastSuccess),
    lastAttemptAt: null,
    lastError: null,
    nextAttemptAt: at(moment.nextAttempt),
    credential: null,
    pending: { requests: points, points, bytes: points, oldestAt: at(moment.oldest) },
  };
  const health: HealthSnapshot = {
    version: 1,
    state: 'healthy',
    headline: moment.headline,
    at: isoTime(startedAt + moment.seconds * 1_000),
    machine: { id: 'm', hostname: 'h', os: 'linux', arch: 'x64', relayVersion: '0.0.0', managedBy: null },
    listen: { http: { port: 14318, state: 'listening' }, grpc: { port: 14317, state: 'listening' } },
    claude: { lastReceivedAt: null, lastProtocol: null, versions: [], sessions: [] },
    destinations: [span],
    ledger,
    findings: [],
  };
  return {
    scene: 'healthy',
    elapsedMs: moment.seconds * 1_000,
    script: scriptOf(20_000),
    sessions: 3,
    exported: ledger.reduce((sum, row) => sum + row.accepted, 0),
    arrived: moment.arrived,
    health,
    history: moment.pending.map((pending, index) => ({ atMs: index * 500, pending })),
    downAtMs: null,
    upAtMs: null,
    balance: null,
    ...changes,
  };
}

export const healthyMoment: Moment = {
  seconds: 3,
  books: { metrics: { accepted: 28, delivered: 28 }, logs: { accepted: 28, delivered: 21, pending: 7 }, traces: {} },
  arrived: 49,
  pending: [0, 7, 0, 7, 2, 0, 7],
  lastSuccess: 2.9,
  headline: 'Telemetry flows: 7 data points on the way.',
};

export const downMoment: Moment = {
  seconds: 8,
  books: {
    metrics: { accepted: 70, delivered: 42, pending: 28, resent: 7 },
    logs: { accepted: 70, delivered: 42, pending: 28 },
    traces: { accepted: 20, delivered: 12, pending: 8 },
  },
  arrived: 96,
  pending: [0, 7, 0, 7, 2, 0, 7, 0, 7, 2, 7, 18, 27, 39, 48, 57, 64],
  lastSuccess: 4.8,
  oldest: 4.9,
  nextAttempt: 11.2,
  headline:
    'Telemetry is safe: span did not answer just now, and 64 data points are safe on disk and wait. The relay tries again by itself.',
};

export const isDown: Partial<DemoModel> = { scene: 'down', downAtMs: 5_000 };
export const isUpAgain: Partial<DemoModel> = { scene: 'up', downAtMs: 5_000, upAtMs: 10_000 };

export const endMoment: Moment = {
  seconds: 21,
  books: {
    metrics: { accepted: 238, delivered: 238, resent: 7 },
    logs: { accepted: 231, delivered: 231 },
    traces: { accepted: 66, delivered: 66 },
  },
  arrived: 535,
  pending: [...downMoment.pending, 80, 98, 110, 124, 135, 135, 90, 2, ...Array.from({ length: 17 }, () => 2), 0],
  lastSuccess: 20.7,
  headline: 'Telemetry flows: everything that was received has been delivered.',
};
