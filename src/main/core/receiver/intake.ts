import type { IncomingHttpHeaders } from 'node:http';
import type { Signal } from '../../../shared/signal.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { IncomingRequest } from '../spool/spool.ts';
import { Digester } from './digester.ts';
import { ByteBudget, defaultLimits, type ReceiverLimits } from './limits.ts';
import type { Refusal, RefusalReason } from './refusal.ts';
import { RefusalLog } from './refusal-log.ts';

/** The protocols that Claude Code can export by, by the names that `listen` has for their ports. */
export type Protocol = 'http' | 'grpc';

export interface AcceptedInfo {
  readonly protocol: Protocol;
  readonly signal: Signal;
  readonly points: number;
  /** Protobuf. Empty where `accept` has taken over its memory. */
  readonly body: Uint8Array;
  /** The metadata of a gRPC call. Names in lower case. */
  readonly headers: IncomingHttpHeaders;
}

export interface RefusedInfo {
  /** As in HTTP, also where gRPC told its own. */
  readonly status: number;
  readonly reason: RefusalReason;
  /** What the client was told. Can name a field of a malformed request, never a value. */
  readonly message: string;
  readonly signal?: Signal;
  /** What was lost by it: 0 where that was no telemetry, 1 where it could not be counted. */
  readonly points: number;
}

export interface IntakeOptions {
  readonly limits?: Partial<ReceiverLimits>;
  readonly clock: Clock;
  readonly log: Log;
  /** Puts a request on disk. The client is told that it is accepted when this resolves, to come back when it rejects with a SpoolError. */
  accept(request: IncomingRequest): Promise<number>;
  /** Books points that were not acknowledged; 1 where they could not be counted. */
  refuse(signal: Signal, points: number): void;
  /** Called after every acknowledged request. */
  onRequest?(info: AcceptedInfo): void;
  /** Called for every refused request that was answered, and for every connection that was dropped unheard. */
  onRefused?(info: RefusedInfo): void;
}

/** What all requests share, by whichever port and protocol they come: limits, what they hold, where they go, the books. */
export interface Intake {
  readonly limits: ReceiverLimits;
  readonly budget: ByteBudget;
  readonly digester: Digester;
  readonly clock: Clock;
  readonly log: Log;
  accept(request: IncomingRequest): Promise<number>;
  accepted(info: AcceptedInfo): void;
  /** Books, logs and reports a refusal. `points` is 0 where no telemetry was lost by it. */
  refused(refusal: Refusal, signal: Signal | undefined, points: number): void;
  /** Once no receiver uses it any more. */
  close(): Promise<void>;
}

export function createIntake(options: IntakeOptions): Intake {
  const { clock, log } = options;
  const limits: ReceiverLimits = { ...defaultLimits, ...options.limits };
  const digester = new Digester({ idleMs: limits.workerIdleMs, clock, log });
  const refusalLog = new RefusalLog({ clock, log });
  return {
    limits,
    budget: new ByteBudget(limits.maxBytesInFlight),
    digester,
    clock,
    log,
    accept: (request) => options.accept(request),
    accepted: (info) => options.onRequest?.(info),
    refused(refusal, signal, points) {
      refusalLog.note(refusal, signal);
      if (signal && points > 0) options.refuse(signal, points);
      const { status, reason, message } = refusal;
      if (reason !== 'aborted') options.onRefused?.({ status, reason, message, points, ...(signal && { signal }) });
    },
    async close() {
      await digester.close();
      refusalLog.close();
    },
  };
}
