import { createHash } from 'node:crypto';
import type { CredentialSource, DestinationFacts } from '../../../shared/health-facts.ts';
import type { Signal } from '../../../shared/signal.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { followTokenFile, type TokenFile } from '../secrets/token-file.ts';
import { CredentialHistory, type WorkedCredential } from './credential-history.ts';
import { createCredentialKeeper } from './credential-keeper.ts';
import type { Destination } from './destination.ts';
import { type PresentedCredential, PresentedCredentials } from './presented.ts';
import { type PresentedScope, presentedScope } from './presented-scope.ts';

export interface ResolvedCredential {
  /** The headers to send, static ones included. */
  readonly headers: Readonly<Record<string, string>>;
  /** Stands for the value without telling it; empty where the destination names no credential header. */
  readonly fingerprint: string;
}

/** How a destination stands to its credentials, for one signal and for people: one for each source, and never a value. */
export type CredentialStanding = Pick<DestinationFacts, 'credential' | 'refusedCredentials'>;

/**
 * Which credential each destination gets: the policy's, the config's, its token file's, what Claude Code presented last, in
 * this order; those that the destination refuses come last. Values go to the destination and the secret store, nowhere else.
 */
export interface Credentials {
  /** Claude Code sent this header value. Cheap when it is known already. */
  present(header: string, value: string): void;
  /** The destinations as configured now. Of those that are new or have changed, nothing counts as refused any more. */
  setDestinations(destinations: readonly Destination[]): void;
  /** Resolves when the token file of the destination, if any, has been read once or does not answer. */
  firstRead(destination: string): Promise<void>;
  /** The best value whose fingerprint is not among `tried`; undefined where there is none. */
  resolve(
    destination: string,
    signal: Signal,
    tried?: Pick<ReadonlySet<string>, 'has'>,
  ): ResolvedCredential | undefined;
  refused(destination: string, signal: Signal, fingerprint: string): void;
  worked(destination: string, signal: Signal, fingerprint: string): void;
  standing(destination: string, signal: Signal): CredentialStanding;
  /** What there is to say of where the destination's credentials come from. */
  places(destination: string): Pick<DestinationFacts, 'tokenFile' | 'ambiguousWith'>;
  /** Calls `listener` with the name of a destination that has got a value it had not before. Returns a canceller. */
  onChanged(listener: (destination: string) => void): () => void;
  /** Resolves when everything that was presented so far is saved, or failed to be. */
  saved(): Promise<void>;
  /** Stops following token files, and saves what is not saved yet. */
  close(): Promise<void>;
}

/** What outlives the relay. */
export interface StoredCredentials {
  /** The last presented first. */
  readonly presented: readonly PresentedCredential[];
  readonly worked: readonly WorkedCredential[];
}

