import { type Destination, signalUrl } from './destination.ts';

/** Whether a destination may be given what Claude Code presents. */
export interface PresentedScope {
  readonly isMeant: boolean;
  /** The other destinations for which it may be meant just as well; empty where the question does not arise. */
  readonly ambiguousWith: readonly string[];
}

/**
 * For whom what Claude Code presents in a header is meant. A credential must not reach another vendor than its own, so where
 * destinations at several hosts take theirs in the same header, it goes only to the one host whose destinations have no
 * token of their own; where there are several such hosts, to nobody. Pure.
 */
export function presentedScope(destination: Destination, all: readonly Destination[]): PresentedScope {
  const header = headerOf(destination);
  const others = all.filter(
    (other) => other.name !== destination.name && headerOf(other) === header && !shareHost(other, destination),
  );
  if (header === undefined || others.length === 0) return { isMeant: true, ambiguousWith: [] };
  // It has a token of its own; what is presented may be meant for any of the others.
  if (!lacksToken(destination)) return { isMeant: false, ambiguousWith: [] };
  const rivals = others.filter(lacksToken).map(({ name }) => name);
  return { isMeant: rivals.length === 0, ambiguousWith: rivals };
}

function headerOf({ credential }: Destination): string | undefined {
  return credential?.header.toLowerCase();
}

function lacksToken({ credential }: Destination): boolean {
  return credential !== undefined && credential.tokens.length === 0 && credential.tokenFile === undefined;
}

function shareHost(a: Destination, b: Destination): boolean {
  const hosts = hostsOf(a);
  return hostsOf(b).some((host) => hosts.includes(host));
}

function hostsOf(destination: Destination): readonly string[] {
  return destination.signals.flatMap((signal) => {
    const url = signalUrl(destination, signal);
    return (url === undefined ? null : URL.parse(url))?.host ?? [];
  });
}
