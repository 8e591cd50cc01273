import fc from 'fast-check';
import { expect } from 'vitest';
import type { Change } from '../../../../src/main/core/spool/engine.ts';
import type { Batch, SpoolDestination } from '../../../../src/main/core/spool/spool.ts';
import { type Signal, signals } from '../../../../src/shared/signal.ts';
import { payload } from '../../../support/payload.ts';
import {
  dayMs,
  expectAgreement,
  type Model,
  type ModelQueue,
  type ModelRequest,
  points,
  type Real,
  spellings,
} from './model.ts';

type SpoolCommand = fc.Command<Model, Real>;

/** A step of the state machine: `apply` does it to both and compares what came back; then everything must agree. */
function step(
  name: string,
  apply: (model: Model, real: Real) => void,
  can: (model: Readonly<Model>) => boolean = () => true,
): SpoolCommand {
  return {
    check: can,
    run(model, real) {
      apply(model, real);
      expectAgreement(model, real);
    },
    toString: () => name,
  };
}

const signalIndex = fc.nat({ max: 2 });
const destinationName = fc.constantFrom(...spellings);
const incoming = fc.record({
  signal: signalIndex,
  points: fc.nat({ max: 50 }),
  size: fc.oneof(fc.constant(0), fc.nat({ max: 300 }), fc.integer({ min: 2000, max: 9000 })),
});
type Incoming = { readonly signal: number; readonly points: number; readonly size: number };

let seed = 0;

function toRequests(list: readonly Incoming[]) {
  return list.map(({ signal, points, size }) => ({ signal, points, body: payload(seed++, size) }));
}

function acceptInto(model: Model, real: Real, list: readonly Incoming[], beside: readonly Change[] = []): void {
  const requests = toRequests(list);
  const [ids] = real.change({ op: 'accept', requests }, ...beside) as readonly (readonly number[])[];
  for (const [at, request] of requests.entries()) {
    const id = ids?.[at] ?? -1;
    const signal = signals[request.signal] ?? 'metrics';
    const takers = [...model.queues.values()].filter((queue) => queue.signal === signal && queue.subscribed);
    expect(id > 0).toBe(takers.length > 0);
    for (const queue of takers) {
      model.accept(queue, { id, signal, points: request.points, body: request.body, receivedAt: model.now });
    }
  }
  followEviction(model, real, new Set(ids));
}

/** What the quota took must be the oldest; what is in flight or has just come stays. */
function followEviction(model: Model, real: Real, fresh: ReadonlySet<number>): void {
  const left = new Set(real.storedIds());
  const inFlight = model.inFlight();
  const gone = new Set([...model.stored().keys()].filter((id) => !left.has(id)));
  const evictable = [...left].filter((id) => !inFlight.has(id) && !fresh.has(id));
  for (const id of gone) {
    expect(inFlight.has(id) || fresh.has(id)).toBe(false);
    expect(id).toBeLessThan(Math.min(Number.POSITIVE_INFINITY, ...evictable));
  }
  model.drop(gone, 'quota');
  followQuarantine(model, real);
  const used = real.engine.books().usedBytes;
  if (evictable.length > 0) expect(used).toBeLessThanOrEqual(model.limits.maxBytes);
}

/** Copies in quarantine go with the oldest data; the books have them as rejected already. */
function followQuarantine(model: Model, real: Real): void {
  const listed = real.engine.quarantineList();
  const kept = model.quarantined.slice(model.quarantined.length - listed.length);
  model.quarantined = listed.length === 0 ? [] : kept;
}

const accept = fc
  .array(incoming, { minLength: 1, maxLength: 12 })
  .map((list) => step(`accept(${JSON.stringify(list)})`, (model, real) => acceptInto(model, real, list)));

const refuse = fc.tuple(signalIndex, fc.nat({ max: 9 })).map(([signal, refused]) =>
  step(`refuse(${signal}, ${refused})`, (model, real) => {
    real.change({ op: 'refuse', signal, points: refused });
    for (const queue of model.queues.values()) {
      if (queue.signal === signals[signal] && queue.subscribed) queue.books.refused += refused;
    }
  }),
);

const pick = fc
  .tuple(destinationName, signalIndex, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 20_000 }))
  .map(([name, index, maxRequests, maxBytes]) => {
    const signal = signals[index] ?? 'metrics';
    return step(
      `pick(${name}, ${signal}, ${maxRequests}, ${maxBytes})`,
      (model, real) => pickFrom(model, real, name, signal, { maxRequests, maxBytes }),
      (model) => (model.queue(name, signal)?.inFlight ?? 0) === 0,
    );
  });

