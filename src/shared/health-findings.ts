import { type Finding, type FindingId, finding, type Severity } from './finding.ts';
import type { DestinationFacts, HealthFacts } from './health-facts.ts';
import { countOf, formatDuration } from './wording.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** Shorter outages are everyday life: the data is safe, and nobody has to do anything. */
export const patienceMs = 10 * minuteMs;

/** How long a repair of the spool is worth telling. */
export const repairNewsMs = 7 * dayMs;

/** A finding with what it means for the data, as a clause for the headline. */
export interface NotedFinding {
  readonly finding: Finding;
  readonly effect: string;
}

/** All findings that the facts give rise to, most severe first. Pure. */
export function noteFindings(facts: HealthFacts): readonly NotedFinding[] {
  const rank: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };
  return [
    ...spoolFindings(facts),
    ...receiverFindings(facts),
    ...facts.destinations.flatMap((destination) => destinationFindings(destination, facts)),
    ...configFindings(facts),
    ...claudeFindings(facts),
  ].sort((a, b) => rank[a.finding.severity] - rank[b.finding.severity]);
}

/** Nothing since the relay started, and nothing ever before. */
export function nothingReceivedYet({ claude, spool }: HealthFacts): boolean {
  return claude.lastReceivedAt === null && spool.ledger.every((row) => row.accepted === 0);
}

/** What is owed to one destination, or to all of them together. */
export function pendingOf({ spool }: HealthFacts, destination?: string) {
  const rows = spool.pending.filter((row) => destination === undefined || row.destination === destination);
  const oldest = rows.map((row) => row.oldestAt).filter((at) => at !== null);
  return {
    requests: rows.reduce((sum, row) => sum + row.requests, 0),
    points: rows.reduce((sum, row) => sum + row.points, 0),
    bytes: rows.reduce((sum, row) => sum + row.bytes, 0),
    oldestAt: oldest.length === 0 ? null : Math.min(...oldest),
  };
}

/** `1,204 data points are safe on disk and wait`. */
export function waitingWords(points: number): string {
  if (points === 0) return 'nothing is lost, and nothing is waiting yet';
  return `${countOf(points, 'data point')} ${points === 1 ? 'is safe on disk and waits' : 'are safe on disk and wait'}`;
}

/** `seen` is a sentence without its full stop; the finding's detail is that and the effect. */
function note(
  id: FindingId,
  about: { readonly seen: string; readonly effect: string; readonly source: string },
  overrides: Partial<Pick<Finding, 'title' | 'fix'>> = {},
): NotedFinding {
  const { seen, effect, source } = about;
  return { finding: finding(id, { detail: `${sentence(seen)} ${sentence(effect)}`, source }, overrides), effect };
}

