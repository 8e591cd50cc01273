import { assertNever } from './assert-never.ts';
import type { IdentityKey, ResolvedAttribute } from './attribution.ts';
import type { ConfigFacts, DestinationFacts, HealthFacts } from './health-facts.ts';
import { type NotedFinding, note, nounOf } from './health-note.ts';
import type { Signal } from './signal.ts';
import { countOf } from './wording.ts';

/** What these findings are derived from. */
export interface AttributionFacts extends Pick<HealthFacts, 'attributes' | 'identity'> {
  readonly config: Pick<ConfigFacts, 'file'>;
  readonly destinations: readonly Pick<DestinationFacts, 'name' | 'removed' | 'takes' | 'identity'>[];
}

/** Whether vendors can tell whose telemetry it is, and what stands in the way. Pure. */
export function attributionFindings(facts: AttributionFacts): NotedFinding[] {
  return [...attributeFindings(facts), ...placeholderFindings(facts), ...identityFindings(facts)];
}

/** One for each attribute that is not sent, however many destinations it is meant for. */
function attributeFindings({ attributes, config }: AttributionFacts): NotedFinding[] {
  const meant = new Map<string, { readonly attribute: ResolvedAttribute; readonly destinations: string[] }>();
  for (const { destination, resolved } of attributes) {
    for (const attribute of resolved) {
      const id = JSON.stringify(attribute);
      const known = meant.get(id) ?? { attribute, destinations: [] };
      known.destinations.push(destination);
      meant.set(id, known);
    }
  }
  return [...meant.values()].flatMap(({ attribute, destinations }) =>
    attributeFinding(attribute, inWords(destinations), config.file),
  );
}

function attributeFinding(attribute: ResolvedAttribute, destinations: string, file: string): NotedFinding[] {
  const { key } = attribute;
  const place = `resourceAttributes.${key} in ${file}`;
  const effect = `the relay sends no ${key} to ${destinations}`;
  switch (attribute.outcome) {
    case 'set':
      return [];
    case 'placeholder': {
      const { placeholder } = attribute;
      const detail = `${place} comes to ${placeholder}, a variable that device management has not filled in. Until it has, ${effect}.`;
      const title = `${key} in the config file is the placeholder ${placeholder}`;
      const fix = `Let device management fill in ${placeholder}, or write an address or a template such as \${git:user.email} there.`;
      return [note('relay.attribute-placeholder', { detail, source: file }, { title, fix })];
    }
    case 'unresolved': {
      const { template, because } = attribute;
      const detail = `${place} has no value on this machine, because ${template} has none (${because}). Until it has one, ${effect}.`;
      const title = `${template} has no value, so ${key} is not sent`;
      return [
        note('relay.attribute-unresolved', { detail, source: file }, { title, fix: templateFix(template, file) }),
      ];
    }
    default:
      return assertNever(attribute);
  }
}

function templateFix(template: string, file: string): string {
  const [, source, name = ''] = /^\$\{(\w+):([^}]*)\}$/.exec(template) ?? [];
  const or = `or write another value into ${file}`;
  if (source === 'git' && name.includes('.')) return `Set it with \`git config --global ${name} …\`, ${or}.`;
  if (source === 'env') return `Set ${name} in the environment in which the relay is started, ${or}.`;
  if (source === 'claude' && name === 'account.email') return `Log in to Claude Code with an account, ${or}.`;
  return `Correct it in ${file}.`;
}

/** What Claude Code was told to send, and nobody filled in. */
function placeholderFindings(facts: AttributionFacts): NotedFinding[] {
  const open = facts.identity.placeholders.filter(({ key, signal }) => !isOverridden(facts, key, signal));
  return [...new Set(open.map(({ key }) => key))].map((key) => {
    const ofKey = open.filter((one) => one.key === key);
    const placeholder = ofKey[0]?.placeholder;
    return note(
      'claude.identity-placeholder',
      {
        seen: `${key} was ${placeholder} in ${countWords(ofKey)} of the last hour, a variable that device management has not filled in`,
        effect: 'a vendor cannot tell whose they are',
        source: 'OTEL_RESOURCE_ATTRIBUTES',
      },
      {
        title: `Claude Code sends the placeholder ${placeholder} as ${key}`,
        fix: `Correct OTEL_RESOURCE_ATTRIBUTES in the managed settings of Claude Code, or override ${key} in resourceAttributes in ${facts.config.file}.`,
      },
    );
  });
}

/** Every destination that gets this signal gets another value from the relay. */
function isOverridden({ attributes, destinations }: AttributionFacts, key: IdentityKey, signal: Signal): boolean {
  const concerned = destinations.filter(({ removed, takes }) => !removed && takes.includes(signal));
  const overriding = new Set(
    attributes
      .filter(({ resolved }) => resolved.some((one) => one.key === key && one.outcome === 'set' && one.override))
      .map(({ destination }) => destination),
  );
  return concerned.length > 0 && concerned.every(({ name }) => overriding.has(name));
}

/** Telemetry that names nobody, for destinations that attribute it to people. */
function identityFindings({ attributes, config, destinations, identity }: AttributionFacts): NotedFinding[] {
  const named = new Set(attributes.filter(({ identifies }) => identifies).map(({ destination }) => destination));
  const concerned = destinations.flatMap(({ name, removed, takes, identity: key }) => {
    const counted = identity.none.filter(({ signal }) => takes.includes(signal));
    return key === null || removed || named.has(name) || counted.length === 0 ? [] : [{ name, key, counted }];
  });
  const [first] = concerned;
  if (first === undefined) return [];
  const counted = identity.none.filter((one) => concerned.some((destination) => destination.counted.includes(one)));
  const goBy = inWords(concerned.map(({ name, key }) => `${name} goes by ${key}`));
  const keys = [...new Set(concerned.map(({ key }) => key))];
  const variable = `OTEL_RESOURCE_ATTRIBUTES=${keys.map((key) => `${key}=…`).join(',')}`;
  return [
    note(
      'claude.no-identity',
      {
        seen: `${countWords(counted)} of the last hour named nobody: neither work_email nor user.email held an e-mail address`,
        effect: `a vendor cannot tell whose they are: ${goBy}`,
        source: 'OTEL_RESOURCE_ATTRIBUTES',
      },
      {
        title: `${inWords(concerned.map(({ name }) => name))} cannot tell whose telemetry this is`,
        fix: `Set ${variable} in the managed settings of Claude Code, or ${inWords(keys)} in resourceAttributes in ${config.file}.`,
      },
    ),
  ];
}

/** `12 data points and 3 log records`. */
function countWords(counted: readonly { readonly signal: Signal; readonly points: number }[]): string {
  return inWords(counted.map(({ signal, points }) => countOf(points, nounOf(signal))));
}

/** `a`, `a and b`, `a, b and c`. */
function inWords(items: readonly string[]): string {
  const last = items.at(-1) ?? '';
  return items.length < 2 ? last : `${items.slice(0, -1).join(', ')} and ${last}`;
}