function pickFrom(
  model: Model,
  real: Real,
  destination: string,
  signal: Signal,
  limits: { maxRequests: number; maxBytes: number },
): void {
  const [batch] = real.change({ op: 'pick', destination, signal, limits }) as readonly (Batch | undefined)[];
  const queue = model.queue(destination, signal);
  const expected = queue ? firstThatFit(queue.owed, limits) : [];
  expect(batch?.requests.map(({ id, points, length }) => ({ id, points, length })) ?? []).toEqual(
    expected.map(({ id, points, body }) => ({ id, points, length: body.length })),
  );
  for (const [at, { offset, length }] of (batch?.requests ?? []).entries()) {
    expect(batch?.body.subarray(offset, offset + length)).toEqual(expected[at]?.body);
  }
  if (queue) queue.inFlight = expected.length;
}

function firstThatFit(
  owed: readonly ModelRequest[],
  limits: { maxRequests: number; maxBytes: number },
): readonly ModelRequest[] {
  let bytes = 0;
  const end = owed.findIndex(({ body }, at) => {
    bytes += body.length;
    return at >= limits.maxRequests || (at > 0 && bytes > limits.maxBytes);
  });
  return end < 0 ? owed : owed.slice(0, end);
}

const flying = (model: Readonly<Model>): ModelQueue[] => [...model.queues.values()].filter((q) => q.inFlight > 0);
const choose = <T>(list: readonly T[], at: number): T => {
  const chosen = list[at % list.length];
  if (chosen === undefined) throw new RangeError('nothing to choose from');
  return chosen;
};

const deliver = fc
  .tuple(fc.nat(), fc.nat(), fc.nat({ max: 60 }), fc.boolean())
  .map(([which, part, rejected, grouped]) =>
    step(
      `deliver(${which}, ${part}, ${rejected}, ${grouped})`,
      (model, real) => {
        const queue = choose(flying(model), which);
        const count = 1 + (part % queue.inFlight);
        const settled = queue.owed.slice(0, count);
        const { destination, signal } = queue;
        const upTo = settled.at(-1)?.id ?? 0;
        const change: Change = {
          op: 'settle',
          destination,
          signal,
          settlement: { outcome: 'delivered', upTo, rejectedPoints: rejected },
        };
        const counted = Math.min(rejected, points(settled));
        const book = () => {
          queue.owed = queue.owed.slice(count);
          queue.inFlight -= count;
          queue.hasMoved = true;
          queue.books.delivered += points(settled) - counted;
          queue.books.rejected += counted;
        };
        if (!grouped) {
          real.change(change);
          book();
          return;
        }
        // In one commit with requests that have just come.
        const list = [{ signal: signals.indexOf(signal), points: 3, size: 100 }];
        const requests = toRequests(list);
        const [, ids] = real.change(change, { op: 'accept', requests }) as readonly [unknown, readonly number[]];
        book();
        for (const one of model.queues.values()) {
          if (one.signal !== signal || !one.subscribed) continue;
          one.books.accepted += 3;
          one.owed.push({
            id: ids[0] ?? -1,
            signal,
            points: 3,
            body: requests[0]?.body ?? new Uint8Array(),
            receivedAt: model.now,
          });
        }
        followEviction(model, real, new Set(ids));
      },
      (model) => flying(model).length > 0,
    ),
  );

const quarantine = fc.nat().map((which) =>
  step(
    `quarantine(${which})`,
    (model, real) => {
      const queue = choose(flying(model), which);
      const [request] = queue.owed;
      if (!request) throw new Error('nothing in flight');
      real.change({
        op: 'settle',
        destination: queue.destination,
        signal: queue.signal,
        settlement: { outcome: 'quarantined', upTo: request.id, status: 400, message: 'malformed' },
      });
      queue.owed = queue.owed.slice(1);
      queue.inFlight--;
      queue.hasMoved = true;
      queue.books.rejected += request.points;
      model.quarantined.push({ queue, request });
    },
    (model) => flying(model).length > 0,
  ),
);

const release = fc.tuple(fc.nat(), fc.boolean()).map(([which, possiblySent]) =>
  step(
    `release(${which}, ${possiblySent})`,
    (model, real) => {
      const queue = choose(flying(model), which);
      real.change({ op: 'release', destination: queue.destination, signal: queue.signal, possiblySent });
      if (possiblySent) queue.books.resent += points(queue.owed.slice(0, queue.inFlight));
      queue.inFlight = 0;
    },
    (model) => flying(model).length > 0,
  ),
);

const fromQuarantine = fc.tuple(fc.nat(), fc.constantFrom('retry' as const, 'discard' as const)).map(([which, op]) =>
  step(
    `${op}(${which})`,
    (model, real) => {
      const chosen = choose(model.quarantined, which);
      const listed = choose(real.engine.quarantineList(), which);
      const nextId = real.engine.store.books.nextId;
      expect(real.change({ op, id: listed.id })).toEqual([true]);
      expect(real.change({ op, id: listed.id })).toEqual([false]);
      const { queue, request } = chosen;
      model.quarantined = model.quarantined.filter((one) => one !== chosen);
      queue.books.rejected -= request.points;
      if (op === 'discard') queue.books.dropped.discarded += request.points;
      else queue.owed.push({ ...request, id: nextId });
      followEviction(model, real, new Set([nextId]));
    },
    (model) => model.quarantined.length > 0,
  ),
);

