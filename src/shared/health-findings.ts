import type { Severity } from './finding.ts';
import { attributionFindings } from './health-attribution-findings.ts';
import { destinationFindings } from './health-destination-findings.ts';
import type { HealthFacts } from './health-facts.ts';
import { type NotedFinding, note } from './health-note.ts';
import { portFindings, refusalFindings, unwantedFindings } from './health-receiver-findings.ts';
import { spoolFindings } from './health-spool-findings.ts';
import { countOf } from './wording.ts';

/** All findings that the facts give rise to, most severe first; among equals, what matters more. Pure. */
export function noteFindings(facts: HealthFacts): readonly NotedFinding[] {
  const rank: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };
  const refusals = refusalFindings(facts);
  const { ongoing } = facts.refused;
  return [
    ...portFindings(facts),
    // What is lost before it is stored comes before what waits on disk; an incident that is over comes last.
    ...(ongoing ? refusals : []),
    ...spoolFindings(facts),
    ...facts.destinations.flatMap((destination) => destinationFindings(destination, facts)),
    ...configFindings(facts),
    ...attributionFindings(facts),
    ...(ongoing ? [] : refusals),
    ...unwantedFindings(facts),
    ...claudeFindings(facts),
  ].sort((a, b) => rank[a.finding.severity] - rank[b.finding.severity]);
}

/** Nothing since the relay started, and nothing ever before. */
export function nothingReceivedYet({ claude, spool }: HealthFacts): boolean {
  return claude.lastReceivedAt === null && spool.ledger.every((row) => row.accepted === 0);
}

/** Of a file that is broken as a whole: what is in force meanwhile depends on what was before, and its problem says it. */
const readAgain = 'It is read again by itself.';

function configFindings({ config, policy }: HealthFacts): NotedFinding[] {
  const noted: NotedFinding[] = [];
  if (policy.file !== null && policy.problems.length > 0) {
    noted.push(
      policy.unusable
        ? note('policy.invalid', mistakes(policy.problems, policy.file, "This machine's policy file cannot be used"), {
            title: 'The policy file of this machine cannot be used',
            fix: `Ask the administrator of this machine to mend ${policy.file}, or to put it back.`,
            after: readAgain,
          })
        : note('policy.invalid', mistakes(policy.problems, policy.file, "This machine's policy file has a mistake"), {
            fix: `Ask the administrator of this machine to correct ${policy.file}.`,
          }),
    );
  }
  if (config.problems.length > 0) {
    noted.push(
      config.unusable
        ? note('relay.config-invalid', mistakes(config.problems, config.file, 'The config file cannot be used'), {
            title: 'The config file cannot be used',
            fix: `Mend ${config.file}, or put it back.`,
            after: readAgain,
          })
        : note('relay.config-invalid', mistakes(config.problems, config.file, 'The config file has a mistake'), {
            fix: `Correct ${config.file}.`,
          }),
    );
  }
  if (!config.anyDestination) {
    noted.push(
      note(
        'destination.none-configured',
        { effect: 'what Claude Code sends is kept on disk until there is one', source: config.file },
        { fix: `Add a destination to ${config.file}.` },
      ),
    );
  }
  return noted;
}

function mistakes(problems: readonly string[], file: string, title: string) {
  const [first = '', ...more] = problems;
  const others = more.length === 0 ? '' : `, and ${countOf(more.length, 'more mistake')}`;
  return { detail: problems.join(' '), source: file, summary: `${title} (${first.replace(/\.$/, '')}${others})` };
}

function claudeFindings(facts: HealthFacts): NotedFinding[] {
  if (!nothingReceivedYet(facts) || !takesTelemetry(facts)) return [];
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

/** Whether it would help to point Claude Code at this relay. */
function takesTelemetry({ http, refused, spool }: HealthFacts): boolean {
  return (
    http.state !== 'port-taken' &&
    spool.state.kind !== 'unavailable' &&
    spool.state.kind !== 'disk-full' &&
    !refused.ongoing
  );
}
