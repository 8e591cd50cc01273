import type { ListenFacts } from '../../../shared/health.ts';
import type { Receiver } from './receiver.ts';

/** A receiver whose port can be changed while it runs. */
export interface MovableReceiver extends Receiver {
  /**
   * Listens on another port. The old port closes when the new one is open, and not before: until then both are tried,
   * and `facts` tells of the new one.
   */
  move(port: number): Promise<void>;
}

export interface MovableReceiverOptions {
  readonly port: number;
  readonly create: (port: number, onStateChange: (facts: ListenFacts) => void) => Receiver;
  /** How long requests that came by an old port may take to finish. */
  readonly drainMs: number;
}

export function createMovableReceiver({ port, create, drainMs }: MovableReceiverOptions): MovableReceiver {
  /** The ports that were in use before, until the current one is open. */
  let former: Receiver[] = [];
  const leaving = new Set<Promise<void>>();
  let current = createAt(port);
  let stopped = false;

  function createAt(wanted: number): Receiver {
    const receiver = create(wanted, ({ state }) => {
      if (state === 'listening' && receiver === current) leaveFormer();
    });
    return receiver;
  }

  function leaveFormer(): void {
    for (const receiver of former) {
      const left = receiver.stop({ drainMs }).finally(() => leaving.delete(left));
      leaving.add(left);
    }
    former = [];
  }

  return {
    get port() {
      return current.port;
    },
    facts: () => current.facts(),
    start: () => current.start(),
    async move(wanted) {
      if (stopped) return;
      former.push(current);
      current = createAt(wanted);
      await current.start();
    },
    async stop(options) {
      stopped = true;
      await Promise.all([...[current, ...former].map((receiver) => receiver.stop(options)), ...leaving]);
    },
  };
}
