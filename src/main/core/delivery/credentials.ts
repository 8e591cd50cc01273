import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Destination } from './destination.ts';

/** A credential value that Claude Code put into one of its requests. */
export interface PresentedCredential {
  /** The header's name in lower case. */
  readonly header: string;
  readonly value: string;
  /** Wall time in milliseconds when it was first seen. */
  readonly seenAt: number;
  /** A destination has taken it. */
  readonly worked: boolean;
}

export interface ResolvedCredential {
  /** The headers to send, static ones included. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where the credential comes from; `none` when the destination names no credential header, or no value is known. */
  readonly source: 'policy' | 'config' | 'presented' | 'none';
  /** Stands for the value without telling it; empty when there is none. */
  readonly fingerprint: string;
  /** This destination has refused every value that is known; this one is for probing. */
  readonly refused: boolean;
}

/** Which credential each destination gets. Values go to the destination and the injected file, nowhere else. */
export interface Credentials {
  /** Claude Code sent this header value. Cheap when it is known already. */
  present(header: string, value: string): void;
  /** The config's token, else the last presented value; those that this destination has refused come last. */
  resolve(destination: Destination): ResolvedCredential;
  refused(destination: string, fingerprint: string): void;
  worked(destination: string, fingerprint: string): void;
  /** Forgets what a destination has refused: it is configured anew. */
  forget(destination: string): void;
  /** Calls `listener` with the header's name (lower case) when a value is presented that was not known. Returns a canceller. */
  onChanged(listener: (header: string) => void): () => void;
  /** Resolves when everything that was presented so far is saved, or failed to be. */
  saved(): Promise<void>;
}

export interface CredentialsOptions {
  /** What was saved earlier; empty when that cannot be read. */
  readonly load: () => Promise<readonly PresentedCredential[]>;
  readonly save: (presented: readonly PresentedCredential[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Several values are kept per header, because sessions that started before a token was rotated keep presenting the old one:
 * the new one must stay in use. A handful is plenty, and bounds what a stranger on this machine can make us remember.
 */
const maxPresentedPerHeader = 5;

/** Larger values are not tokens: Node's own server takes 16 KiB of headers in all. */
const maxValueLength = 8 * 1024;

export async function createCredentials({ load, save, clock, log }: CredentialsOptions): Promise<Credentials> {
  /** The last presented first. */
  let presented = [...(await load())];
  const refusals = new Map<string, Set<string>>();
  const listeners = new Set<(header: string) => void>();
  let saving = Promise.resolve();

  function persist(): void {
    const state = presented;
    saving = saving
      .then(() => save(state))
      .catch((error: unknown) => {
        log.warn('credentials not saved', { error: error instanceof Error ? error.name : 'unknown' });
      });
  }

  return {
    present(header, value) {
      const name = header.toLowerCase();
      if (value === '' || value.length > maxValueLength) return;
      const known = presented.find((entry) => entry.header === name && entry.value === value);
      const latest = presented.find((entry) => entry.header === name);
      if (known !== undefined && known === latest) return;
      const entry = known ?? { header: name, value, seenAt: clock.now(), worked: false };
      presented = bounded([entry, ...presented.filter((other) => other !== known)], name);
      // Two sessions with different tokens take turns all day: their order is not worth a write each time.
      if (known !== undefined) return;
      persist();
      for (const listener of [...listeners]) listener(name);
    },
    resolve(destination) {
      const { credential, headers } = destination;
      if (credential === undefined) return { headers, source: 'none', fingerprint: '', refused: false };
      const name = credential.header.toLowerCase();
      const candidates = [
        ...credential.tokens.map(({ source, token }) => ({ value: token, source })),
        ...presented
          .filter((entry) => entry.header === name)
          .map(({ value }) => ({ value, source: 'presented' as const })),
      ];
      const refused = refusals.get(destination.name);
      const usable = candidates.find(({ value }) => refused?.has(fingerprintOf(value)) !== true);
      const chosen = usable ?? candidates[0];
      if (chosen === undefined) return { headers, source: 'none', fingerprint: '', refused: false };
      return {
        headers: { ...headers, [credential.header]: chosen.value },
        source: chosen.source,
        fingerprint: fingerprintOf(chosen.value),
        refused: usable === undefined,
      };
    },
    refused(destination, fingerprint) {
      if (fingerprint === '') return;
      const known = refusals.get(destination);
      if (known === undefined) refusals.set(destination, new Set([fingerprint]));
      else known.add(fingerprint);
    },
    worked(destination, fingerprint) {
      if (fingerprint === '') return;
      refusals.get(destination)?.delete(fingerprint);
      const entry = presented.find(({ value, worked }) => !worked && fingerprintOf(value) === fingerprint);
      if (entry === undefined) return;
      presented = presented.map((other) => (other === entry ? { ...entry, worked: true } : other));
      persist();
    },
    forget(destination) {
      refusals.delete(destination);
    },
    onChanged(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    saved: () => saving,
  };
}

/** Drops the oldest value of this header that never worked, or just the oldest, when there are too many. */
function bounded(entries: PresentedCredential[], header: string): PresentedCredential[] {
  const [, ...older] = entries.filter((entry) => entry.header === header);
  if (older.length < maxPresentedPerHeader) return entries;
  const victim = older.findLast((entry) => !entry.worked) ?? older.at(-1);
  return entries.filter((entry) => entry !== victim);
}

function fingerprintOf(value: string): string {
  return createHash('sha256').update(value).digest('base64url').slice(0, 16);
}