export interface CredentialsOptions {
  /** What was saved earlier; empty when that cannot be read. */
  readonly load: () => Promise<StoredCredentials>;
  readonly save: (stored: StoredCredentials) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

interface Configured {
  readonly destination: Destination;
  readonly scope: PresentedScope;
}

interface Candidate {
  readonly source: CredentialSource;
  readonly value: string;
  readonly fingerprint: string;
}

export async function createCredentials({ load, save, clock, log }: CredentialsOptions): Promise<Credentials> {
  const before = await load();
  const presented = new PresentedCredentials(clock, before.presented);
  const history = new CredentialHistory(clock, before.worked);
  const keeper = createCredentialKeeper({
    save: () => save({ presented: presented.all, worked: history.kept() }),
    clock,
    log,
  });
  const listeners = new Set<(destination: string) => void>();
  const files = new Map<string, TokenFile>();
  let configured: ReadonlyMap<string, Configured> = new Map();

  function tell(which: (one: Configured) => boolean): void {
    const names = [...configured.values()].filter(which).map(({ destination }) => destination.name);
    for (const name of names) for (const listener of [...listeners]) listener(name);
  }

  function candidatesOf({ destination: { credential }, scope }: Configured): readonly Candidate[] {
    if (credential === undefined) return [];
    const { header, scheme, tokens, tokenFile } = credential;
    const file = tokenFile === undefined ? undefined : files.get(tokenFile)?.reading;
    const values: readonly Omit<Candidate, 'fingerprint'>[] = [
      ...tokens.map(({ source, token }) => ({ source, value: withScheme(token, scheme) })),
      ...(file?.kind === 'token' ? [{ source: 'file' as const, value: withScheme(file.token, scheme) }] : []),
      ...(scope.isMeant
        ? presented.of(header.toLowerCase()).map((value) => ({ source: 'presented' as const, value }))
        : []),
    ];
    return values
      .filter(({ value }, index) => values.findIndex((other) => other.value === value) === index)
      .map((one) => ({ ...one, fingerprint: fingerprintOf(one.value) }));
  }

  /** The refused ones last; among them first what worked last, because that is what may come back. */
  function ranked(one: Configured, signal: Signal, isRefused: (candidate: Candidate) => boolean): Candidate[] {
    const { name } = one.destination;
    const lastWorkedAt = ({ fingerprint }: Candidate) => history.opinion(name, signal, fingerprint).lastWorkedAt ?? 0;
    const candidates = candidatesOf(one);
    const refused = candidates.filter(isRefused).sort((a, b) => lastWorkedAt(b) - lastWorkedAt(a));
    return [...candidates.filter((candidate) => !isRefused(candidate)), ...refused];
  }

  function follow(path: string): TokenFile {
    const onToken = () => tell(({ destination }) => destination.credential?.tokenFile === path);
    return followTokenFile({ path, onToken, clock, log });
  }

  return {
    present(header, value) {
      const name = header.toLowerCase();
      if (!presented.present(name, value)) return;
      keeper.saveNow();
      tell(({ destination, scope }) => scope.isMeant && destination.credential?.header.toLowerCase() === name);
    },
    setDestinations(destinations) {
      const paths = new Set(destinations.flatMap(({ credential }) => credential?.tokenFile ?? []));
      for (const [path, file] of files) {
        if (paths.has(path)) continue;
        files.delete(path);
        void file.close();
      }
      for (const path of paths) if (!files.has(path)) files.set(path, follow(path));
      const past = configured;
      configured = new Map(
        destinations.map((one) => [one.name, { destination: one, scope: presentedScope(one, destinations) }]),
      );
      for (const [name, { destination }] of configured) {
        // What it refused before says nothing any more.
        if (!isSame(past.get(name)?.destination, destination)) history.forgetRefusals(name);
      }
      tell((one) => !isSame(past.get(one.destination.name), one));
    },
    async firstRead(destination) {
      const path = configured.get(destination)?.destination.credential?.tokenFile;
      if (path !== undefined) await files.get(path)?.firstRead;
    },
    resolve(name, signal, tried = new Set()) {
      const one = configured.get(name);
      if (one === undefined) return undefined;
      const { credential, headers } = one.destination;
      if (credential === undefined) return tried.has('') ? undefined : { headers, fingerprint: '' };
      const best = ranked(one, signal, ({ fingerprint }) => history.isRefused(name, signal, fingerprint)).find(
        ({ fingerprint }) => !tried.has(fingerprint),
      );
      if (best === undefined) return undefined;
      return { headers: { ...headers, [credential.header]: best.value }, fingerprint: best.fingerprint };
    },
    refused(destination, signal, fingerprint) {
      if (fingerprint === '') return;
      history.refused(destination, signal, fingerprint);
      // Until when it worked is worth more from now on.
      keeper.saveIfDue();
    },
    worked(destination, signal, fingerprint) {
      if (fingerprint === '') return;
      if (history.worked(destination, signal, fingerprint) === 'again') return keeper.saveLater();
      const header = configured.get(destination)?.destination.credential?.header.toLowerCase();
      const value = presented.of(header ?? '').find((known) => fingerprintOf(known) === fingerprint);
      if (header !== undefined && value !== undefined) presented.worked(header, value);
      keeper.saveNow();
    },
    standing(name, signal) {
      const one = configured.get(name);
      if (one === undefined) return { credential: null, refusedCredentials: [] };
      const opinion = ({ fingerprint }: Candidate) => history.opinion(name, signal, fingerprint);
      const facts = ranked(one, signal, (candidate) => opinion(candidate).refusedAt !== null).map((candidate) => ({
        source: candidate.source,
        ...opinion(candidate),
      }));
      const [best] = facts;
      return {
        credential: best ?? null,
        refusedCredentials: facts.filter(
          ({ source, refusedAt }, index) =>
            refusedAt !== null && facts.findIndex((other) => other.source === source) === index && index > 0,
        ),
      };
    },
    places(name) {
      const one = configured.get(name);
      const path = one?.destination.credential?.tokenFile;
      const reading = path === undefined ? undefined : files.get(path)?.reading;
      const problem = reading?.kind === 'unusable' ? reading.problem : null;
      return {
        tokenFile: path === undefined ? null : { path, problem },
        ambiguousWith: one?.scope.ambiguousWith ?? [],
      };
    },
    onChanged(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    saved: () => keeper.saved(),
    async close() {
      listeners.clear();
      await Promise.all([...files.values()].map((file) => file.close()));
      await keeper.close();
    },
  };
}

/** The header's value: what is written down is often the bare token. */
function withScheme(token: string, scheme: string | undefined): string {
  const hasScheme = scheme === undefined || token.toLowerCase().startsWith(`${scheme.toLowerCase()} `);
  return hasScheme ? token : `${scheme} ${token}`;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function fingerprintOf(value: string): string {
  return createHash('sha256').update(value).digest('base64url').slice(0, 16);
}