function sentence(words: string): string {
  const text = words.trim();
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

function spoolFindings(facts: HealthFacts): NotedFinding[] {
  const { state, folder, repairs, recentDrops } = facts.spool;
  const noted: NotedFinding[] = [];
  switch (state.kind) {
    case 'unavailable':
      noted.push(
        note(
          'spool.unavailable',
          { seen: state.message, effect: 'what Claude Code sends now is refused and lost', source: folder },
          { fix: `Check that ${folder} exists and is writable. The relay keeps trying.` },
        ),
      );
      break;
    case 'disk-full':
      noted.push(
        note(
          'spool.disk-full',
          {
            seen: 'there is no room left, and none could be made',
            effect: `what Claude Code sends now is refused and lost, ${waitingWords(pendingOf(facts).points)}`,
            source: folder,
          },
          { fix: `Free some space on the disk that holds ${folder}. The relay resumes by itself.` },
        ),
      );
      break;
    case 'repairing':
      noted.push(
        note(
          'spool.corrupted',
          { seen: state.reason, effect: 'new requests wait until the repair is done', source: folder },
          {
            title: 'The spool file is damaged and is being repaired',
            fix: 'Wait a moment: the relay repairs it by itself.',
          },
        ),
      );
      break;
    case 'opening':
    case 'ready':
      break;
  }
  const latest = repairs.filter(({ at }) => facts.now - at < repairNewsMs).at(-1);
  if (latest !== undefined) {
    const lost = `${latest.estimated ? 'about ' : ''}${countOf(latest.lostPoints, 'data point')}`;
    noted.push(
      note('spool.corrupted', {
        seen: `${latest.reason} (${formatDuration(facts.now - latest.at)} ago)`,
        effect: `${countOf(latest.salvagedRequests, 'request')} saved, ${latest.lostPoints === 0 ? 'nothing' : lost} lost`,
        source: latest.keptIn,
      }),
    );
  }
  const evicted = recentDrops
    .filter(({ at, cause }) => facts.now - at < dayMs && (cause === 'quota' || cause === 'age'))
    .reduce((sum, { points }) => sum + points, 0);
  if (evicted > 0) {
    noted.push(
      note(
        'spool.quota-reached',
        {
          seen: 'the spool reached its limit of size or age in the last 24 hours',
          effect: `${countOf(evicted, 'data point')} ${evicted === 1 ? 'was' : 'were'} removed undelivered`,
          source: folder,
        },
        {
          fix: `Get the destination working again, or raise spool.maxBytes or spool.maxAgeDays in ${facts.config.file}.`,
        },
      ),
    );
  }
  return noted;
}

function receiverFindings({ http, refused }: HealthFacts): NotedFinding[] {
  const noted: NotedFinding[] = [];
  if (http.state === 'port-taken') {
    const holder = http.holder ?? 'another program';
    noted.push(
      note(
        'receiver.port-taken',
        {
          seen: `port ${http.port} on 127.0.0.1 is held by ${holder}`,
          effect: 'what Claude Code sends now does not reach the relay',
          source: `127.0.0.1:${http.port}`,
        },
        {
          title: `Port ${http.port} is taken by ${holder}`,
          fix: 'Stop that program or give it another port. The relay keeps trying and takes over by itself.',
        },
      ),
    );
  }
  if (refused.requestsLastHour > 0) {
    noted.push(
      note('receiver.requests-refused', {
        seen: refused.lastMessage === null ? 'requests were refused' : `the last one: ${refused.lastMessage}`,
        effect: `${countOf(refused.requestsLastHour, 'request')} in the last hour ${refused.requestsLastHour === 1 ? 'was' : 'were'} not stored`,
        source: `127.0.0.1:${http.port}`,
      }),
    );
  }
  return noted;
}

function configFindings({ config }: HealthFacts): NotedFinding[] {
  const noted: NotedFinding[] = [];
  const [first] = config.problems;
  if (first !== undefined) {
    const more = config.problems.length - 1;
    noted.push(
      note(
        'relay.config-invalid',
        {
          seen: config.problems.map(sentence).join(' '),
          effect:
            more === 0
              ? first.replace(/\.$/, '')
              : `${first.replace(/\.$/, '')} (and ${countOf(more, 'more mistake')})`,
          source: config.file,
        },
        { fix: `Correct ${config.file}. It is read again by itself.` },
      ),
    );
  }
  if (!config.anyDestination) {
    noted.push(
      note(
        'destination.none-configured',
        { seen: `${config.file} names none`, effect: 'data is kept on disk for "span"', source: config.file },
        { fix: `Add a destination to ${config.file}.` },
      ),
    );
  }
  return noted;
}

function claudeFindings(facts: HealthFacts): NotedFinding[] {
  if (!nothingReceivedYet(facts)) return [];
  const { port } = facts.http;
  return [
    note(
      'claude.nothing-received',
      {
        seen: 'the relay has never received anything',
        effect: 'the relay is ready and waits',
        source: `127.0.0.1:${port}`,
      },
      { fix: `Start a new Claude Code session with OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${port}.` },
    ),
  ];
}

function destinationFindings(destination: DestinationFacts, facts: HealthFacts): NotedFinding[] {
  const { name, removed, lastPartialSuccess } = destination;
  const source = destination.endpoint ?? name;
  const pending = pendingOf(facts, name);
  if (removed) {
    if (pending.requests === 0) return [];
    return [
      note(
        'destination.removed-with-backlog',
        { seen: `${name} is not in ${facts.config.file} any more`, effect: waitingWords(pending.points), source: name },
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
          seen: `${name} called ${countOf(quarantined.requests, 'request')} malformed`,
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
          seen: `${name} said ${formatDuration(facts.now - lastPartialSuccess.at)} ago: ${lastPartialSuccess.message || 'no reason'}`,
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
        return [
          note('destination.untrusted-certificate', about, { title: `The certificate of ${name} is not trusted` }),
        ];
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
  return credentialSource === 'claude'
    ? `Put a current token into OTEL_EXPORTER_OTLP_HEADERS of Claude Code, where this one came from, or into ${configFile}.`
    : `Put a current token into ${configFile}.`;
}
