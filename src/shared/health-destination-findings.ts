import type { DestinationFacts, HealthFacts } from './health-facts.ts';
import { dayMs, type NotedFinding, note, pendingOf, waitingWords } from './health-note.ts';
import { countOf, formatDuration } from './wording.ts';

/** Shorter outages are everyday life: the data is safe, and nobody has to do anything. */
export const patienceMs = 10 * 60_000;

/** What a person should know about one destination. Pure. */
export function destinationFindings(destination: DestinationFacts, facts: HealthFacts): NotedFinding[] {
  const { name, removed, lastPartialSuccess } = destination;
  const source = destination.endpoint ?? name;
  const pending = pendingOf(facts, name);
  if (removed) {
    if (pending.requests === 0) return [];
    return [
      note(
        'destination.removed-with-backlog',
        {
          seen: `the config file ${facts.config.file} does not name ${name} any more`,
          effect: waitingWords(pending.points),
          source: name,
        },
        { title: `${name} was removed while data was still owed to it` },
      ),
    ];
  }
  const noted = deliveryFindings(destination, facts, pending.points);
  const quarantined = facts.spool.quarantined.find((row) => row.destination === name);
  if (quarantined !== undefined && quarantined.requests > 0) {
    noted.push(
      note(
        'destination.quarantined',
        {
          seen: `${countOf(quarantined.requests, 'request')} called malformed by ${name}`,
          effect: `${countOf(quarantined.points, 'data point')} set aside for somebody to look at`,
          source,
        },
        { title: `${name} called some requests malformed` },
      ),
    );
  }
  if (lastPartialSuccess !== null && lastPartialSuccess.points > 0 && facts.now - lastPartialSuccess.at < dayMs) {
    noted.push(
      note(
        'destination.partially-rejected',
        {
          seen: `${formatDuration(facts.now - lastPartialSuccess.at)} ago ${name} said: ${lastPartialSuccess.message || 'no reason'}`,
          effect: `${countOf(lastPartialSuccess.points, 'data point')} of that request rejected`,
          source,
        },
        { title: `${name} rejected some data points` },
      ),
    );
  }
  return noted;
}

/** What stands in the way of delivering to a destination, if anything: at most one finding. */
function deliveryFindings(destination: DestinationFacts, facts: HealthFacts, waiting: number): NotedFinding[] {
  const { name, endpoint, state, lastError, retryingSinceAt } = destination;
  const { file } = facts.config;
  const answer = lastError?.status === undefined ? '' : ` (${lastError.status})`;
  const seen = lastError?.message ?? 'no attempt has succeeded';
  const about = { seen, effect: waitingWords(waiting), source: endpoint ?? name };
  switch (state) {
    case 'ok':
      return [];
    case 'unconfigured':
      // Without an endpoint the config's own finding says what is missing.
      if (endpoint === null) return [];
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
    case 'blocked':
      if (lastError?.kind === 'credentials') {
        return [
          note('destination.credentials-refused', about, {
            title: `${name} refuses the token${answer}`,
            fix: credentialFix(destination, file),
          }),
        ];
      }
      if (lastError?.kind === 'captive-portal') {
        return [note('destination.captive-portal', about, { title: `A web page answers instead of ${name}` })];
      }
      return [
        note('destination.endpoint-wrong', about, {
          title: `${name} does not accept telemetry at ${endpoint ?? 'its address'}${answer}`,
          fix: `Correct the endpoint in ${file}. Sending resumes by itself.`,
        }),
      ];
    case 'retrying': {
      const triedForMs = retryingSinceAt === null ? 0 : facts.now - retryingSinceAt;
      if (triedForMs <= patienceMs) return [];
      if (lastError?.kind === 'tls') {
        return [note('destination.untrusted-certificate', about, { title: `No trusted connection to ${name}` })];
      }
      return [
        note('destination.unreachable', about, {
          title: `${name} has not taken telemetry for ${formatDuration(triedForMs)}${answer}`,
        }),
      ];
    }
  }
}

function credentialFix({ credentialSource }: DestinationFacts, configFile: string): string {
  return credentialSource === 'presented'
    ? `Put a current token into OTEL_EXPORTER_OTLP_HEADERS of Claude Code, where this one came from, or into ${configFile}.`
    : `Put a current token into ${configFile}.`;
}
