import type { Clock } from '../clock.ts';
import { seconds } from './failure-words.ts';
import { type Http2Target, type Spoken, silent, speakHttp2 } from './grpc-connection.ts';
import type { Connector } from './network/connector.ts';
import { type NetworkSettings, networkKey } from './network/network-settings.ts';
import { aborted, failure } from './transport.ts';

export interface GrpcConnectionsOptions {
  readonly clock: Clock;
  readonly connector: Connector;
}

export interface GrpcTarget {
  readonly url: URL;
  readonly network: NetworkSettings;
  readonly timeoutMs: number;
  readonly abort?: AbortSignal;
}

/** A connection that is being opened or is open, and how many calls wait for it. */
interface Kept {
  readonly spoken: Promise<Spoken>;
  readonly stopOpening: AbortController;
  waiting: number;
  /** The connection stands; what speaks at its other end is not known yet. */
  reached: boolean;
}

/** One connection per address and way to it, opened when it is needed and shared by every call. */
export class GrpcConnections {
  readonly #clock: Clock;
  readonly #connector: Connector;
  readonly #kept = new Map<string, Kept>();

  constructor({ clock, connector }: GrpcConnectionsOptions) {
    this.#clock = clock;
    this.#connector = connector;
  }

  /** Never rejects. */
  async connect(target: GrpcTarget): Promise<Spoken> {
    const key = keyOf(target);
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      const checked = kept.spoken.then(async (spoken) =>
        spoken.kind === 'failure' || (await spoken.alive()) ? spoken : undefined,
      );
      const spoken = await this.#wait(kept, checked, target);
      if (spoken !== undefined) return spoken;
      this.#forget(key, kept);
    }
    const opening = this.#kept.get(key) ?? this.#open(key, target);
    return this.#wait(opening, opening.spoken, target);
  }

  /** A call that is under way keeps its connection, but nobody else gets it any more. */
  closeIdle(): void {
    for (const [key, kept] of this.#kept) {
      if (kept.waiting === 0) this.#forget(key, kept);
    }
  }

  #open(key: string, { url, network }: GrpcTarget): Kept {
    const stopOpening = new AbortController();
    const onReached = () => {
      kept.reached = true;
    };
    const spoken = this.#speak({ url, network, abort: stopOpening.signal }, onReached);
    const kept: Kept = { spoken, stopOpening, waiting: 0, reached: false };
    this.#kept.set(key, kept);
    kept.spoken.then(
      ({ kind }) => kind === 'failure' && this.#forget(key, kept),
      () => this.#kept.delete(key),
    );
    return kept;
  }

  async #speak(to: Omit<Http2Target, 'clock'>, onReached: () => void): Promise<Spoken> {
    const opened = await this.#connector.open({ ...to, alpn: ['h2'] });
    if (opened.kind === 'failure') return opened;
    onReached();
    return speakHttp2(opened.socket, { ...to, clock: this.#clock });
  }

  /** No longer than this call has time; others may go on waiting. The last one that gives up ends the opening. */
  #wait<T extends Spoken | undefined>(
    kept: Kept,
    spoken: Promise<T>,
    target: GrpcTarget,
  ): Promise<T | Extract<Spoken, { kind: 'failure' }>> {
    const { url, timeoutMs, abort } = target;
    if (abort?.aborted) return Promise.resolve(aborted(false));
    return new Promise((resolve, reject) => {
      const onAbort = () => giveUp(aborted(false));
      const cancelTimer = this.#clock.after(timeoutMs, () => {
        if (kept.reached) return giveUp(silent(url.host, timeoutMs));
        const message = `No connection to ${url.host} within ${seconds(timeoutMs)}: a firewall may be in between.`;
        giveUp(failure('connect', 'CONNECT_TIMEOUT', message));
      });
      abort?.addEventListener('abort', onAbort, { once: true });
      kept.waiting++;
      let waits = true;
      const finish = (result: T | Extract<Spoken, { kind: 'failure' }>): void => {
        if (!waits) return;
        waits = false;
        kept.waiting--;
        cancelTimer();
        abort?.removeEventListener('abort', onAbort);
        resolve(result);
      };
      const giveUp = (why: Extract<Spoken, { kind: 'failure' }>): void => {
        finish(why);
        if (kept.waiting > 0) return;
        kept.stopOpening.abort();
        this.#forget(keyOf(target), kept);
      };
      spoken.then(finish, reject);
    });
  }

  #forget(key: string, kept: Kept): void {
    if (this.#kept.get(key) === kept) this.#kept.delete(key);
    kept.spoken.then(
      (spoken) => spoken.kind === 'connection' && spoken.retire(),
      () => undefined,
    );
  }
}

function keyOf({ url, network }: GrpcTarget): string {
  return `${url.origin} ${networkKey(network)}`;
}
