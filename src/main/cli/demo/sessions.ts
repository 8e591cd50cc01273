import { Agent, request } from 'node:http';
import { type Signal, signals } from '../../../shared/signal.ts';
import type { Clock } from '../../core/clock.ts';
import { inspectRequest } from '../../core/otlp/inspect.ts';
import { pause } from './pause.ts';
import { recording } from './recording.ts';

/** Data points, log records or spans by signal. */
export type Counts = Readonly<Record<Signal, number>>;

export interface Sessions {
  readonly count: number;
  /** What was sent to the relay. */
  readonly exported: Counts;
  /** What the relay answered with 200. */
  readonly acknowledged: Counts;
  /** Ends the sessions. Resolves when each has the answer to its last request. */
  stop(): Promise<void>;
}

export interface SessionsOptions {
  /** The relay's. */
  readonly port: number;
  readonly token: string;
  readonly clock: Clock;
}

const sessionCount = 3;

/** Each session's; together that is five requests a second. */
const exportEveryMs = 600;

const requestTimeoutMs = 10_000;

const recordedPoints: Counts = { metrics: points('metrics'), logs: points('logs'), traces: points('traces') };

/**
 * Plays the recording to the relay as several Claude Code sessions would export it, only more often: one kept-alive
 * connection each, header names in lower case, and nothing is sent twice.
 */
export function startSessions(options: SessionsOptions): Sessions & AsyncDisposable {
  const { clock } = options;
  const exported: Record<Signal, number> = { metrics: 0, logs: 0, traces: 0 };
  const acknowledged: Record<Signal, number> = { metrics: 0, logs: 0, traces: 0 };
  const ending = new AbortController();

  async function play(session: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await pause(clock, (session * exportEveryMs) / sessionCount, ending.signal);
    for (let turn = session; !ending.signal.aborted; turn++) {
      const signal = signals[turn % signals.length] ?? 'metrics';
      exported[signal] += recordedPoints[signal];
      if ((await send(signal, agent, options)) === 200) acknowledged[signal] += recordedPoints[signal];
      await pause(clock, exportEveryMs, ending.signal);
    }
    agent.destroy();
  }

  const played = Promise.all(Array.from({ length: sessionCount }, (_, session) => play(session)));
  const stop = async (): Promise<void> => {
    ending.abort();
    await played;
  };
  return { count: sessionCount, exported, acknowledged, stop, [Symbol.asyncDispose]: stop };
}

/** Resolves with the status; undefined when there was no answer. */
function send(signal: Signal, agent: Agent, { port, token }: SessionsOptions): Promise<number | undefined> {
  const body = recording[signal];
  return new Promise((resolve) => {
    const headers = {
      'content-type': 'application/x-protobuf',
      'content-length': body.length,
      'user-agent': 'OTel-OTLP-Exporter-JavaScript/0.208.0',
      'x-span-token': token,
    };
    const target = { host: '127.0.0.1', port, path: `/v1/${signal}`, method: 'POST', headers };
    const sending = request({ ...target, agent, timeout: requestTimeoutMs }, (response) => {
      response.resume();
      response.on('close', () => resolve(response.complete ? response.statusCode : undefined));
    });
    sending.on('timeout', () => sending.destroy());
    sending.on('error', () => resolve(undefined));
    sending.end(body);
  });
}

function points(signal: Signal): number {
  const inspection = inspectRequest(signal, recording[signal]);
  return inspection.ok ? inspection.points : 0;
}
