import { type Destination, heldDestination } from '../delivery/destination.ts';
import type { Config, HeldDestination } from './config.ts';
import type { DestinationConfig } from './destination-config.ts';
import { presets } from './presets.ts';

/** The destinations of a config in delivery's terms. Those with a mistake have no endpoint: data is held for them. */
export function toDestinations(config: Config, held: readonly HeldDestination[]): Destination[] {
  return [
    ...config.destinations.map(toDestination),
    ...held.map(({ name, signals }) => heldDestination(name, signals)),
  ];
}

function toDestination(config: DestinationConfig): Destination {
  const { name, endpoint, headers, signals, timeoutMs } = config;
  const plain = { ...heldDestination(name, signals), endpoint, headers, timeoutMs };
  if (config.preset === undefined) return plain;

  const { credentialHeader: header } = presets[config.preset];
  // The credential is the same one, whichever way the config gives it: only a token can be looked up elsewhere and be refused.
  const isCredential = ([name]: [string, string]) => name.toLowerCase() === header.toLowerCase();
  const others = Object.fromEntries(Object.entries(headers).filter((entry) => !isCredential(entry)));
  const token = config.token ?? Object.entries(headers).find(isCredential)?.[1];
  return {
    ...plain,
    headers: others,
    credential: { header, tokens: token === undefined ? [] : [{ source: 'config', token }] },
  };
}
