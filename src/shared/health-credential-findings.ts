import {
  type CredentialFacts,
  type CredentialSource,
  credentialSources,
  type DestinationFacts,
  type HealthFacts,
} from './health-facts.ts';
import { type About, type NotedFinding, note, pendingOf, waitingWords } from './health-note.ts';
import type { Signal } from './signal.ts';
import { relativeTime } from './wording.ts';

/** The destination takes nothing, because it refuses the credential. `answer` stands behind the title: ` (401)`. Pure. */
export function refusedFinding(
  destination: DestinationFacts,
  facts: HealthFacts,
  about: About,
  answer: string,
): NotedFinding {
  const { name, credential, refusedSignals } = destination;
  const { file } = facts.config;
  const worksFor = credential?.worksFor ?? [];
  if (worksFor.length > 0) {
    const [refused, taken] = [listed(refusedSignals), listed(worksFor)];
    return note(
      'destination.credentials-refused',
      { ...about, seen: `${stopped(about.seen)} With the same token it takes ${taken}` },
      {
        title: `${name} refuses the token for ${refused}${answer}`,
        fix: `Give the token the right to write ${refused}, or take ${quoted(refusedSignals)} out of the signals of ${name} in ${file}.`,
      },
    );
  }
  const refused = credential === null ? [] : [credential, ...destination.refusedCredentials];
  const which = refused.map((one) => `${tokenWords(one, destination, facts)}, which ${workedWords(one, facts)}`);
  return note(
    'destination.credentials-refused',
    { ...about, seen: which.length === 0 ? about.seen : `${stopped(about.seen)} It was given ${which.join('; and ')}` },
    { title: `${name} refuses the token${answer}`, fix: refusedFix(destination, facts) },
  );
}

/** Among its credentials is one that it has not been given since it refused the others: it is tried within a second. */
export function awaitsAttempt({ state, lastError, credential }: DestinationFacts): boolean {
  return (
    state === 'blocked' && lastError?.kind === 'credentials' && credential !== null && credential.refusedAt === null
  );
}

/** The destination has refused what it was given before, and not been given yet what there is now. */
export function untriedFinding(
  destination: DestinationFacts,
  facts: HealthFacts,
  about: About,
  answer: string,
): NotedFinding {
  const { name, credential } = destination;
  const next = credential === null ? 'another one' : tokenWords(credential, destination, facts);
  return note(
    'destination.credentials-refused',
    { ...about, seen: `${stopped(about.seen)} It has not been given ${next} yet` },
    {
      title: `${name} refused the token that it was given last${answer}`,
      fix: 'Wait a moment: the relay tries the new one by itself.',
      after: 'Sending resumes when it is taken.',
    },
  );
}

/** There is no credential to send. Empty where another finding says why. */
export function missingFindings(destination: DestinationFacts, facts: HealthFacts, about: About): NotedFinding[] {
  const { name, tokenFile, ambiguousWith } = destination;
  if (ambiguousWith.length > 0 || (tokenFile !== null && tokenFile.problem !== null)) return [];
  const { file } = facts.config;
  return [
    note(
      'destination.no-credential',
      { ...about, seen: `neither ${file} nor Claude Code has given a token for ${name}` },
      {
        title: `${name} has no token yet`,
        fix: `Put a token into ${file}, or let Claude Code send one in OTEL_EXPORTER_OTLP_HEADERS.`,
      },
    ),
  ];
}

/** What is wrong with where credentials come from, whether or not the destination takes data. */
export function credentialFindings(destination: DestinationFacts, facts: HealthFacts): NotedFinding[] {
  return [
    ...tokenFileFindings(destination, facts),
    ...ambiguousFindings(destination, facts),
    ...higherFindings(destination, facts),
  ];
}

function tokenFileFindings(destination: DestinationFacts, facts: HealthFacts): NotedFinding[] {
  const { name, endpoint, credential, tokenFile, takes } = destination;
  if (tokenFile === null || tokenFile.problem === null) return [];
  const isAnotherUsed = credential !== null && credential.refusedAt === null && !awaitsAttempt(destination);
  return [
    note(
      'destination.token-file-unusable',
      {
        seen: `the token file ${tokenFile.path} ${tokenFile.problem}`,
        effect: isAnotherUsed
          ? `${tokenWords(credential, destination, facts)} is used meanwhile`
          : waitingWords(pendingOf(facts, name, takes).points),
        source: endpoint ?? name,
      },
      {
        title: `The token file of ${name} cannot be used`,
        fix: `Have the token of ${name} put into ${tokenFile.path}, alone and on one line.`,
      },
    ),
  ];
}

