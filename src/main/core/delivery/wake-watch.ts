import type { NetworkInterfaceInfo } from 'node:os';
import type { Clock } from '../clock.ts';

export interface WakeWatchOptions {
  readonly clock: Clock;
  /** As `os.networkInterfaces` of Node. */
  readonly networkInterfaces: () => Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
  readonly onWake: (reason: 'sleep' | 'clock' | 'network') => void;
}

const tickMs = 5_000;
const lateMs = 30_000;
const jumpMs = 5_000;

/**
 * Notices without help of the system that the machine slept, that its clock was set, or that its network changed.
 *
 * Where monotonic time stops in sleep (Linux, macOS), wall time gets ahead of it, exactly as when somebody sets the clock
 * forward; where it runs on (Windows), a tick comes late. A clock that was set back is worth an attempt too: certificates
 * may have become valid.
 *
 * @returns a canceller
 */
export function watchForWake({ clock, networkInterfaces, onWake }: WakeWatchOptions): () => void {
  let wallMs = clock.now();
  let monotonicMs = clock.monotonicMs();
  let addresses = addressList(networkInterfaces());
  let cancel = clock.after(tickMs, tick);

  function tick(): void {
    const wallPassedMs = clock.now() - wallMs;
    const monotonicPassedMs = clock.monotonicMs() - monotonicMs;
    wallMs += wallPassedMs;
    monotonicMs += monotonicPassedMs;
    const before = addresses;
    addresses = addressList(networkInterfaces());
    cancel = clock.after(tickMs, tick);

    if (wallPassedMs - monotonicPassedMs > jumpMs || monotonicPassedMs > tickMs + lateMs) onWake('sleep');
    else if (monotonicPassedMs - wallPassedMs > jumpMs) onWake('clock');
    // Without any address there is nowhere to go: the wake-up comes with the next one.
    else if (addresses !== before && addresses !== '') onWake('network');
  }

  return () => cancel();
}

/** Link-local addresses come and go with every container on the machine and lead to no vendor. */
function addressList(interfaces: ReturnType<WakeWatchOptions['networkInterfaces']>): string {
  return Object.entries(interfaces)
    .flatMap(([name, infos = []]) =>
      infos
        .filter(({ internal, address }) => !internal && !/^(fe[89ab]|169\.254\.)/i.test(address))
        .map(({ address }) => `${name} ${address}`),
    )
    .sort()
    .join('\n');
}
