import { createFrameWriter } from './books-frame.ts';
import { type Change, type Outcome, SpoolEngine } from './engine.ts';
import {
  type Answer,
  type FromService,
  type Query,
  type ServiceOptions,
  type ToService,
  unpackRequests,
} from './protocol.ts';

const reopenAfterMs = 1000;

/**
 * The spool's side of the thread boundary: collects the messages that arrived since the last commit and lets them share
 * the next one. `later` runs a function after the messages that are waiting now have been received.
 */
export function createSpoolService(
  options: ServiceOptions & { readonly now: () => number },
  post: (message: FromService) => void,
  later: (action: () => void) => void,
): (message: ToService) => void {
  let { limits, destinations, areSet = false } = options;
  /** They could not be committed yet. Whoever is accepted before that would be owed to nobody. */
  let areDue = areSet;
  let engine: SpoolEngine | undefined;
  let unavailable = 'the spool is closed';
  let closed = false;
  let frame = createFrameWriter();
  const inbox: ToService[] = [];
  let scheduled = false;

  const open = () => {
    if (closed || engine) return;
    try {
      engine = new SpoolEngine({ ...options, limits, destinations, emit: (event) => post({ kind: 'event', event }) });
      areDue = areSet;
      frame = createFrameWriter();
      answer([]);
      post({ kind: 'event', event: { kind: 'ready' } });
    } catch (error) {
      fail(error);
    }
  };

  const fail = (error: unknown) => {
    unavailable = error instanceof Error ? error.message : String(error);
    const failed = engine;
    engine = undefined;
    failed?.close();
    post({ kind: 'event', event: { kind: 'unavailable', message: unavailable } });
    setTimeout(open, reopenAfterMs).unref();
  };

  const answer = (answers: readonly Answer[]) => {
    post({ kind: 'answers', answers, books: engine && frame(engine.books()) });
  };

  /** Answers one message that stands for itself; a failure of the database closes it, to be opened anew. */
  const single = (ticket: number, work: (engine: SpoolEngine) => unknown) => {
    answer([{ ticket, outcome: attempt(work) }]);
  };

  const attempt = (work: (engine: SpoolEngine) => unknown): Outcome<unknown> => {
    if (!engine) return { ok: false, kind: 'unavailable', message: unavailable };
    try {
      return { ok: true, value: work(engine) };
    } catch (error) {
      fail(error);
      return { ok: false, kind: 'unavailable', message: unavailable };
    }
  };

  /** Returns why that cannot be done now. */
  const commitDestinations = (): Outcome<unknown> | undefined => {
    const result = attempt((open) => open.change([{ op: 'destinations', destinations }])[0]);
    const outcome = result.ok ? (result.value as Outcome) : result;
    if (!outcome.ok) return outcome;
    areDue = false;
    return undefined;
  };

  const commit = (changes: readonly { ticket: number; change: Change }[]) => {
    for (const { change } of changes) {
      if (change.op !== 'destinations') continue;
      ({ destinations } = change);
      areSet = true;
      areDue = true;
    }
    const refusal = areDue ? commitDestinations() : undefined;
    if (refusal) return answer(changes.map(({ ticket }) => ({ ticket, outcome: refusal })));
    const result = attempt((open) => open.change(changes.map(({ change }) => change)));
    const outcomes = result.ok && Array.isArray(result.value) ? (result.value as readonly Outcome[]) : [];
    answer(changes.map(({ ticket }, at) => ({ ticket, outcome: result.ok ? (outcomes[at] ?? result) : result })));
    attempt((open) => open.keepWatermark());
  };

  const maintain = (ticket: number) => {
    const step = attempt((open) => open.maintainStep());
    if (step.ok && step.value === true) later(() => maintain(ticket));
    else answer([{ ticket, outcome: step }]);
  };

  const handle = (message: Exclude<ToService, { kind: 'change' | 'accept' }>) => {
    switch (message.kind) {
      case 'query':
        return single(message.ticket, (open) => query(open, message.query));
      case 'limits':
        limits = message.limits;
        return single(message.ticket, (open) => open.setLimits(limits));
      case 'maintain':
        return maintain(message.ticket);
      case 'repair':
        return single(message.ticket, (open) => open.repair(message.reason));
      case 'close':
        closed = true;
        engine?.close();
        engine = undefined;
        return answer([{ ticket: message.ticket, outcome: { ok: true, value: undefined } }]);
    }
  };

  const drain = () => {
    scheduled = false;
    let changes: { ticket: number; change: Change }[] = [];
    const flush = () => {
      if (changes.length > 0) commit(changes);
      changes = [];
    };
    for (const message of inbox.splice(0)) {
      if (message.kind === 'change') changes.push(message);
      else if (message.kind === 'accept') {
        changes.push({ ticket: message.ticket, change: { op: 'accept', requests: unpackRequests(message.packed) } });
      } else {
        flush();
        handle(message);
      }
    }
    flush();
  };

  later(open);
  return (message) => {
    inbox.push(message);
    if (scheduled) return;
    scheduled = true;
    later(drain);
  };
}

function query(engine: SpoolEngine, asked: Query): unknown {
  switch (asked.what) {
    case 'hours':
      return engine.hours(asked.hours);
    case 'verify':
      return engine.verify();
    case 'repairs':
      return engine.repairs();
    case 'quarantine':
      return engine.quarantineList(asked.destination);
    case 'payload':
      return engine.quarantinePayload(asked.id);
  }
}
