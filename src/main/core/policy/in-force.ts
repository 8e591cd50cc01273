import { type Destination, heldDestination } from '../delivery/destination.ts';
import type { SpoolDestination, SpoolLimits } from '../spool/spool.ts';
import type { LoadedConfig } from './config-source.ts';
import { presets } from './presets.ts';
import type { ConfiguredDestination } from './to-destination.ts';

const dayMs = 86_400_000;

/** Without any destination, everything is kept for `span` until there is one, whatever its name. */
export function destinationsOf({ config, held }: Pick<LoadedConfig, 'config' | 'held'>): readonly Destination[] {
  const configured = [...config.destinations, ...held.map(({ name, signals }) => heldDestination(name, signals))];
  return configured.length > 0 ? configured : [heldDestination('span')];
}

export function spoolDestinations(loaded: Pick<LoadedConfig, 'config' | 'held'>): readonly SpoolDestination[] {
  const { config, held } = loaded;
  const placeholder = config.destinations.length + held.length === 0;
  const renamed: readonly Pick<ConfiguredDestination, 'name' | 'formerly'>[] = [...config.destinations, ...held];
  return destinationsOf(loaded).map(({ name, signals }) => {
    const formerly = renamed.find((one) => one.name === name)?.formerly;
    return { name, signals, placeholder, ...(formerly === undefined ? {} : { formerly }) };
  });
}

export function limitsOf({ config }: LoadedConfig): SpoolLimits {
  return { maxBytes: config.spool.maxBytes, maxAgeMs: config.spool.maxAgeDays * dayMs };
}

/**
 * The headers in which Claude Code may have been given a credential, in lower case: those of the destinations there are, and
 * those that belong to one vendor alone, whichever destinations there are. `Authorization` is anybody's: what is in it is
 * remembered only where a destination asks for it.
 */
export function credentialHeadersOf(loaded: Pick<LoadedConfig, 'config' | 'held'>): ReadonlySet<string> {
  const configured = destinationsOf(loaded).flatMap(({ credential }) => (credential ? [credential.header] : []));
  const known = Object.values(presets).flatMap(({ credential }) => (credential ? [credential.header] : []));
  const vendors = known.map((name) => name.toLowerCase()).filter((name) => name !== 'authorization');
  return new Set([...configured.map((name) => name.toLowerCase()), ...vendors]);
}
