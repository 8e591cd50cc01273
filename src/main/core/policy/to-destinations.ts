import type { Destination } from '../delivery/destination.ts';
import type { Config, HeldDestination } from './config.ts';
import type { DestinationConfig } from './destination-config.ts';
import { presets } from './presets.ts';
import { defaultTimeoutMs } from './schemas.ts';

/** The destinations of a config in delivery's terms. Those with a mistake have no endpoint: data is held for them. */
export function toDestinations(config: Config, held: readonly HeldDestination[]): Destination[] {
  return [...config.destinations.map(toDestination), ...held.map(toHeld)];
}

function toHeld({ name, signals }: HeldDestination): Destination {
  return { name, endpoint: '', headers: {}, signals, timeoutMs: defaultTimeoutMs };
}

function toDestination(config: DestinationConfig): Destination {
  const { name, endpoint, headers, signals, timeoutMs } = config;
  if (config.preset === undefined) return { name, endpoint, headers, signals, timeoutMs };

  const { credentialHeader: header } = presets[config.preset];
  // The credential is the same one, whichever way the config gives it: only a token can be looked up elsewhere and be refused.
  const isCredential = ([name]: [string, string]) => name.toLowerCase() === header.toLowerCase();
  const others = Object.fromEntries(Object.entries(headers).filter((entry) => !isCredential(entry)));
  const token = config.token ?? Object.entries(headers).find(isCredential)?.[1];
  return {
    name,
    endpoint,
    headers: others,
    credential: { header, ...(token === undefined ? {} : { token }), source: 'config' },
    signals,
    timeoutMs,
  };
}
