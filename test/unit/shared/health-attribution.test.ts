// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of the relay
import { expect, test } from 'vitest';
import type { ResolvedAttribute } from '../../../src/shared/attribution.ts';
import { type AttributionFacts, attributionFindings } from '../../../src/shared/health-attribution-findings.ts';

const span = { name: 'span', removed: false, takes: ['metrics'], identity: 'work_email' } as const;
const linearb = { name: 'linearb', removed: false, takes: ['metrics', 'logs'], identity: 'user.email' } as const;
const collector = { name: 'collector', removed: false, takes: ['metrics', 'logs', 'traces'], identity: null } as const;

function findings(facts: Partial<AttributionFacts>) {
  return attributionFindings({
    destinations: [span],
    config: { file: '/config.json' },
    identity: { none: [], placeholders: [] },
    attributes: [],
    ...facts,
  }).map(({ finding }) => finding);
}

function nobody(destinations: AttributionFacts['destinations'], attributes: AttributionFacts['attributes'] = []) {
  const none = [
    { signal: 'metrics', points: 1_204 },
    { signal: 'logs', points: 1 },
  ] as const;
  return findings({ destinations, attributes, identity: { none, placeholders: [] } });
}

const set = (key: string, override = false): ResolvedAttribute => ({ key, outcome: 'set', value: 'x', override });

test('telemetry that names nobody is counted as far as destinations need a name', () => {
  expect(nobody([span, collector])).toEqual([
    {
      id: 'claude.no-identity',
      severity: 'warning',
      title: 'span cannot tell whose telemetry this is',
      detail:
        '1,204 data points of the last hour named nobody: neither work_email nor user.email held an e-mail address. A vendor cannot tell whose they are: span goes by work_email.',
      fix: 'Set OTEL_RESOURCE_ATTRIBUTES=work_email=… in the managed settings of Claude Code, or work_email in resourceAttributes in /config.json. If it is set, its value may be a placeholder such as %Email% that was never filled in, which Claude Code drops.',
      source: 'OTEL_RESOURCE_ATTRIBUTES',
    },
  ]);
  expect(nobody([span, linearb])).toMatchObject([
    {
      title: 'span and linearb cannot tell whose telemetry this is',
      detail:
        '1,204 data points and 1 log record of the last hour named nobody: neither work_email nor user.email held an e-mail address. A vendor cannot tell whose they are: span goes by work_email and linearb goes by user.email.',
      fix: 'Set OTEL_RESOURCE_ATTRIBUTES=work_email=…,user.email=… in the managed settings of Claude Code, or work_email and user.email in resourceAttributes in /config.json. If it is set, its value may be a placeholder such as %Email% that was never filled in, which Claude Code drops.',
    },
  ]);
});

test('nobody need be named where no destination asks for it, and where the relay does it', () => {
  const named = (destination: string) => ({ destination, resolved: [set('work_email')], identifies: true });

  expect(nobody([collector])).toEqual([]);
  expect(nobody([{ ...span, removed: true }])).toEqual([]);
  expect(nobody([{ ...span, takes: ['traces'] }])).toEqual([]);
  expect(nobody([span], [named('span')])).toEqual([]);
  expect(nobody([span, linearb], [named('span')])).toMatchObject([
    { title: 'linearb cannot tell whose telemetry this is' },
  ]);
});

function placeholders(destinations: AttributionFacts['destinations'], attributes: AttributionFacts['attributes'] = []) {
  const placeholder = { key: 'work_email', placeholder: '%Email%' } as const;
  return findings({
    destinations,
    attributes,
    identity: {
      none: [],
      placeholders: [
        { ...placeholder, signal: 'metrics', points: 12 },
        { ...placeholder, signal: 'logs', points: 3 },
      ],
    },
  });
}

test('a placeholder of Claude Code is one finding for all signals, whoever needs a name', () => {
  const expected = {
    id: 'claude.identity-placeholder',
    severity: 'warning',
    title: 'Claude Code sends the placeholder %Email% as work_email',
    detail:
      'work_email was %Email% in 12 data points and 3 log records of the last hour, a variable that device management has not filled in. A vendor cannot tell whose they are.',
    fix: 'Correct OTEL_RESOURCE_ATTRIBUTES in the managed settings of Claude Code, or override work_email in resourceAttributes in /config.json. A session takes it over when it is started anew.',
    source: 'OTEL_RESOURCE_ATTRIBUTES',
  };
  expect(placeholders([span])).toEqual([expected]);
  expect(placeholders([collector])).toEqual([expected]);
  expect(placeholders([])).toEqual([expected]);
});

test('a placeholder that every destination gets another value for is none', () => {
  const overriding = (destination: string, override = true) => ({
    destination,
    resolved: [set('work_email', override)],
    identifies: true,
  });

  expect(placeholders([collector], [overriding('collector', false)])).toHaveLength(1);
  expect(placeholders([collector], [overriding('collector')])).toEqual([]);
  expect(placeholders([collector, span], [overriding('collector')])).toHaveLength(1);
  expect(placeholders([span, { ...collector, removed: true }], [overriding('span')])).toMatchObject([
    { detail: expect.stringContaining('was %Email% in 3 log records of the last hour') },
  ]);
});

test('an attribute that is not sent is one finding for all destinations that it is meant for', () => {
  const resolved: ResolvedAttribute[] = [
    { key: 'work_email', outcome: 'placeholder', placeholder: '$EMAIL' },
    { key: 'user.email', outcome: 'unresolved', template: '${git:user.email}', because: 'user.email is not set' },
    set('team'),
  ];
  const attributes = [span, linearb, collector].map(({ name }) => ({ destination: name, resolved, identifies: false }));

  expect(findings({ attributes })).toEqual([
    {
      id: 'relay.attribute-placeholder',
      severity: 'warning',
      title: 'work_email in the config file is the placeholder $EMAIL',
      detail:
        'resourceAttributes.work_email in /config.json comes to $EMAIL, a variable that device management has not filled in. Until it has, the relay sends no work_email to span, linearb and collector.',
      fix: 'Let device management fill in $EMAIL, or write an address or a template such as ${git:user.email} there.',
      source: '/config.json',
    },
    {
      id: 'relay.attribute-unresolved',
      severity: 'warning',
      title: '${git:user.email} has no value, so user.email is not sent',
      detail:
        'resourceAttributes.user.email in /config.json has no value on this machine, because ${git:user.email} has none (user.email is not set). Until it has one, the relay sends no user.email to span, linearb and collector.',
      fix: 'Set it with `git config --global user.email …`, or write another value into /config.json. It is read again every minute.',
      source: '/config.json',
    },
  ]);
});

test.each([
  [
    '${env:TEAM}',
    'Set TEAM in the environment in which the relay is started, or write another value into /config.json.',
  ],
  ['${claude:account.email}', 'Log in to Claude Code with an account, or write another value into /config.json.'],
  ['${claude:account.name}', 'Correct it in /config.json.'],
  ['${git:email}', 'Correct it in /config.json.'],
  ['${gti:user.email}', 'Correct it in /config.json.'],
])('the fix for %s fits its source', (template, fix) => {
  const resolved: ResolvedAttribute[] = [{ key: 'team', outcome: 'unresolved', template, because: 'so' }];

  expect(findings({ attributes: [{ destination: 'span', resolved, identifies: false }] })).toMatchObject([
    { fix: `${fix} It is read again every minute.` },
  ]);
});
