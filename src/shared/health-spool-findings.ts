import type { Severity } from './finding.ts';
import type { HealthFacts } from './health-facts.ts';
import { dayMs, type NotedFinding, note, pendingOf, waitingWords } from './health-note.ts';
import type { DropCause } from './ledger.ts';
import { countOf, formatDuration } from './wording.ts';

/** How long damage to the spool is worth telling. */
export const damageNewsMs = 7 * dayMs;

/** Data that was removed within this time is still being lost, for all that anybody knows. */
const losingMs = 10 * 60_000;

/** What a person should know about the data on disk. Pure. */
export function spoolFindings(facts: HealthFacts): NotedFinding[] {
  return [...stateFindings(facts), ...damageFindings(facts), ...evictionFindings(facts)];
}

function stateFindings(facts: HealthFacts): NotedFinding[] {
  const { state, folder } = facts.spool;
  switch (state.kind) {
    case 'unavailable':
      return [
        note(
          'spool.unavailable',
          { seen: state.message, effect: 'what Claude Code sends now is refused and lost', source: folder },
          { fix: `Check that ${folder} exists and is writable.` },
        ),
      ];
    case 'disk-full':
      return [
        note(
          'spool.disk-full',
          {
            seen: 'there is no room left, and none could be made',
            effect: `what Claude Code sends now is refused and lost, ${waitingWords(pendingOf(facts).points)}`,
            source: folder,
          },
          { fix: `Free some space on the disk that holds ${folder}.` },
        ),
      ];
    case 'repairing':
      return [
        note(
          'spool.corrupted',
          { seen: state.reason, effect: 'new requests wait until the repair is done', source: folder },
          {
            title: 'The spool file is damaged and is being repaired',
            fix: 'Wait a moment, the relay does it by itself.',
            after: 'Then check the disk.',
          },
        ),
      ];
    case 'opening':
    case 'ready':
      return [];
  }
}

function damageFindings(facts: HealthFacts): NotedFinding[] {
  const { folder, repairs } = facts.spool;
  const noted: NotedFinding[] = [];
  const latest = repairs.filter(({ at }) => facts.now - at < damageNewsMs).at(-1);
  if (latest !== undefined) {
    const points = `${latest.estimated ? 'about ' : ''}${countOf(latest.lostPoints, 'data point')}`;
    const lost = `${latest.lostPoints === 0 ? 'nothing' : points} lost`;
    noted.push(
      note('spool.corrupted', {
        seen: `${latest.reason} (${formatDuration(facts.now - latest.at)} ago)`,
        effect: `${countOf(latest.salvagedRequests, 'request')} saved, ${lost}`,
        // Without room for a copy there is no folder of its own.
        source: latest.keptIn || folder,
        summary: `The spool file was damaged and has been repaired, with ${lost}`,
      }),
    );
  }
  const unreadable = dropped(facts, 'corruption', damageNewsMs).points;
  if (unreadable > 0) {
    const lost = `${countOf(unreadable, 'data point')} of it ${unreadable === 1 ? 'is' : 'are'} lost`;
    noted.push(
      note(
        'spool.corrupted',
        {
          seen: 'in the last 7 days, stored requests were no longer what had been written',
          effect: `${countOf(unreadable, 'data point')} lost`,
          source: folder,
          summary: `Stored data was found damaged, and ${lost}`,
        },
        { title: 'Stored data was found damaged', after: 'The rest is not affected.' },
      ),
    );
  }
  return noted;
}

function evictionFindings(facts: HealthFacts): NotedFinding[] {
  const { folder } = facts.spool;
  const { file } = facts.config;
  const noted: NotedFinding[] = [];
  const quota = dropped(facts, 'quota', dayMs);
  if (quota.points > 0) {
    noted.push(
      note(
        'spool.quota-reached',
        { seen: 'the spool was at its limit of size, spool.maxBytes', effect: removed(quota.points), source: folder },
        {
          severity: lossSeverity(facts, quota.latestAt),
          title: `The oldest data ${isNow(facts, quota.latestAt) ? 'is being' : 'was'} removed to make room`,
          fix: mend(facts, `raise spool.maxBytes in ${file}.`),
        },
      ),
    );
  }
  const age = dropped(facts, 'age', dayMs);
  if (age.points > 0) {
    noted.push(
      note(
        'spool.retention-reached',
        { seen: 'it was older than spool.maxAgeDays allows', effect: removed(age.points), source: folder },
        {
          severity: lossSeverity(facts, age.latestAt),
          title: `Data that grew too old to be kept ${isNow(facts, age.latestAt) ? 'is being' : 'was'} removed`,
          fix: mend(facts, `raise spool.maxAgeDays in ${file}.`),
        },
      ),
    );
  }
  return noted;
}

function dropped(facts: HealthFacts, cause: DropCause, withinMs: number) {
  const drops = facts.spool.recentDrops.filter((drop) => drop.cause === cause && facts.now - drop.at < withinMs);
  return {
    points: drops.reduce((sum, { points }) => sum + points, 0),
    latestAt: Math.max(...drops.map(({ at }) => at)),
  };
}

function isNow(facts: HealthFacts, at: number): boolean {
  return facts.now - at < losingMs;
}

function lossSeverity(facts: HealthFacts, latestAt: number): Severity {
  return isNow(facts, latestAt) ? 'error' : 'warning';
}

function removed(points: number): string {
  return `${countOf(points, 'data point')} ${points === 1 ? 'was' : 'were'} removed undelivered in the last 24 hours`;
}

/** What keeps data from leaving comes first; more room only helps for longer. */
function mend(facts: HealthFacts, otherwise: string): string {
  if (!facts.config.anyDestination) return `Add a destination to ${facts.config.file}, or ${otherwise}`;
  const inTrouble = facts.destinations.find(({ state, removed }) => state !== 'ok' && !removed);
  if (inTrouble !== undefined) return `Get ${inTrouble.name} working again, or ${otherwise}`;
  return `${otherwise.charAt(0).toUpperCase()}${otherwise.slice(1)}`;
}
