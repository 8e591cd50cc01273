import { ControlFailure, type SendTestReport, type SendTestResult } from '../../../shared/control.ts';
import type { ListenFacts } from '../../../shared/health.ts';
import { pointNoun, type Signal } from '../../../shared/signal.ts';
import { countOf, relativeTime } from '../../../shared/wording.ts';
import type { Clock } from '../clock.ts';
import { type Delivery, defaultWakeJitterMs } from '../delivery/delivery.ts';
import { type Destination, heldDestination, signalUrl } from '../delivery/destination.ts';
import type { Exporters } from '../delivery/exporter.ts';
import type { SignalFacts } from '../delivery/facts.ts';
import { testRequest } from '../otlp/synthetic.ts';
import type { LoadedConfig } from '../policy/config-source.ts';
import type { Spool } from '../spool/spool.ts';

export interface SendTestParts {
  readonly spool: Spool;
  readonly delivery: Delivery;
  readonly destinations: readonly Destination[];
  /** The name of the only one whose answers are waited for. */
  readonly only?: string | undefined;
  /** Where they are from. */
  readonly config: Pick<LoadedConfig, 'file' | 'held' | 'policy'>;
  /** The relay has been asked to stop: no answer will be heard any more. */
  readonly stopping: () => boolean;
  /** The relay's own receiver. */
  readonly receiver: ListenFacts;
  readonly machineId: string;
  /** The way to that receiver. */
  readonly exporters: Exporters;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

const pollMs = 25;

/** A token that has just come is used once the sender is woken. */
const wokenWithinMs = defaultWakeJitterMs + 500;

/**
 * Sends one real request per signal through the relay's own port and waits until every destination that is asked for has
 * answered for it. Fails with `not-found` where there is none of the name that is asked for.
 */
export async function sendTest(parts: SendTestParts): Promise<SendTestReport> {
  const destinations = askedFor(parts);
  const asked = new Set(destinations.flatMap(({ signals }) => signals));
  const others = parts.destinations.filter((one) => !destinations.includes(one));
  const alsoTo = others.filter(({ signals }) => signals.some((signal) => asked.has(signal)));
  return { results: await resultsOf({ ...parts, destinations }), alsoTo: alsoTo.map(({ name }) => name) };
}

function askedFor({ destinations, only }: SendTestParts): readonly Destination[] {
  if (only === undefined) return destinations;
  const found = destinations.filter(({ name }) => name.toLowerCase() === only.toLowerCase());
  if (found.length > 0) return found;
  const names = destinations.map(({ name }) => name).join(', ');
  throw new ControlFailure('not-found', `There is no destination "${only}". The relay has ${names}.`);
}

async function resultsOf(parts: SendTestParts): Promise<readonly SendTestResult[]> {
  const { destinations, clock, spool } = parts;
  const startedAt = clock.now();
  const startMs = clock.monotonicMs();
  // A destination may answer for the first signal before the last one is posted.
  const before = new Map(expectedAnswers(destinations).map((one) => [keyOf(one), books(spool, one).rejected]));
  const refusals = new Map<Signal, string>();
  for (const signal of new Set(destinations.flatMap((destination) => destination.signals))) {
    const refusal = await post(parts, signal);
    if (refusal !== undefined) refusals.set(signal, refusal);
  }
  const waiting = new Set(parts.delivery.wakeUnlessAsked().map(keyOf));
  return Promise.all(
    expectedAnswers(destinations).map((one): Promise<SendTestResult> | SendTestResult => {
      const refusal = refusals.get(one.signal);
      const rejectedBefore = before.get(keyOf(one)) ?? 0;
      if (refusal === undefined) {
        const acceptedUpTo = books(spool, one).accepted;
        return waitFor(parts, {
          ...one,
          acceptedUpTo,
          rejectedBefore,
          askedToWait: waiting.has(keyOf(one)),
          startedAt,
          startMs,
        });
      }
      return {
        ...one,
        outcome: 'blocked',
        message: `the relay did not take the test: ${refusal}`,
        tookMs: Math.round(clock.monotonicMs() - startMs),
      };
    }),
  );
}

interface Answerer {
  /** Its name. */
  readonly destination: string;
  readonly signal: Signal;
}

function expectedAnswers(destinations: readonly Destination[]): readonly Answerer[] {
  return destinations.flatMap(({ name, signals }) => signals.map((signal) => ({ destination: name, signal })));
}

function keyOf({ destination, signal }: Answerer): string {
  return `${destination}\n${signal}`;
}

/** Undefined when the relay acknowledged it, else why not. */
async function post(parts: SendTestParts, signal: Signal): Promise<string | undefined> {
  const { clock, exporters, receiver, machineId } = parts;
  if (receiver.state !== 'listening') {
    // Whoever answers there would take the test, and its answer would say nothing of the relay.
    return `port ${receiver.port} is held by ${receiver.holder ?? 'another program'}`;
  }
  const self = { ...heldDestination('relay'), network: { proxy: 'none' } };
  const result = await exporters.for(self).send({
    signal,
    url: `http://127.0.0.1:${receiver.port}/v1/${signal}`,
    headers: {},
    body: testRequest(signal, clock.now(), { 'span_relay.machine_id': machineId }),
    timeoutMs: parts.timeoutMs,
  });
  if (result.kind === 'failure') return result.message;
  if (result.kind === 'unencodable') return result.problem;
  const status = result.kind === 'grpc' ? result.code : result.status;
  return status === 200 ? undefined : `status ${status}`;
}

interface Expectation extends Answerer {
  /** The queue is first in, first out: the test is through when nothing up to this count is owed any more. */
  readonly acceptedUpTo: number;
  readonly rejectedBefore: number;
  /** The destination has named the time of its next attempt itself. */
  readonly askedToWait: boolean;
  readonly startedAt: number;
  readonly startMs: number;
}

async function waitFor(parts: SendTestParts, expected: Expectation): Promise<SendTestResult> {
  const { clock, delivery, spool, timeoutMs } = parts;
  const { destination, signal, startMs } = expected;
  for (;;) {
    const facts = delivery
      .facts()
      .find(({ name }) => name === destination)
      ?.signals.find((one) => one.signal === signal);
    const { accepted, pending, rejected } = books(spool, expected);
    const tookMs = Math.round(clock.monotonicMs() - startMs);
    const base = { destination, signal, tookMs };
    if (accepted - pending >= expected.acceptedUpTo) {
      return rejected > expected.rejectedBefore
        ? { ...base, outcome: 'rejected', ...(await rejection(spool, expected, facts)) }
        : { ...base, outcome: 'delivered', message: 'the destination has it' };
    }
    if (parts.stopping()) {
      const message =
        'the relay stopped before there was an answer; the test is on disk and goes out after its next start';
      return { ...base, outcome: 'timeout', message };
    }
    const verdict = mayBeWoken(parts, expected, facts, tookMs) ? undefined : verdictOf(parts, expected, facts);
    if (verdict) return { ...base, ...verdict };
    if (tookMs >= timeoutMs) {
      return { ...base, outcome: 'timeout', message: `no answer yet; ${waitingWords(signal, pending)} in the queue` };
    }
    await new Promise<void>((resolve) => clock.after(pollMs, resolve));
  }
}

/** The destination's words about what it would not have: of the whole request, or of some of its points. */
async function rejection(
  spool: Spool,
  { destination, signal, startedAt }: Expectation,
  facts: SignalFacts | undefined,
): Promise<{ status?: number; message: string }> {
  const quarantined = (await spool.quarantine.list(destination)).findLast(
    (one) => one.signal === signal && one.quarantinedAt >= startedAt,
  );
  if (quarantined !== undefined) return { status: quarantined.status, message: quarantined.message };
  return { message: facts?.lastPartialSuccess?.message || 'the destination rejected it' };
}

/** Whether it has no token as far as its sender knows, and may have got one since. */
function mayBeWoken(
  { destinations, timeoutMs }: SendTestParts,
  { destination, signal }: Expectation,
  facts: SignalFacts | undefined,
  tookMs: number,
): boolean {
  const configured = destinations.find(({ name }) => name === destination);
  const hasAddress = configured !== undefined && signalUrl(configured, signal) !== undefined;
  return facts?.state === 'unconfigured' && hasAddress && tookMs < Math.min(timeoutMs, wokenWithinMs);
}

type Verdict = Pick<SendTestResult, 'outcome' | 'status' | 'message'>;

function verdictOf(
  { clock, ...parts }: SendTestParts,
  { destination, signal, startedAt, askedToWait }: Expectation,
  facts: SignalFacts | undefined,
): Verdict | undefined {
  if (facts === undefined) return { outcome: 'unconfigured', message: 'it is not configured any more' };
  const { state, lastAttemptAt, lastError, nextAttemptAt } = facts;
  if (state === 'unconfigured') return { outcome: 'unconfigured', message: missing(parts, destination, signal) };
  // While an attempt is under way, the last error is still the one before it.
  const answered = lastAttemptAt !== null && lastAttemptAt >= startedAt;
  if (!(answered || askedToWait) || nextAttemptAt === null || state === 'ok' || lastError === null) return undefined;
  const { status, message } = lastError;
  const again = `the next attempt is ${relativeTime(nextAttemptAt, clock.now())}`;
  const why = answered ? '' : ', as the destination asked';
  return {
    outcome: state,
    ...(status === undefined ? {} : { status }),
    message: `${message.replace(/\.$/, '')}; ${again}${why}`,
  };
}

/** What has to be there before anything can be sent to it. */
function missing(
  { config, destinations }: Pick<SendTestParts, 'config' | 'destinations'>,
  destination: string,
  signal: Signal,
): string {
  const held = config.held.find(({ name }) => name === destination);
  const configured = destinations.find(({ name }) => name === destination);
  const what =
    held !== undefined
      ? `its entry in ${held.by === 'policy' ? config.policy.file : config.file} has a mistake (${held.mistake})`
      : configured === undefined || signalUrl(configured, signal) === undefined
        ? `no endpoint is configured: add a destination to ${config.file}`
        : `it has no token: put one into ${config.file}, or let Claude Code send one`;
  return `${what}; the test waits on disk`;
}

function waitingWords(signal: Signal, points: number): string {
  return `${countOf(points, pointNoun[signal].slice(0, -1))} ${points === 1 ? 'waits' : 'wait'}`;
}

function books(
  spool: Spool,
  { destination, signal }: Answerer,
): { accepted: number; pending: number; rejected: number } {
  const row = spool.books().ledger.find((one) => one.destination === destination && one.signal === signal);
  return row ?? { accepted: 0, pending: 0, rejected: 0 };
}
