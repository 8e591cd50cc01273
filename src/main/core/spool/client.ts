import { type Signal, signals } from '../../../shared/signal.ts';
import type { Log } from '../log.ts';
import { createFrameReader } from './books-frame.ts';
import type { Change, Outcome } from './engine.ts';
import { type FromService, packRequests, type Query, type ServiceOptions, type ToService } from './protocol.ts';
import {
  type Batch,
  type BatchLimits,
  type IncomingRequest,
  type Quarantine,
  type Settlement,
  type Spool,
  type SpoolBooks,
  type SpoolDestination,
  SpoolError,
  type SpoolEvent,
  type SpoolLimits,
} from './spool.ts';

/** The way to the spool's thread. */
export interface Port {
  post(message: ToService, transfer?: ArrayBuffer[]): void;
  onMessage(listener: (message: FromService) => void): void;
  /** The thread ended, wanted or not. */
  onEnd(listener: (message: string) => void): void;
  end(): void;
}

export interface ClientOptions {
  readonly service: ServiceOptions;
  readonly log: Log;
  readonly connect: (service: ServiceOptions) => Port;
  readonly integrityCheckAfterMs: number;
  readonly findDamage: () => Promise<string | undefined>;
}

/** One commit holds at most this much, so that nobody waits long behind others. */
const groupRequests = 1024;
const groupBytes = 8 * 1024 * 1024;
const refusalsWrittenAfterMs = 1000;
const restartAfterMs = 200;
const dayMs = 86_400_000;

/** What the thread answers, or that there is none any more. */
type Answered = Outcome<unknown> | { readonly ok: false; readonly kind: 'closed'; readonly message: string };

interface Waiting {
  readonly request: IncomingRequest;
  readonly resolve: (id: number) => void;
  readonly reject: (error: SpoolError) => void;
}

