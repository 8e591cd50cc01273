import * as v from 'valibot';
import type { HealthSnapshot } from './health.ts';
import type { HourRow, LedgerRow } from './ledger.ts';
import type { QuarantinedRequest } from './quarantine.ts';
import type { Signal } from './signal.ts';

/** One method of the control API: how its arguments are validated, and (as a type only) what it returns. */
interface ControlMethodSchema<Args extends v.GenericSchema, Result> {
  readonly args: Args;
  /** Carries the type; there is never a value. */
  readonly result?: Result;
}

const returns =
  <Result>() =>
  <Args extends v.GenericSchema>(args: Args): ControlMethodSchema<Args, Result> => ({ args });

const nothing = v.strictObject({});
const id = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** Hours of the ledger that are kept: 35 days. */
export const maxLedgerHours = 35 * 24;

/** The longest that a test may take, in milliseconds. */
export const maxSendTestTimeoutMs = 120_000;

/** The control API. Server, client and command line derive their types from this one value. */
export const controlSchema = {
  status: returns<HealthSnapshot>()(nothing),
  /** The books since ever, and per hour for the last `hours` hours (none when left out). */
  ledger: returns<LedgerReport>()(
    v.strictObject({
      hours: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(maxLedgerHours))),
    }),
  ),
  /** Recounts the stored rows. No problems means that the books balance. */
  verify: returns<VerifyReport>()(nothing),
  /**
   * Sends a real request through the relay, and waits for what comes back from each destination, or from one alone. Fails
   * with `not-found` where there is none of that name.
   */
  sendTest: returns<SendTestReport>()(
    v.strictObject({
      destination: v.optional(v.string()),
      timeoutMs: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(maxSendTestTimeoutMs)),
    }),
  ),
  quarantineList: returns<QuarantineListing>()(v.strictObject({ destination: v.optional(v.string()) })),
  /** Decoded, with confidential values masked unless `unmasked`. Fails with `not-found`. */
  quarantineShow: returns<QuarantineDecoded>()(v.strictObject({ id, unmasked: v.boolean() })),
  quarantineRetry: returns<QuarantineChange>()(v.strictObject({ id })),
  quarantineDiscard: returns<QuarantineChange>()(v.strictObject({ id })),
  /** The encoded request. Fails with `not-found`. */
  quarantinePayload: returns<QuarantinePayload>()(v.strictObject({ id })),
  /** Reads policy and config now; answers when what they say is in force. */
  reload: returns<ConfigFiles>()(nothing),
  /** A replacement process asks the running one to stop in its favour. */
  handOver: returns<Readonly<Record<string, never>>>()(nothing),
  stop: returns<Readonly<Record<string, never>>>()(nothing),
} as const;

export type ControlMethod = keyof typeof controlSchema;

export type ControlArgs<M extends ControlMethod> = v.InferOutput<(typeof controlSchema)[M]['args']>;

export type ControlResult<M extends ControlMethod> = NonNullable<(typeof controlSchema)[M]['result']>;

/** What the agent implements. A thrown `ControlFailure` reaches the caller with its code. */
export type ControlHandlers = {
  readonly [M in ControlMethod]: (args: ControlArgs<M>) => Promise<ControlResult<M>>;
};

export interface LedgerReport {
  readonly ledger: readonly LedgerRow[];
  readonly hours: readonly HourRow[];
}

export interface VerifyReport {
  readonly problems: readonly string[];
}

export const sendTestOutcomes = ['delivered', 'rejected', 'blocked', 'retrying', 'unconfigured', 'timeout'] as const;

export type SendTestOutcome = (typeof sendTestOutcomes)[number];

export interface SendTestResult {
  readonly destination: string;
  readonly signal: Signal;
  readonly outcome: SendTestOutcome;
  /** The HTTP status, where there was an answer. */
  readonly status?: number;
  readonly message: string;
  readonly tookMs: number;
}

export interface SendTestReport {
  readonly results: readonly SendTestResult[];
  /** Who got the test beside them, because it takes the same way as all telemetry: names. */
  readonly alsoTo: readonly string[];
}

/** The files that a relay follows. */
export interface ConfigFiles {
  readonly configFile: string;
  /** Null where no policy is looked for. */
  readonly policyFile: string | null;
}

export interface QuarantineListing {
  readonly requests: readonly QuarantinedRequest[];
}

export interface QuarantineDecoded {
  readonly request: QuarantinedRequest;
  /** The request as OTLP/JSON, or what stands in for it when it cannot be decoded. */
  readonly decoded: unknown;
}

export interface QuarantinePayload {
  readonly request: QuarantinedRequest;
  /** The encoded protobuf request. */
  readonly base64: string;
}

export interface QuarantineChange {
  /** False when there is no request with this id. */
  readonly done: boolean;
}

export const controlErrorCodes = [
  'bad-request',
  'unknown-method',
  'too-large',
  'not-found',
  'unavailable',
  'failed',
] as const;

export type ControlErrorCode = (typeof controlErrorCodes)[number];

export interface ControlError {
  readonly code: ControlErrorCode;
  readonly message: string;
}

/** A failure that a handler wants the caller to see in its own words. */
export class ControlFailure extends Error {
  override readonly name = 'ControlFailure';
  readonly code: ControlErrorCode;

  constructor(code: ControlErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The most bytes that one request on the wire may have. */
export const maxControlRequestBytes = 16 * 1024 * 1024;

/** The most bytes that one answer may have: room for the largest request (64 MiB) from quarantine, in base64. */
export const maxControlResponseBytes = 96 * 1024 * 1024;

/** One line on the wire, from client to server. */
export const controlRequest = v.object({
  id: v.number(),
  method: v.string(),
  args: v.optional(v.unknown(), {}),
});

/** One line on the wire, from server to client. `id` is null where the request's could not be read. */
export const controlResponse = v.union([
  v.object({ id: v.number(), result: v.unknown() }),
  v.object({
    id: v.nullable(v.number()),
    error: v.object({ code: v.picklist(controlErrorCodes), message: v.string() }),
  }),
]);

export function isControlMethod(name: string): name is ControlMethod {
  return Object.hasOwn(controlSchema, name);
}
