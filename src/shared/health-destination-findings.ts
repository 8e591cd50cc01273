import type { DeliveryError } from './health.ts';
import {
  awaitsAttempt,
  credentialFindings,
  missingFindings,
  refusedFinding,
  untriedFinding,
} from './health-credential-findings.ts';
import type { DestinationFacts, HealthFacts } from './health-facts.ts';
import { type About, dayMs, type NotedFinding, note, nounOf, pendingOf, waitingWords } from './health-note.ts';
import { isLeftByRename, renameFindings } from './health-rename-findings.ts';
import { countOf, formatDuration } from './wording.ts';

/** Shorter outages are everyday life: the data is safe, and nobody has to do anything. */
export const patienceMs = 10 * 60_000;

/** Of a destination that has never worked: most likely its address is wrong, and somebody is just setting it up. */
export const firstPatienceMs = 30_000;

/** What a person should know about one destination. Pure. */
export function destinationFindings(destination: DestinationFacts, facts: HealthFacts): NotedFinding[] {
  if (destination.removed) return removedFindings(destination, facts);
  return [
    ...deliveryFindings(destination, facts),
    ...credentialFindings(destination, facts),
    ...narrowedFindings(destination, facts),
    ...renameFindings(destination, facts),
    ...verdictFindings(destination, facts),
  ];
}

/** What is wrong with a destination that does not take data, as a verb: `answers 503`. */
export function troubleWords(error: DeliveryError | null): string {
  const answer = answerWords(error);
  if (answer !== undefined) return `answers ${answer}`;
  switch (error?.kind) {
    case 'dns':
      return 'cannot be found by its name';
    case 'tls':
      return 'cannot be reached over a connection that is trusted';
    case 'tls-name':
      return 'shows a certificate for another name';
    case 'tls-failed':
      return 'breaks the TLS handshake off';
    case 'not-tls':
      return 'does not speak TLS';
    case 'timeout':
      return 'does not answer in time';
    case 'reset':
      return 'breaks connections off';
    case 'proxy':
      return 'cannot be reached through its proxy';
    case 'garbage':
      return 'does not speak the protocol that it should';
    default:
      return 'cannot be reached';
  }
}

/** What a destination answered, in the terms of its protocol: `503`, `gRPC UNAVAILABLE`. */
function answerWords(error: DeliveryError | null): string | undefined {
  if (error?.grpcStatus !== undefined) return `gRPC ${error.grpcStatus}`;
  return error?.status === undefined ? undefined : String(error.status);
}