/** The caller's side of the spool: gathers what arrives during one commit for the next (group commit). */
export class SpoolClient implements Spool {
  readonly #options: ClientOptions;
  readonly #listeners = new Set<(event: SpoolEvent) => void>();
  readonly #tickets = new Map<number, (outcome: Answered) => void>();
  readonly #waiting: Waiting[] = [];
  readonly #books = createFrameReader();
  readonly #refused = new Map<Signal, number>();
  #service: ServiceOptions;
  /** Undefined between the end of a thread and the start of the next; what is posted meanwhile waits in the outbox. */
  #port: Port | undefined;
  readonly #outbox: { readonly message: ToService; readonly transfer: ArrayBuffer[] }[] = [];
  #ticket = 0;
  #committing = false;
  #flushing = false;
  #closing: Promise<void> | undefined;
  #isClosed = false;
  #timers: NodeJS.Timeout[] = [];
  #refusalTimer: NodeJS.Timeout | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#service = options.service;
    this.#connect();
    if (options.integrityCheckAfterMs > 0) this.#scheduleIntegrityCheck(options.integrityCheckAfterMs);
  }

  accept(request: IncomingRequest): Promise<number> {
    if (this.#closing) return Promise.reject(new SpoolError('closed', 'the relay is stopping'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      if (this.#committing || this.#flushing) return;
      this.#flushing = true;
      setImmediate(() => this.#flush());
    });
  }

  refuse(signal: Signal, points: number): void {
    this.#refused.set(signal, (this.#refused.get(signal) ?? 0) + points);
    this.#refusalTimer ??= setTimeout(() => this.#writeRefusals(), refusalsWrittenAfterMs).unref();
  }

  async setDestinations(destinations: readonly SpoolDestination[]): Promise<void> {
    this.#service = { ...this.#service, destinations, areSet: true };
    await this.#change({ op: 'destinations', destinations });
    this.#tell({ kind: 'owed' });
  }

  async pick(destination: string, signal: Signal, limits: BatchLimits): Promise<Batch | undefined> {
    return (await this.#change({ op: 'pick', destination, signal, limits })) as Batch | undefined;
  }

  async settle(destination: string, signal: Signal, settlement: Settlement): Promise<void> {
    await this.#change({ op: 'settle', destination, signal, settlement });
  }

  async release(destination: string, signal: Signal, possiblySent: boolean): Promise<void> {
    await this.#change({ op: 'release', destination, signal, possiblySent });
  }

  async setLimits(limits: SpoolLimits): Promise<void> {
    this.#service = { ...this.#service, limits };
    await this.#ask({ kind: 'limits', ticket: this.#nextTicket(), limits });
    await this.maintain();
  }

  async maintain(): Promise<void> {
    await this.#ask({ kind: 'maintain', ticket: this.#nextTicket() });
  }

  books(): SpoolBooks {
    return this.#books.books();
  }

  async hours(hours: number): ReturnType<Spool['hours']> {
    return (await this.#query({ what: 'hours', hours })) as Awaited<ReturnType<Spool['hours']>>;
  }

  async verify(): Promise<readonly string[]> {
    this.#writeRefusals();
    return (await this.#query({ what: 'verify' })) as readonly string[];
  }

  async repairs(): ReturnType<Spool['repairs']> {
    return (await this.#query({ what: 'repairs' })) as Awaited<ReturnType<Spool['repairs']>>;
  }

  readonly quarantine: Quarantine = {
    list: async (destination) =>
      (await this.#query({ what: 'quarantine', destination })) as Awaited<ReturnType<Quarantine['list']>>,
    payload: async (id) => (await this.#query({ what: 'payload', id })) as Awaited<ReturnType<Quarantine['payload']>>,
    retry: async (id) => {
      const done = (await this.#change({ op: 'retry', id })) === true;
      if (done) this.#tell({ kind: 'owed' });
      return done;
    },
    discard: async (id) => (await this.#change({ op: 'discard', id })) === true,
  };

  on(listener: (event: SpoolEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    if (!this.#port) this.#connect();
    while (this.#waiting.length > 0 || this.#committing) {
      if (!this.#committing) this.#flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#writeRefusals();
    await this.#ask({ kind: 'close', ticket: this.#nextTicket() }).catch((error: unknown) => {
      this.#options.log.warn('the spool did not close in order', { error: String(error) });
    });
    this.#isClosed = true;
    clearTimeout(this.#refusalTimer);
    this.#failAll('closed', 'the spool is closed');
    this.#port?.end();
  }

  #connect(): void {
    const port = this.#options.connect(this.#service);
    this.#port = port;
    port.onMessage((message) => this.#receive(message));
    port.onEnd((message) => this.#ended(port, message));
    for (const { message, transfer } of this.#outbox.splice(0)) port.post(message, transfer);
  }

  #post(message: ToService, transfer: ArrayBuffer[] = []): void {
    if (this.#port) this.#port.post(message, transfer);
    else this.#outbox.push({ message, transfer });
  }

  #receive(message: FromService): void {
    if (message.kind === 'event') {
      this.#tell(message.event);
      return;
    }
    if (message.books) this.#books.take(message.books);
    for (const { ticket, outcome } of message.answers) {
      const resolve = this.#tickets.get(ticket);
      this.#tickets.delete(ticket);
      resolve?.(outcome);
    }
  }

  #tell(event: SpoolEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** A thread that died takes no data with it that was acknowledged: its commits are on disk. */
  #ended(port: Port, message: string): void {
    if (port !== this.#port) return;
    if (this.#isClosed) return;
    this.#port = undefined;
    this.#options.log.error('the spool thread ended and is started again', { error: message });
    this.#tell({ kind: 'unavailable', message });
    this.#failAll('unavailable', message);
    if (this.#closing) this.#connect();
    else {
      this.#timers.push(
        setTimeout(() => {
          if (!this.#port && !this.#isClosed) this.#connect();
        }, restartAfterMs),
      );
    }
  }

  #failAll(kind: 'unavailable' | 'closed', message: string): void {
    const tickets = [...this.#tickets.values()];
    this.#tickets.clear();
    for (const resolve of tickets) resolve({ ok: false, kind, message });
  }

  #flush(): void {
    this.#flushing = false;
    const group: Waiting[] = [];
    let bytes = 0;
    for (const waiting of this.#waiting) {
      if (group.length > 0 && (group.length >= groupRequests || bytes + waiting.request.body.length > groupBytes))
        break;
      group.push(waiting);
      bytes += waiting.request.body.length;
    }
    this.#waiting.splice(0, group.length);
    if (group.length === 0) return;
    this.#committing = true;
    this.#writeRefusals();
    const packed = packRequests(
      group.map(({ request }) => ({
        signal: signals.indexOf(request.signal),
        points: request.points,
        body: request.body,
      })),
    );
    const ticket = this.#nextTicket();
    this.#tickets.set(ticket, (outcome) => this.#committed(group, outcome));
    this.#post({ kind: 'accept', ticket, packed }, [packed.bytes]);
  }

  #committed(group: readonly Waiting[], outcome: Answered): void {
    this.#committing = false;
    if (this.#waiting.length > 0) this.#flush();
    if (!outcome.ok) {
      const error = new SpoolError(outcome.kind, outcome.message);
      for (const { reject } of group) reject(error);
      return;
    }
    const ids = outcome.value as readonly number[];
    for (const [at, { resolve }] of group.entries()) resolve(ids[at] ?? 0);
    this.#tell({ kind: 'accepted', signals: [...new Set(group.map(({ request }) => request.signal))] });
  }

  #writeRefusals(): void {
    clearTimeout(this.#refusalTimer);
    this.#refusalTimer = undefined;
    const refused = [...this.#refused];
    this.#refused.clear();
    for (const [signal, points] of refused) {
      this.#change({ op: 'refuse', signal: signals.indexOf(signal), points }).catch((error: unknown) => {
        if (!this.#closing) this.refuse(signal, points);
        else this.#options.log.warn('refused points could not be booked', { points, error: String(error) });
      });
    }
  }

  #change(change: Exclude<Change, { op: 'accept' }>): Promise<unknown> {
    return this.#ask({ kind: 'change', ticket: this.#nextTicket(), change });
  }

  #query(query: Query): Promise<unknown> {
    return this.#ask({ kind: 'query', ticket: this.#nextTicket(), query });
  }

  #nextTicket(): number {
    this.#ticket++;
    return this.#ticket;
  }

  #ask(message: ToService): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new SpoolError('closed', 'the spool is closed'));
    return new Promise((resolve, reject) => {
      this.#tickets.set(message.ticket, (outcome) => {
        if (outcome.ok) resolve(outcome.value);
        else reject(new SpoolError(outcome.kind, outcome.message));
      });
      this.#post(message);
    });
  }

  #scheduleIntegrityCheck(delayMs: number): void {
    const timer = setTimeout(async () => {
      const damage = await this.#options.findDamage();
      if (this.#closing) return;
      if (damage)
        await this.#ask({ kind: 'repair', ticket: this.#nextTicket(), reason: damage }).catch(() => undefined);
      this.#scheduleIntegrityCheck(dayMs);
    }, delayMs);
    timer.unref();
    this.#timers.push(timer);
  }
}
