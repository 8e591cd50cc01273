import type { ListenFacts } from '../../../shared/health.ts';
import type { Receiver } from './receiver.ts';

/** A receiver whose port can be changed while it runs. */
export interface MovableReceiver extends Receiver {
  /**
   * Listens on another port. The old port closes when the new one is open, and not before: until then the new one is
   * tried, and `facts` tells of it.
   */
  move(port: number): Promise<void>;
  /** Gives up its port for somebody else to take; listens again when it is moved. Resolves when the port is free. */
  vacate(): Promise<void>;
}

export interface MovableReceiverOptions {
  readonly port: number;
  readonly create: (port: number, onStateChange: (facts: ListenFacts) => void) => Receiver;
  /** How long requests that came by an old port may take to finish. */
  readonly drainMs: number;
}

export function createMovableReceiver({ port, create, drainMs }: MovableReceiverOptions): MovableReceiver {
  let current = createAt(port);
  /** Listens on the port from before, as long as the current one does not listen yet. */
  let former: Receiver | undefined;
  const leaving = new Set<Promise<void>>();
  let stopped = false;

  function createAt(wanted: number): Receiver {
    const receiver = create(wanted, ({ state }) => {
      if (state !== 'listening' || receiver !== current || former === undefined) return;
      leave(former);
      former = undefined;
    });
    return receiver;
  }

  function leave(receiver: Receiver): void {
    const left = receiver.stop({ drainMs }).finally(() => leaving.delete(left));
    leaving.add(left);
  }

  return {
    get port() {
      return current.port;
    },
    facts: () => current.facts(),
    start: () => current.start(),
    async move(wanted) {
      if (stopped) return;
      if (current.facts().state === 'listening') former = current;
      else leave(current);
      if (former?.port === wanted) {
        current = former;
        former = undefined;
        return;
      }
      current = createAt(wanted);
      await current.start();
    },
    async vacate() {
      const left = former ? [current, former] : [current];
      former = undefined;
      await Promise.all(left.map((receiver) => receiver.close()));
      for (const receiver of left) leave(receiver);
    },
    close: () => current.close(),
    async stop(options) {
      stopped = true;
      await Promise.all([current.stop(options), former?.stop(options), ...leaving]);
    },
  };
}
