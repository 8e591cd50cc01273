import type { DeliveryError, DestinationState } from '../../../shared/health.ts';
import type { Signal } from '../../../shared/signal.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { type Batch, type Settlement, type Spool, SpoolError } from '../spool/spool.ts';
import { Alarm } from './alarm.ts';
import { nextDelayMs, nextProbeMs } from './backoff.ts';
import type { BlockedVerdict, RetryVerdict, Verdict } from './classify.ts';
import type { Credentials, ResolvedCredential } from './credentials.ts';
import { deliverBatch } from './deliver-batch.ts';
import { type Destination, signalUrl } from './destination.ts';
import type { Exporter } from './exporter.ts';
import { Pace } from './pace.ts';
import { Patience } from './patience.ts';
import { readAnswer } from './read-answer.ts';
import { SenderLog } from './sender-log.ts';
import { type SenderHistory, Standing, type StandingFacts } from './standing.ts';

export interface SenderParts {
  readonly spool: Pick<Spool, 'pick' | 'settle' | 'release'>;
  readonly exporter: Exporter;
  /** Puts the destination's attributes on an encoded request. */
  readonly enrich: (signal: Signal, body: Uint8Array) => Uint8Array;
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  /** The destination takes data again after it did not. */
  readonly onRecovered: () => void;
}

/** Brings the data of one signal to one destination, oldest first, one request in flight. */
export class Sender {
  readonly #parts: SenderParts;
  readonly #destination: Destination;
  readonly #signal: Signal;
  readonly #alarm: Alarm;
  readonly #pace: Pace;
  readonly #standing: Standing;
  readonly #patience = new Patience();
  readonly #log: SenderLog;
  readonly #abort = new AbortController();
  #ending = false;
  #loop: Promise<void> = Promise.resolve();

  #failures = 0;
  #spoolFailures = 0;
  #lastWasStale = false;
  #answeredInMs = 0;
  /** The spool holds a batch as in flight for us. */
  #holding = false;
  /** What is in flight may have reached the destination without being booked. */
  #possiblySent = false;
  /** The destination has named the time of the next attempt itself (Retry-After). */
  #askedToWait = false;
  /** What was answered to credentials that were refused since something else came of an attempt, or there was a pause. */
  readonly #tried = new Map<string, DeliveryError>();

  constructor(parts: SenderParts, destination: Destination, signal: Signal, history?: SenderHistory) {
    this.#parts = parts;
    this.#destination = destination;
    this.#signal = signal;
    this.#alarm = new Alarm(parts.clock);
    this.#pace = new Pace(parts.exporter.maxBatchBytes);
    this.#standing = new Standing(parts.clock, signal, history);
    this.#log = new SenderLog(parts.log, { destination: destination.name, signal });
  }

  /** Starts when `after` has resolved: two senders must never hold the same requests. */
  start(after: Promise<void>): void {
    this.#loop = after.then(() => this.#run());
  }

  /**
   * Begins nothing new. What is in flight has `graceMs` to be answered; then it is aborted and given back: an answer that
   * is not heard makes a duplicate. Resolves when the spool has everything.
   */
  stop(graceMs = 0): Promise<void> {
    this.#ending = true;
    this.#alarm.close();
    if (graceMs === 0) {
      this.#abort.abort();
      return this.#loop;
    }
    const cancel = this.#parts.clock.after(graceMs, () => this.#abort.abort());
    return this.#loop.finally(cancel);
  }

  /** There may be new data. Does not end a wait for a destination in trouble. */
  work(): void {
    this.#alarm.ring('work');
  }

  /** The spool is in order (again). */
  spoolReady(): void {
    this.#alarm.ring(this.#spoolFailures > 0 ? 'wake' : 'work');
  }

  /** Something has changed for the better: try at once, and be patient anew. */
  wake(): void {
    this.#failures = 0;
    this.#alarm.ring('wake');
  }

  /** Whether a wait that the destination asked for is under way: nobody but the relay itself should cut it short. */
  get askedToWait(): boolean {
    return this.#askedToWait;
  }

