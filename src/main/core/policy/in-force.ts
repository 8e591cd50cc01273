import { type Destination, heldDestination } from '../delivery/destination.ts';
import type { SpoolDestination, SpoolLimits } from '../spool/spool.ts';
import type { LoadedConfig } from './config-source.ts';
import { presets } from './presets.ts';
import { toDestinations } from './to-destinations.ts';

const dayMs = 86_400_000;

/** Without any destination, everything is kept for `span` until there is one, whatever its name. */
export function destinationsOf({ config, held }: LoadedConfig): readonly Destination[] {
  const configured = toDestinations(config, held);
  return configured.length > 0 ? configured : [heldDestination('span')];
}

export function spoolDestinations(loaded: LoadedConfig): readonly SpoolDestination[] {
  const placeholder = loaded.config.destinations.length + loaded.held.length === 0;
  return destinationsOf(loaded).map(({ name, signals }) => ({ name, signals, placeholder }));
}

export function limitsOf({ config }: LoadedConfig): SpoolLimits {
  return { maxBytes: config.spool.maxBytes, maxAgeMs: config.spool.maxAgeDays * dayMs };
}

/** The headers in which Claude Code may have been given a credential, whichever destinations there are now; in lower case. */
export function credentialHeadersOf(loaded: LoadedConfig): ReadonlySet<string> {
  const configured = destinationsOf(loaded).flatMap(({ credential }) => (credential ? [credential.header] : []));
  const known = Object.values(presets).map(({ credentialHeader }) => credentialHeader);
  return new Set([...configured, ...known].map((name) => name.toLowerCase()));
}
