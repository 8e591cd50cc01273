import type { Severity } from './finding.ts';
import { destinationFindings } from './health-destination-findings.ts';
import type { HealthFacts } from './health-facts.ts';
import { dayMs, type NotedFinding, note, pendingOf, waitingWords } from './health-note.ts';
import { countOf, formatDuration } from './wording.ts';

/** How long a repair of the spool is worth telling. */
export const repairNewsMs = 7 * dayMs;

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
        // Without room for a copy there is no folder of its own.
        source: latest.keptIn || folder,
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
        ...(refused.lastMessage === null ? {} : { seen: `the last one: ${refused.lastMessage}` }),
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
          detail: config.problems.join(' '),
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
        { effect: 'data is kept on disk for "span"', source: config.file },
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
