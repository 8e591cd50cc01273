import type { ResolvedAttribute } from '../../../shared/attribution.ts';
import type { Signal } from '../../../shared/signal.ts';
import type { Log } from '../log.ts';
import { Enricher } from '../otlp/enrich.ts';
import { readClaudeAccount } from './read-claude.ts';
import { readGitSettings } from './read-git.ts';
import type { SourcePlaces } from './read-source.ts';
import { resolveRule, type TemplateValues } from './resolve.ts';
import type { AttributeRule } from './rules.ts';
import { parseTemplate, type TemplatePart, type TemplateSource } from './template.ts';

/** Puts the attributes that tell whose telemetry it is on requests. */
export interface Attribution {
  /**
   * The request with the attributes of these rules, as their templates resolve at this moment; the very same array where it
   * has them all. What it takes is prepared once for an array of rules and each change of what templates stand for, so the
   * same array should be given every time.
   */
  enrich(rules: readonly AttributeRule[], signal: Signal, body: Uint8Array): Uint8Array;
  /** What became of each rule, in their order. */
  resolve(rules: readonly AttributeRule[]): readonly ResolvedAttribute[];
  /**
   * Reads the files that templates take their values from: to be called before the first request, then every minute, and when
   * the config has changed or the machine has woken. Never rejects. The first time it reads all of them, so that no request
   * has to wait for the value of its attributes; later those that rules have asked for, also by itself when they first do.
   */
  refresh(): Promise<void>;
}

export interface AttributionOptions extends SourcePlaces {
  readonly log: Log;
}

interface Prepared {
  readonly values: TemplateValues;
  readonly resolved: readonly ResolvedAttribute[];
  /** Made when it is needed: who only asks what became of the rules needs none. */
  enricher?: Enricher;
}

export function createAttribution(options: AttributionOptions): Attribution {
  const { env, log } = options;
  const prepared = new WeakMap<readonly AttributeRule[], Prepared>();
  const wanted = new Set<TemplateSource>();
  /** What the log says of each rule that is not in force. */
  const logged = new Map<string, string>();
  let values: TemplateValues = {
    env,
    git: { values: new Map(), looked: [] },
    claude: { kind: 'none', because: 'it has not been read yet' },
  };
  let everRead = false;
  let reading = Promise.resolve();

  function prepare(rules: readonly AttributeRule[]): Prepared {
    const known = prepared.get(rules);
    if (known?.values === values) return known;
    want(rules.flatMap(({ value }) => parseTemplate(value)));
    const resolved = rules.map((rule) => resolveRule(rule, values));
    for (const [index, rule] of rules.entries()) logOutcome(rule, resolved[index]);
    const fresh = { values, resolved };
    prepared.set(rules, fresh);
    return fresh;
  }

  /** What was read for nobody in particular may be old by the time that somebody asks for it. */
  function want(parts: readonly TemplatePart[]): void {
    const before = wanted.size;
    for (const part of parts) if (part.kind === 'template') wanted.add(part.source);
    if (wanted.size > before) void refresh();
  }

  function enricherOf(rules: readonly AttributeRule[]): Enricher {
    const known = prepare(rules);
    known.enricher ??= new Enricher(known.resolved.filter((attribute) => attribute.outcome === 'set'));
    return known.enricher;
  }

  /** Once for each change; never a value. */
  function logOutcome(rule: AttributeRule, attribute: ResolvedAttribute | undefined): void {
    const id = `${rule.key}=${rule.value}`;
    if (attribute === undefined || attribute.outcome === 'set') {
      if (logged.delete(id)) log.info('attribute in force', { key: rule.key });
      return;
    }
    const { outcome, key, ...why } = attribute;
    const words = JSON.stringify(why);
    if (logged.get(id) !== words) log.warn('attribute not sent', { key, outcome, ...why });
    logged.set(id, words);
  }

  async function read(): Promise<void> {
    const { git, claude } = values;
    const fresh = {
      env,
      git: !everRead || wanted.has('git') ? await readGitSettings(options) : git,
      claude: !everRead || wanted.has('claude') ? await readClaudeAccount(options, claude) : claude,
    };
    everRead = true;
    if (signatureOf(fresh) !== signatureOf(values)) values = fresh;
  }

  function refresh(): Promise<void> {
    // One after the other: what was asked for while one was at work may have come too late for it.
    reading = reading.then(read).catch((error: unknown) => {
      // Not the message: it may quote what was being read.
      log.error('attributes could not be read anew', { error: error instanceof Error ? error.name : typeof error });
    });
    return reading;
  }

  return {
    enrich: (rules, signal, body) => (rules.length === 0 ? body : enricherOf(rules).enrich(signal, body)),
    resolve: (rules) => prepare(rules).resolved,
    refresh,
  };
}

function signatureOf({ git, claude }: TemplateValues): string {
  return JSON.stringify([[...git.values], git.looked, claude]);
}
