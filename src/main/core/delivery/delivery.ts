import type { Signal } from '../../../shared/signal.ts';
import type { Attribution } from '../attribution/attribution.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Spool } from '../spool/spool.ts';
import type { Credentials } from './credentials.ts';
import { type Destination, publicEndpoint, signalUrl } from './destination.ts';
import type { Exporters } from './exporter.ts';
import { type DeliveryFacts, mergeSignals } from './facts.ts';
import { Sender } from './sender.ts';
import type { StandingFacts } from './standing.ts';

export type WakeReason = 'sleep' | 'clock' | 'network' | 'credential' | 'certificates' | 'config' | 'manual';

export interface Waiting {
  readonly destination: string;
  readonly signal: Signal;
}

/** Takes data out of the spool and brings it to the destinations. */
export interface Delivery {
  /**
   * The destinations as configured now. New and changed ones try at once; removed ones stop in mid-flight, and what they
   * had is given back. The spool is told by the caller (`Spool.setDestinations`), best before this.
   */
  setDestinations(destinations: readonly Destination[]): void;
  /** Makes every destination that waits try within a second, at random. */
  wake(reason: WakeReason): void;
  /** As `wake`, but leaves alone those that wait because the destination asked for it (Retry-After), and tells which. */
  wakeUnlessAsked(): readonly Waiting[];
  facts(): readonly DeliveryFacts[];
  /** Lets what is in flight be answered for a moment, gives the rest back to the spool; within a second, whatever hangs. */
  stop(): Promise<void>;
}

/** What delivery uses of the spool. */
export type DeliverySpool = Pick<Spool, 'on' | 'pick' | 'settle' | 'release'>;

export interface DeliveryOptions {
  readonly spool: DeliverySpool;
  readonly exporters: Exporters;
  readonly attribution: Pick<Attribution, 'enrich'>;
  readonly credentials: Credentials;
  /** Nothing is sent before it has resolved. Default: at once. */
  readonly attributesRead?: Promise<void>;
  readonly clock: Clock;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  readonly log: Log;
  /** The proxy by which a destination was last reached, for people; null without one. */
  readonly via?: (destination: Destination) => string | null;
  /** Over how long a wake-up is spread. */
  readonly wakeJitterMs?: number;
}

export const defaultWakeJitterMs = 1_000;
const maxStopMs = 1_000;
const stopGraceMs = 300;

interface Running {
  readonly destination: Destination;
  readonly senders: ReadonlyMap<Signal, Sender>;
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const { spool, exporters, attribution, credentials, clock, random, log } = options;
  const jitterMs = options.wakeJitterMs ?? defaultWakeJitterMs;
  const running = new Map<string, Running>();
  /** By name and signal: the end of the sender that was there before. */
  const endings = new Map<string, Promise<void>>();
  let stopping: Promise<void> | undefined;

  function start(destination: Destination, before: Running | undefined): void {
    const senders = new Map<Signal, Sender>();
    const parts = {
      ...options,
      exporter: exporters.for(destination),
      enrich: (signal: Signal, body: Uint8Array) => attribution.enrich(destination.attributes, signal, body),
    };
    for (const signal of destination.signals) {
      // What one signal has found out, the others need not wait for.
      const onRecovered = () => wakeSenders([...senders.values()].filter((other) => mayHaveRecovered(other.facts())));
      const history = before?.senders.get(signal)?.facts();
      const sender = new Sender({ ...parts, onRecovered }, destination, signal, history);
      senders.set(signal, sender);
      const first = [
        endings.get(`${destination.name}\n${signal}`),
        credentials.firstRead(destination.name),
        options.attributesRead,
      ];
      sender.start(Promise.all(first).then(() => undefined));
    }
    running.set(destination.name, { destination, senders });
  }

  function end({ destination, senders }: Running, graceMs = 0): void {
    running.delete(destination.name);
    for (const [signal, sender] of senders) {
      const key = `${destination.name}\n${signal}`;
      const ending = sender.stop(graceMs).finally(() => {
        if (endings.get(key) === ending) endings.delete(key);
      });
      endings.set(key, ending);
    }
  }

  function allSenders(which: (destination: Destination) => boolean = () => true): Sender[] {
    return [...running.values()]
      .filter(({ destination }) => which(destination))
      .flatMap(({ senders }) => [...senders.values()]);
  }