/** Told once for all the destinations that it is about. */
function ambiguousFindings({ name, ambiguousWith }: DestinationFacts, facts: HealthFacts): NotedFinding[] {
  const names = facts.destinations.map((destination) => destination.name);
  const isFirst = ambiguousWith.every((other) => names.indexOf(name) < names.indexOf(other));
  if (ambiguousWith.length === 0 || !isFirst) return [];
  const all = listed([name, ...ambiguousWith]);
  return [
    note(
      'destination.presented-credential-ambiguous',
      {
        seen: `the destinations ${all} are at different addresses, take their credential in the same header, and have no token of their own`,
        effect: 'what Claude Code presents in that header is sent to none of them, and their data waits on disk',
        source: all,
      },
      {
        title: `The token that Claude Code presents may be meant for ${listed([name, ...ambiguousWith], 'or')}`,
        fix: `Put a token for each of them into ${facts.config.file}.`,
      },
    ),
  ];
}

/** A token that is refused while one of a lower source works. */
function higherFindings(destination: DestinationFacts, facts: HealthFacts): NotedFinding[] {
  const { name, endpoint, credential, refusedCredentials } = destination;
  if (credential === null || credential.refusedAt !== null || awaitsAttempt(destination)) return [];
  return refusedCredentials.flatMap((refused) => {
    const { source } = refused;
    if (source === 'presented' || rank(source) > rank(credential.source)) return [];
    return [
      note(
        `destination.${source}-token-refused`,
        {
          seen: `it refuses ${tokenWords(refused, destination, facts)}, which ${workedWords(refused, facts)}`,
          effect: `${tokenWords(credential, destination, facts)} is used instead`,
          source: endpoint ?? name,
        },
        {
          title: `${name} refuses the token in ${placeWords[source]}`,
          fix: higherFix(source, destination, facts),
        },
      ),
    ];
  });
}

const placeWords = { policy: 'the policy', config: 'the config file', file: 'its token file' } as const;

function higherFix(source: keyof typeof placeWords, destination: DestinationFacts, facts: HealthFacts): string {
  if (source === 'config') return `Correct the token of ${destination.name} in ${facts.config.file}, or remove it.`;
  return sourceFix(source, destination, facts);
}

function refusedFix(destination: DestinationFacts, facts: HealthFacts): string {
  const { name, credential } = destination;
  if (credential === null) return `Put current credentials into the headers of ${name} in ${facts.config.file}.`;
  return sourceFix(credential.source, destination, facts);
}

function sourceFix(source: CredentialSource, { name, tokenFile }: DestinationFacts, facts: HealthFacts): string {
  const { config, policy } = facts;
  switch (source) {
    case 'policy':
      return `Ask IT to put a current token for ${name} into ${policy.file ?? 'the policy'}.`;
    case 'config':
      return `Put a current token into ${config.file}, as the "token" of ${name}.`;
    case 'file':
      return `Put a current token into ${tokenFile?.path ?? 'the token file'}, or mend what writes it.`;
    case 'presented':
      return `Put a current token into OTEL_EXPORTER_OTLP_HEADERS in the managed settings of Claude Code, where this one came from, and start its sessions anew; or put one into ${config.file}.`;
  }
}

function tokenWords({ source }: CredentialFacts, { tokenFile }: DestinationFacts, facts: HealthFacts): string {
  const { config, policy } = facts;
  switch (source) {
    case 'policy':
      return `the token from the policy ${policy.file ?? ''}`.trimEnd();
    case 'config':
      return `the token from ${config.file}`;
    case 'file':
      return `the token from the file ${tokenFile?.path ?? ''}`.trimEnd();
    case 'presented':
      return 'the token that Claude Code presents';
  }
}

function workedWords({ lastWorkedAt }: CredentialFacts, { now }: HealthFacts): string {
  return lastWorkedAt === null ? 'has never worked' : `worked until ${relativeTime(lastWorkedAt, now)}`;
}

function rank(source: CredentialSource): number {
  return credentialSources.indexOf(source);
}

/** Words to which another sentence is added. */
function stopped(words: string): string {
  return /[.!?]$/.test(words) ? words : `${words}.`;
}

function quoted(signals: readonly Signal[]): string {
  return listed(signals.map((signal) => `"${signal}"`));
}

/** `a`, `a and b`, `a, b and c`. */
function listed(words: readonly string[], joint = 'and'): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${joint} ${words.at(-1)}`;
}
