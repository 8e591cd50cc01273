import type { Clock } from '../../clock.ts';
import type { Way } from './open-by.ts';

/** As long as browsers leave a proxy of a list alone that did not answer. */
const restMs = 5 * 60_000;

/** Remembers which proxies of a list did not work, so that not every connection has to wait for them again. */
export class BadProxies {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  fails(label: string): void {
    this.#untilMs.set(label, this.#clock.monotonicMs() + restMs);
  }

  works(label: string): void {
    this.#untilMs.delete(label);
  }

  /** The same ways, those that did not work lately at the end. */
  last<T extends Way | { readonly kind: 'unusable' }>(ways: readonly T[]): readonly T[] {
    const now = this.#clock.monotonicMs();
    const isBad = (way: T) =>
      way.kind === 'proxy' && 'proxy' in way && (this.#untilMs.get(way.proxy.address.label) ?? 0) > now;
    return [...ways.filter((way) => !isBad(way)), ...ways.filter(isBad)];
  }
}