function removedFindings({ name }: DestinationFacts, facts: HealthFacts): NotedFinding[] {
  const pending = pendingOf(facts, name);
  if (pending.requests === 0 || isLeftByRename(name, facts)) return [];
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

/** What stands in the way of delivering to a destination, if anything: at most one finding. */
function deliveryFindings(destination: DestinationFacts, facts: HealthFacts): NotedFinding[] {
  const { name, endpoint, state, lastError, takes } = destination;
  const words = answerWords(lastError);
  const answer = words === undefined ? '' : ` (${words})`;
  const seen = lastError?.message ?? 'no attempt has succeeded';
  const waiting = pendingOf(facts, name, takes).points;
  const about = { seen, effect: waitingWords(waiting), source: endpoint ?? name };
  switch (state) {
    case 'ok':
      return [];
    case 'unconfigured':
      // Without an endpoint the config's own finding says what is missing.
      if (endpoint === null) return [];
      // One has come, and is tried in a moment.
      if (destination.credential !== null) return [];
      return missingFindings(destination, facts, about);
    case 'blocked':
      return [blockedFinding(destination, facts, about, answer)];
    case 'retrying':
      return retryingFindings(destination, facts, about);
  }
}

/** Somebody has to mend something. `answer`: what the destination answered, in brackets. */
function blockedFinding(destination: DestinationFacts, facts: HealthFacts, about: About, answer: string): NotedFinding {
  const { name, endpoint, lastError } = destination;
  const { file } = facts.config;
  switch (lastError?.kind) {
    case 'credentials':
      return awaitsAttempt(destination)
        ? untriedFinding(destination, facts, about, answer)
        : refusedFinding(destination, facts, about, answer);
    case 'protocol':
      return note('destination.endpoint-wrong', about, {
        title: `${name} does not speak the protocol that it is set to at ${endpoint ?? 'its address'}${answer}`,
        fix: `Set the "protocol" of ${name} in ${file} to what is spoken there (grpc, http/protobuf or http/json), or correct its endpoint.`,
      });
    case 'captive-portal':
      return note('destination.captive-portal', about, { title: `A web page answers instead of ${name}` });
    case 'proxy':
      return note('destination.proxy-refused', about, { title: `The proxy does not let telemetry through to ${name}` });
    case 'certificate-file':
      return note('destination.certificate-file-unusable', about, {
        title: `A file of certificates or keys for ${name} cannot be used`,
        fix: `Mend the file that is named, or correct its path in ${file}.`,
      });
    case 'client-certificate':
      return note('destination.client-certificate-refused', about, {
        title: `${name} wants a client certificate that it accepts`,
      });
    default:
      return note('destination.endpoint-wrong', about, {
        title: `${name} does not accept telemetry at ${endpoint ?? 'its address'}${answer}`,
        fix: `Correct the endpoint in ${file}.`,
      });
  }
}

function retryingFindings(destination: DestinationFacts, { config, now }: HealthFacts, about: About): NotedFinding[] {
  const { name, lastError, lastSuccessAt, retryingSinceAt } = destination;
  const tls = tlsFinding(destination, config.file, about);
  if (tls !== undefined) return [tls];
  const triedForMs = retryingSinceAt === null ? 0 : now - retryingSinceAt;
  if (triedForMs <= (lastSuccessAt === null ? firstPatienceMs : patienceMs)) return [];
  const since =
    lastSuccessAt === null ? 'never taken telemetry' : `not taken telemetry for ${formatDuration(triedForMs)}`;
  return [
    note('destination.unreachable', about, {
      title: `${name} has ${since} (it ${troubleWords(lastError)})`,
      fix:
        lastError?.status === undefined
          ? `Check the network, and the ${lastError?.kind === 'proxy' ? 'proxy' : `endpoint in ${config.file}`}.`
          : `Find out from those who run ${name} what is wrong there.`,
    }),
  ];
}

/** At once: no certificate becomes good, and no server another, by waiting. */
function tlsFinding(
  { name, endpoint, lastError }: DestinationFacts,
  file: string,
  about: About,
): NotedFinding | undefined {
  switch (lastError?.kind) {
    case 'tls':
      return note('destination.untrusted-certificate', about, { title: `No trusted connection to ${name}` });
    case 'tls-name':
      return note('destination.untrusted-certificate', about, {
        title: `The certificate of ${name} is for another name`,
        fix: `Correct the endpoint in ${file}, or ask those who run ${name} for a certificate that has its name.`,
      });
    case 'tls-failed':
      return note('destination.untrusted-certificate', about, {
        title: `No TLS connection to ${name}`,
        fix: `Find out from those who run ${name} which versions of TLS and which clients it takes.`,
      });
    case 'not-tls':
      return note('destination.endpoint-wrong', about, {
        title: `${name} does not speak TLS at ${endpoint ?? 'its address'}`,
        fix: `Correct the endpoint in ${file}: its port, or http:// instead of https://.`,
      });
    default:
      return undefined;
  }
}

/** Data of signals that the destination was once to have, and now is not: held, because a person said so. */
function narrowedFindings({ name, endpoint, takes }: DestinationFacts, facts: HealthFacts): NotedFinding[] {
  const { file } = facts.config;
  return facts.spool.pending
    .filter((row) => row.destination === name && row.requests > 0 && !takes.includes(row.signal))
    .map(({ signal, points }) =>
      note(
        'destination.signal-removed-with-backlog',
        {
          seen: `the signals of ${name} in ${file} do not name "${signal}" any more`,
          effect: waitingWords(points, nounOf(signal)),
          source: endpoint ?? name,
        },
        {
          title: `${name} does not take ${signal} any more, and ${countOf(points, nounOf(signal))} ${points === 1 ? 'is' : 'are'} still owed to it`,
          fix: `Put "${signal}" back into its signals to deliver them, or let retention remove them.`,
        },
      ),
    );
}

/** What the destination said of data that it was given. */
function verdictFindings(destination: DestinationFacts, facts: HealthFacts): NotedFinding[] {
  const { name, lastPartialSuccess, lastWarning } = destination;
  const source = destination.endpoint ?? name;
  const noted: NotedFinding[] = [];
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
  if (lastPartialSuccess !== null && facts.now - lastPartialSuccess.at < dayMs) {
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
  if (lastWarning !== null && facts.now - lastWarning.at < dayMs) {
    noted.push(
      note(
        'destination.vendor-warning',
        {
          seen: `${formatDuration(facts.now - lastWarning.at)} ago ${name} said: ${lastWarning.message}`,
          effect: 'the data was taken all the same',
          source,
        },
        { title: `${name} took the data and sent a warning along` },
      ),
    );
  }
  return noted;
}
