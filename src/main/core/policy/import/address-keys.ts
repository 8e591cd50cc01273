import type { Signal } from '../../../../shared/signal.ts';
import type { Protocol } from '../../delivery/destination.ts';
import { normaliseEndpoint } from '../endpoint.ts';
import type { Preset } from '../presets/preset.ts';
import type { Keys } from './credential-keys.ts';
import { fitPreset } from './recognise.ts';

/** Where a signal is exported to. */
export interface SignalAddress {
  readonly signal: Signal;
  /** With HTTP the whole address, with gRPC the base. */
  readonly url: string;
  /** Given for this signal alone. */
  readonly isOwn: boolean;
}

/** The keys of a destination that its addresses make: none of those that the preset knows itself. */
export function addressKeys(
  addresses: readonly SignalAddress[],
  base: string | undefined,
  { preset, protocol }: { readonly preset: Preset | undefined; readonly protocol: Protocol },
): Keys {
  const wanted = new Map(addresses.map(({ signal, url }) => [signal, url]));
  const { parameters, fits } =
    preset === undefined ? { parameters: {}, fits: [] } : fitPreset(preset, wanted, protocol);
  const others = addresses.filter(({ signal }) => !fits.some((one) => one === signal));
  if (others.some(({ isOwn }) => !isOwn)) {
    const own = addresses.filter(({ isOwn }) => isOwn);
    return { ...(base === undefined ? {} : { endpoint: normaliseEndpoint(base) }), ...endpoints(own) };
  }
  return { ...(Object.keys(parameters).length === 0 ? {} : { parameters }), ...endpoints(others) };
}

function endpoints(addresses: readonly SignalAddress[]): Keys {
  if (addresses.length === 0) return {};
  return { endpoints: Object.fromEntries(addresses.map(({ signal, url }) => [signal, url])) };
}