  function wakeSenders(senders: readonly Sender[]): void {
    for (const sender of senders) {
      if (jitterMs === 0) sender.wake();
      else clock.after(random() * jitterMs, () => sender.wake());
    }
  }

  const unlisten = [
    spool.on((event) => {
      if (event.kind === 'accepted') {
        for (const { senders } of running.values()) {
          for (const signal of event.signals) senders.get(signal)?.work();
        }
      } else if (['owed', 'ready', 'repaired', 'disk-ok'].includes(event.kind)) {
        for (const sender of allSenders()) sender.spoolReady();
      }
    }),
    credentials.onChanged((name) => wakeSenders(allSenders((destination) => destination.name === name))),
  ];

  return {
    setDestinations(destinations) {
      if (stopping !== undefined) return;
      credentials.setDestinations(destinations);
      const wanted = new Map(destinations.map((destination) => [destination.name, destination]));
      for (const current of [...running.values()]) {
        const { name } = current.destination;
        const next = wanted.get(name);
        if (next !== undefined && sameDestination(next, current.destination)) {
          // What is looked up for each request does not end the one in flight: that would make duplicates of a rotation.
          running.set(name, { ...current, destination: next });
          wanted.delete(name);
          continue;
        }
        end(current);
        if (next !== undefined) start(next, current);
        wanted.delete(name);
      }
      for (const destination of wanted.values()) start(destination, undefined);
      // People see them in the order of the config.
      for (const { name } of destinations) {
        const current = running.get(name);
        if (current === undefined || !running.delete(name)) continue;
        running.set(name, current);
      }
    },
    wake(reason) {
      log.info('delivery woken', { reason });
      if (reason === 'sleep' || reason === 'network' || reason === 'certificates') exporters.closeIdle();
      wakeSenders(allSenders());
    },
    wakeUnlessAsked() {
      log.info('delivery woken', { reason: 'manual' });
      wakeSenders(allSenders().filter((sender) => !sender.askedToWait));
      return [...running.values()].flatMap(({ destination: { name }, senders }) =>
        [...senders].flatMap(([signal, { askedToWait }]) => (askedToWait ? [{ destination: name, signal }] : [])),
      );
    },
    facts: () =>
      [...running.values()].map(({ destination, senders }) => {
        const { name } = destination;
        const signals = [...senders].map(([signal, sender]) => ({
          ...begun(sender.facts(), signalUrl(destination, signal) !== undefined && credentials.resolve(name, signal)),
          ...credentials.standing(name, signal),
        }));
        return {
          name,
          endpoint: publicEndpoint(destination),
          via: options.via?.(destination) ?? null,
          ...credentials.places(name),
          ...mergeSignals(signals),
          signals,
        };
      }),
    stop() {
      stopping ??= (async () => {
        for (const cancel of unlisten) cancel();
        for (const current of [...running.values()]) end(current, stopGraceMs);
        const timeUp = Promise.withResolvers<void>();
        const cancelTimer = clock.after(maxStopMs, timeUp.resolve);
        await Promise.race([Promise.all(endings.values()), timeUp.promise]);
        cancelTimer();
        exporters.closeIdle();
      })();
      return stopping;
    },
  };
}

/** A sender that had no credential sees one that has come only within the jitter of its wake-up: nothing is missing by then. */
function begun(facts: StandingFacts, credential: unknown): StandingFacts {
  return facts.state === 'unconfigured' && credential ? { ...facts, state: 'ok' } : facts;
}

/** Whether the other signals of a destination should try too when one gets through: they may have failed for the same reason. */
function mayHaveRecovered({ state, lastError }: StandingFacts): boolean {
  return state === 'retrying' || (state === 'blocked' && lastError?.kind === 'credentials');
}

/** But for its credential and headers: those are looked up for each request. */
function sameDestination(a: Destination, b: Destination): boolean {
  return fingerprint(a) === fingerprint(b);
}

/** The same text for the same destination, whatever the order of its keys and signals. */
function fingerprint({ signals, credential: _credential, headers: _headers, ...destination }: Destination): string {
  return JSON.stringify([sorted(destination), [...signals].sort()]);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)]);
}