const formerName = fc.option(fc.constantFrom(...spellings, 'nobody'), { nil: undefined, freq: 3 });
const destination: fc.Arbitrary<SpoolDestination> = fc
  .record({ name: destinationName, formerly: formerName, signals: fc.subarray([...signals], { minLength: 1 }) })
  .map(({ formerly, ...rest }) => (formerly === undefined ? rest : { ...rest, formerly }));
const placeholder: readonly SpoolDestination[] = [{ name: 'span', signals, placeholder: true }];
/** As a config file gives them: letter case alone tells no two apart, and where there are none one stands in. */
const destinationList = fc.oneof(
  fc.uniqueArray(destination, { maxLength: 3, selector: ({ name }) => name.toLowerCase() }),
  fc.constant(placeholder),
);

const setDestinations = destinationList.map((destinations) =>
  step(`setDestinations(${JSON.stringify(destinations)})`, (model, real) => {
    real.change({ op: 'destinations', destinations });
    model.setDestinations(destinations);
  }),
);

/** A change that cannot be committed takes everything in its transaction back with it. */
const fail = fc.tuple(destinationList, incoming).map(([destinations, request]) =>
  step(`fail(${JSON.stringify(destinations)})`, (model, real) => {
    const broken = { ...request, points: Number.NaN, body: payload(0, 10) };
    const everyone = destinations.map((one) => ({ ...one, signals }));
    const heir = { name: `new-${seed++}`, formerly: choose(spellings, seed), signals };
    const changes: readonly Change[] = [
      { op: 'destinations', destinations: [...everyone, heir] },
      { op: 'accept', requests: toRequests([request]) },
      ...flying(model).map(
        ({ destination, signal, owed }): Change => ({
          op: 'settle',
          destination,
          signal,
          settlement: { outcome: 'delivered', upTo: owed[0]?.id ?? 0, rejectedPoints: 1 },
        }),
      ),
      ...flying(model).map(
        ({ destination, signal }): Change => ({ op: 'release', destination, signal, possiblySent: true }),
      ),
      { op: 'accept', requests: [broken] },
    ];
    expect(() => real.engine.change(changes)).toThrow();
  }),
);

const limits = fc.constantFrom(150_000, 250_000, 1_000_000_000).map((maxBytes) =>
  step(`limits(${maxBytes})`, (model, real) => {
    model.limits = { ...model.limits, maxBytes };
    real.engine.setLimits(model.limits);
    maintain(model, real);
  }),
);

function maintain(model: Model, real: Real): void {
  const before = model.now - model.limits.maxAgeMs;
  const inFlight = model.inFlight();
  while (real.engine.maintainStep());
  const expired = [...model.stored().values()].filter(({ id, receivedAt }) => receivedAt < before && !inFlight.has(id));
  model.drop(new Set(expired.map(({ id }) => id)), 'age');
  const listed = real.engine.quarantineList();
  model.quarantined = model.quarantined.slice(model.quarantined.length - listed.length);
  if (listed.length === 0) model.quarantined = [];
  followEviction(model, real, new Set());
}

const turnClock = fc.integer({ min: -6, max: 14 }).map((hours) =>
  step(`turnClock(${hours} h)`, (model, real) => {
    model.now += (hours / 24) * dayMs;
    maintain(model, real);
  }),
);

const crash = fc.constant(0).map(() =>
  step('crash', (model, real) => {
    real.crash();
    model.interrupt();
  }),
);

const reopen = fc.constant(0).map(() =>
  step('reopen', (model, real) => {
    real.reopen();
    model.interrupt();
  }),
);

/** Nothing is damaged, so nothing may be missing afterwards. */
const repair = fc.constant(0).map(() =>
  step('repair', (model, real) => {
    real.engine.repair('to see whether it loses anything');
    model.interrupt();
  }),
);

export const spoolCommands = [
  accept,
  accept,
  accept,
  pick,
  pick,
  deliver,
  deliver,
  quarantine,
  release,
  fromQuarantine,
  setDestinations,
  refuse,
  fail,
  limits,
  turnClock,
  crash,
  reopen,
  repair,
];

/** At the end, everything that is owed can be delivered, in order and whole, and then nothing is left on the disk. */
export function expectDrain(model: Model, real: Real): void {
  for (const queue of model.queues.values()) {
    const { destination, signal } = queue;
    real.change({ op: 'release', destination, signal, possiblySent: false });
    while (queue.owed.length > 0) {
      pickFrom(model, real, destination, signal, { maxRequests: 5, maxBytes: 30_000 });
      const settled = queue.owed.splice(0, queue.inFlight);
      queue.inFlight = 0;
      queue.books.delivered += points(settled);
      const settlement = { outcome: 'delivered', upTo: settled.at(-1)?.id ?? 0, rejectedPoints: 0 } as const;
      real.change({ op: 'settle', destination, signal, settlement });
    }
  }
  expectAgreement(model, real);
  expect(real.storedIds()).toEqual([]);
}