  facts(): StandingFacts {
    return this.#standing.facts();
  }

  async #run(): Promise<void> {
    while (!this.#ending) {
      try {
        await this.#giveBack();
        await this.#cycle();
      } catch (error) {
        await this.#recover(error);
      }
    }
    try {
      await this.#giveBack();
    } catch (error) {
      this.#log.note('error', 'requests not given back', { error: String(error) });
    }
  }

  async #cycle(): Promise<void> {
    const { spool, credentials, clock, random } = this.#parts;
    const url = signalUrl(this.#destination, this.#signal);
    const credential = credentials.resolve(this.#destination.name, this.#signal);
    if (url === undefined || credential === undefined) {
      this.#become('unconfigured', null);
      return this.#alarm.wait('wake');
    }
    // Nothing was delivered yet, so the log does not say that delivery is ok.
    if (this.#standing.state === 'unconfigured') this.#stand('ok', null);

    this.#alarm.expectWork();
    const limits = this.#pace.limits(clock.monotonicMs());
    const batch = await spool.pick(this.#destination.name, this.#signal, limits);
    if (batch === undefined) {
      this.#spoolFailures = 0;
      this.#pace.caughtUp();
      return this.#alarm.wait('work');
    }
    this.#holding = true;
    const trouble = await this.#deliver(batch, url, credential);
    if (trouble === undefined) this.#holding = false;
    else await this.#giveBack();
    // Not before: whatever fails from pick to here is one row of failures.
    this.#spoolFailures = 0;
    if (this.#ending) return;
    if (trouble !== undefined) return this.#endure(trouble);
    this.#pace.passed();
    const pause = this.#pace.pauseMs(this.#answeredInMs, random());
    if (pause > 0) await this.#alarm.wait('wake', pause);
  }

  async #deliver(
    batch: Batch,
    url: string,
    credential: ResolvedCredential,
  ): Promise<RetryVerdict | BlockedVerdict | undefined> {
    const { clock } = this.#parts;
    return deliverBatch(batch, {
      send: async (body) => {
        const startMs = clock.monotonicMs();
        const verdict = await this.#send(body, url, credential);
        this.#answeredInMs = clock.monotonicMs() - startMs;
        this.#patience.learn(verdict, this.#answeredInMs < this.#destination.timeoutMs);
        this.#possiblySent = verdict.kind === 'delivered' || (verdict.kind === 'retry' && verdict.possiblySent);
        if (verdict.kind === 'retry' || verdict.kind === 'blocked') return verdict;
        this.#lastWasStale = false;
        this.#become('ok', null);
        return verdict;
      },
      taken: (rejectedPoints, message) => {
        this.#standing.delivered(rejectedPoints, message);
        if (rejectedPoints > 0) this.#log.note('warn', 'points rejected', { points: rejectedPoints });
      },
      settle: async (settlement) => {
        await this.#book(settlement);
        this.#possiblySent = false;
        if (settlement.outcome === 'quarantined') {
          this.#log.note('warn', 'request quarantined', { status: settlement.status });
        }
      },
      tooLarge: (bytes) => this.#pace.tooLarge(bytes, clock.monotonicMs()),
    });
  }

  /** Patient with a spool in trouble: to give up on booking a delivery is to deliver it twice. */
  async #book(settlement: Settlement): Promise<void> {
    for (;;) {
      try {
        return await this.#parts.spool.settle(this.#destination.name, this.#signal, settlement);
      } catch (error) {
        const passing = error instanceof SpoolError && error.kind !== 'closed';
        if (!passing || this.#ending) throw error;
        await this.#waitForSpool(error);
      }
    }
  }

  async #giveBack(): Promise<void> {
    if (!this.#holding) return;
    await this.#parts.spool.release(this.#destination.name, this.#signal, this.#possiblySent);
    this.#holding = false;
    this.#possiblySent = false;
  }

  /** `known`: the credential to use where there is none any more. */
  async #send(body: Uint8Array, url: string, known: ResolvedCredential): Promise<Verdict> {
    const { credentials, exporter, enrich, clock } = this.#parts;
    const { name } = this.#destination;
    // Looked up for each request: a batch that is being halved takes a while, and a token that came meanwhile counts.
    const credential = credentials.resolve(name, this.#signal, this.#tried) ?? known;
    this.#standing.attempted();
    const result = await exporter.send({
      signal: this.#signal,
      url,
      headers: credential.headers,
      body: enrich(this.#signal, body),
      timeoutMs: this.#destination.timeoutMs * this.#patience.factor,
      abort: this.#abort.signal,
    });
    const verdict = await readAnswer(result, {
      signal: this.#signal,
      host: URL.parse(url)?.host ?? this.#destination.name,
      now: clock.now(),
      secrets: Object.values(credential.headers),
    });
    if (verdict.kind === 'blocked' && verdict.by === 'credentials') {
      credentials.refused(name, this.#signal, credential.fingerprint);
      this.#tried.set(credential.fingerprint, verdict.error);
    } else {
      this.#tried.clear();
      if (verdict.kind === 'delivered') credentials.worked(name, this.#signal, credential.fingerprint);
    }
    return verdict;
  }

  #endure(trouble: RetryVerdict | BlockedVerdict): Promise<void> {
    return trouble.kind === 'retry' ? this.#retry(trouble) : this.#blocked(trouble);
  }

  async #retry(verdict: RetryVerdict): Promise<void> {
    if (verdict.staleConnection && !this.#lastWasStale) {
      this.#lastWasStale = true;
      return;
    }
    this.#failures++;
    const delayMs = nextDelayMs(this.#failures, this.#parts.random(), verdict.retryAfterMs);
    this.#askedToWait = (verdict.retryAfterMs ?? 0) > 0;
    await this.#waitInTrouble('retrying', verdict.error, delayMs);
    this.#askedToWait = false;
  }

  async #blocked(verdict: BlockedVerdict): Promise<void> {
    const { credentials, random } = this.#parts;
    const { name } = this.#destination;
    // Another value: a rotated token, or one that was refused before and may be right again.
    const isAnother = credentials.resolve(name, this.#signal, this.#tried) !== undefined;
    if (verdict.by === 'credentials' && isAnother) return;
    this.#failures++;
    // What is told is the answer to the credential that is told.
    const best = credentials.resolve(name, this.#signal)?.fingerprint ?? '';
    const error = this.#tried.get(best) ?? verdict.error;
    await this.#waitInTrouble('blocked', error, nextProbeMs(this.#failures, random()));
    this.#tried.clear();
  }

  async #waitInTrouble(state: DestinationState, error: DeliveryError, delayMs: number): Promise<void> {
    this.#pace.failed();
    this.#become(state, error, delayMs);
    await this.#alarm.wait('wake', delayMs);
    this.#standing.waited();
  }

  #become(state: DestinationState, error: DeliveryError | null, nextAttemptInMs?: number): void {
    this.#log.became(state, error);
    this.#stand(state, error, nextAttemptInMs);
  }

  #stand(state: DestinationState, error: DeliveryError | null, nextAttemptInMs?: number): void {
    const before = this.#standing.state;
    this.#standing.become(state, error, nextAttemptInMs);
    if (state === 'ok' || state === 'unconfigured') this.#failures = 0;
    if (state === 'ok' && (before === 'retrying' || before === 'blocked')) this.#parts.onRecovered();
  }

  /** The spool failed us, or there is a bug: neither may end delivery. */
  async #recover(error: unknown): Promise<void> {
    if (error instanceof SpoolError && error.kind === 'closed') {
      this.#holding = false;
      this.#ending = true;
      return;
    }
    await this.#waitForSpool(error);
  }

  async #waitForSpool(error: unknown): Promise<void> {
    this.#spoolFailures++;
    if (this.#spoolFailures === 1) this.#log.note('error', 'delivery interrupted', { error: String(error) });
    await this.#alarm.wait('wake', nextDelayMs(this.#spoolFailures, this.#parts.random()));
  }
}
