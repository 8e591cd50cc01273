import type { SendTestResult } from '../../../shared/control.ts';
import type { Signal } from '../../../shared/signal.ts';
import type { Clock } from '../clock.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { Destination } from '../delivery/destination.ts';
import type { SignalFacts } from '../delivery/facts.ts';
import type { Transport } from '../delivery/transport.ts';
import { testRequest } from '../otlp/synthetic.ts';
import type { Spool } from '../spool/spool.ts';

export interface SendTestParts {
  readonly spool: Spool;
  readonly delivery: Delivery;
  readonly destinations: readonly Destination[];
  /** The relay's own receiver, e.g. `http://127.0.0.1:14318`. */
  readonly receiverUrl: string;
  readonly machineId: string;
  /** The way to that receiver. */
  readonly transport: Transport;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

const pollMs = 25;

/** Sends one real request per signal through the relay's own port and waits until every destination has answered for it. */
export async function sendTest(parts: SendTestParts): Promise<readonly SendTestResult[]> {
  const { destinations, clock } = parts;
  const startedAt = clock.now();
  const startMs = clock.monotonicMs();
  const wanted = new Set(destinations.flatMap((destination) => destination.signals));
  const refusals = new Map<Signal, string>();
  for (const signal of wanted) {
    const refusal = await post(parts, signal);
    if (refusal !== undefined) refusals.set(signal, refusal);
  }
  parts.delivery.wake('manual');
  const waits = destinations.flatMap((destination) =>
    destination.signals.map((signal) => {
      const refusal = refusals.get(signal);
      const before = books(parts.spool, destination.name, signal);
      return refusal === undefined
        ? waitFor(parts, {
            destination,
            signal,
            acceptedUpTo: before.accepted,
            rejectedBefore: before.rejected,
            startedAt,
            startMs,
          })
        : Promise.resolve<SendTestResult>({
            destination: destination.name,
            signal,
            outcome: 'blocked',
            message: `the relay did not take the test: ${refusal}`,
            tookMs: Math.round(clock.monotonicMs() - startMs),
          });
    }),
  );
  return Promise.all(waits);
}

/** Undefined when the relay acknowledged it, else why not. */
async function post(parts: SendTestParts, signal: Signal): Promise<string | undefined> {
  const { clock, transport, receiverUrl, machineId } = parts;
  const result = await transport.send({
    url: `${receiverUrl}/v1/${signal}`,
    headers: { 'content-type': 'application/x-protobuf' },
    body: testRequest(signal, clock.now(), { 'span_relay.machine_id': machineId }),
    timeoutMs: parts.timeoutMs,
  });
  if (result.kind === 'failure') return result.message;
  return result.status === 200 ? undefined : `status ${result.status}`;
}

interface Expectation {
  readonly destination: Destination;
  readonly signal: Signal;
  /** The queue is first in, first out: the test is through when nothing up to this count is owed any more. */
  readonly acceptedUpTo: number;
  readonly rejectedBefore: number;
  readonly startedAt: number;
  readonly startMs: number;
}

async function waitFor(parts: SendTestParts, expected: Expectation): Promise<SendTestResult> {
  const { clock, delivery, spool, timeoutMs } = parts;
  const { destination, signal, startMs } = expected;
  for (;;) {
    const facts = delivery
      .facts()
      .find(({ name }) => name === destination.name)
      ?.signals.find((one) => one.signal === signal);
    const { accepted, pending, rejected } = books(spool, destination.name, signal);
    const through = accepted - pending >= expected.acceptedUpTo;
    const tookMs = Math.round(clock.monotonicMs() - startMs);
    const base = { destination: destination.name, signal, tookMs };
    if (through && rejected > expected.rejectedBefore) {
      return { ...base, outcome: 'rejected', ...answerOf(facts, 'the destination rejected it') };
    }
    if (through) return { ...base, outcome: 'delivered', message: 'the destination has it' };
    const verdict = verdictOf(facts, expected.startedAt);
    if (verdict) return { ...base, ...verdict };
    if (tookMs >= timeoutMs) {
      return {
        ...base,
        outcome: 'timeout',
        message: `no answer yet; ${pending.toLocaleString('en')} points wait in the queue`,
      };
    }
    await new Promise<void>((resolve) => clock.after(pollMs, resolve));
  }
}

function verdictOf(
  facts: SignalFacts | undefined,
  startedAt: number,
): Pick<SendTestResult, 'outcome' | 'status' | 'message'> | undefined {
  if (facts === undefined) return { outcome: 'unconfigured', message: 'it is not configured any more' };
  if (facts.state === 'unconfigured') {
    return { outcome: 'unconfigured', message: 'it has no endpoint or no credential yet; the test waits on disk' };
  }
  const answered = facts.lastAttemptAt !== null && facts.lastAttemptAt >= startedAt && facts.lastError !== null;
  if (!answered || facts.state === 'ok') return undefined;
  return { outcome: facts.state, ...answerOf(facts, 'it did not take the test') };
}

function answerOf(facts: SignalFacts | undefined, otherwise: string): { status?: number; message: string } {
  const status = facts?.lastError?.status;
  return { ...(status === undefined ? {} : { status }), message: facts?.lastError?.message ?? otherwise };
}

function books(
  spool: Spool,
  destination: string,
  signal: Signal,
): { accepted: number; pending: number; rejected: number } {
  const row = spool.books().ledger.find((one) => one.destination === destination && one.signal === signal);
  return row ?? { accepted: 0, pending: 0, rejected: 0 };
}
