import * as v from 'valibot';
import { signals as allSignals, type Signal } from '../../../../shared/signal.ts';
import { findPlaceholder } from '../../attribution/placeholder.ts';
import type { Protocol } from '../../delivery/destination.ts';
import { describeKind } from '../config-problem.ts';
import { isOwnAddress, normaliseEndpoint } from '../endpoint.ts';
import { parseJsonText } from '../json-text.ts';
import { type PresetName, presets } from '../presets.ts';
import { anObject, destinationName } from '../schemas.ts';
import { addressKeys, type SignalAddress } from './address-keys.ts';
import { credentialKeys, type HeaderKeys, type Keys } from './credential-keys.ts';
import { type KeyValueList, keyValueList } from './key-value-list.ts';
import { recognise } from './recognise.ts';
import {
  exportedSignals,
  isAboutContent,
  isTransport,
  type SignalExport,
  signalExport,
  type Variables,
  variablesOf,
} from './telemetry-env.ts';
import { transportKeys } from './transport-keys.ts';

export interface ImportOptions {
  /** What the text is called in sentences. */
  readonly source: string;
  /** What the destination is called; by its preset or its host where that is not said. */
  readonly name: string | undefined;
  /** Only these signals. */
  readonly signals: readonly Signal[] | undefined;
  /** The header of the credential, where a person names it. */
  readonly credentialHeader?: string | undefined;
  /** An http address may be on another machine. */
  readonly allowInsecure?: boolean;
  /** The relay's own ports. */
  readonly ownPorts: readonly number[];
}

export interface ImportedDestination {
  readonly name: string;
  /** For the config file. */
  readonly entry: Keys;
  /** What the person who imports it has to know, one sentence each; no secrets. */
  readonly notes: readonly string[];
  /** Names of settings that have to go, so that Claude Code exports to the relay. */
  readonly superfluous: readonly string[];
  /** Telemetry variables that say what is exported, and stay. */
  readonly kept: Variables;
}

export type ImportResult =
  | { readonly kind: 'imported'; readonly destination: ImportedDestination }
  | { readonly kind: 'refused'; readonly message: string };

/** Makes a destination of the settings for Claude Code that a vendor generates. Pure. */
export function importSettings(text: string, options: ImportOptions): ImportResult {
  const { source } = options;
  const json = parseJsonText(text);
  if (!json.ok) {
    const place = `line ${json.line}, column ${json.column}: expected ${json.expected}, found ${json.found}`;
    return refused(`${source} is not valid JSON (${place}). Copy it again from the vendor's page.`);
  }
  if (!v.is(anObject, json.value)) {
    return refused(`${source} holds ${describeKind(json.value)} instead of Claude Code's settings, { "env": { … } }.`);
  }
  const env = envOf(json.value);
  if (env === undefined) return refused(withoutTelemetry(json.value, source));
  const hasHelper = typeof json.value.otelHeadersHelper === 'string';
  return importVariables(variablesOf(env), hasHelper, options);
}

function importVariables(variables: Variables, hasHelper: boolean, options: ImportOptions): ImportResult {
  const { source } = options;
  const exported = exportedSignals(variables);
  const chosen = options.signals ?? (exported.length > 0 ? exported : allSignals);
  const exports = chosen.map((signal) => signalExport(variables, signal));
  const [first] = exports;
  const difference = differing(exports);
  if (first === undefined || difference !== undefined) return refused(`${source}: ${difference}`);
  const headers = keyValueList(first.headers ?? '');
  // One that is given for a signal comes after one for all.
  const pairs = headers.pairs.filter(
    ([name], index, all) => !all.slice(index + 1).some(([later]) => isSameName(name, later)),
  );
  const names = pairs.map(([name]) => name);
  const given = [variables.OTEL_EXPORTER_OTLP_ENDPOINT, ...exports.map(({ ownEndpoint }) => ownEndpoint)];
  const preset = recognise(
    names,
    given.filter((one) => one !== undefined),
  );
  const known = preset === undefined ? undefined : presets[preset];
  const transport = transportKeys(first, known);
  const addresses = addressesOf(exports, variables, transport.protocol);
  if (addresses.length === 0 && known?.endpoint === undefined) {
    return refused(`${source} names no address: it has no OTEL_EXPORTER_OTLP_ENDPOINT.`);
  }
  if (addresses.length > 0 && addresses.every(({ url }) => isOwnAddress(url, options.ownPorts))) {
    return refused(
      `${source} already exports to this relay, so there is nothing to import. Import the settings that the vendor generates.`,
    );
  }
  const credential = credentialKeys(pairs, known, options.credentialHeader);
  if (hasHelper && credential.header === undefined && known?.credential === undefined) {
    return refused(
      `${source} has "otelHeadersHelper", and does not say in which header that gives the credential, so the relay would not pass it on. Name the header: --credential-header NAME, such as Authorization.`,
    );
  }
  const attributes = keyValueList(variables.OTEL_RESOURCE_ATTRIBUTES ?? '').pairs;
  const name = options.name ?? nameOf(preset, addresses);
  const base = variables.OTEL_EXPORTER_OTLP_ENDPOINT;
  return {
    kind: 'imported',
    destination: {
      name,
      entry: {
        name,
        ...(preset === undefined ? {} : { preset }),
        ...addressKeys(addresses, base, { preset: known, protocol: transport.protocol }),
        ...transport.keys,
        ...credential.keys,
        ...(exported.length > 0 || options.signals !== undefined ? { signals: chosen } : {}),
        ...(attributes.length === 0 ? {} : { resourceAttributes: Object.fromEntries(attributes) }),
        ...transport.files,
        ...(options.allowInsecure === true ? { allowInsecure: true } : {}),
      },
      notes: [
        ...(exported.length > 0 ? [] : [nothingExported]),
        ...transport.notes,
        ...headerNotes(headers, credential, hasHelper),
        ...attributes.flatMap(placeholderNote),
        ...(known?.notes ?? []),
      ],
      superfluous: [
        ...Object.keys(variables).filter((one) => isTransport(one) && !needed.includes(one)),
        ...(attributes.length === 0 ? [] : ['OTEL_RESOURCE_ATTRIBUTES']),
      ],
      kept: Object.fromEntries(Object.entries(variables).filter(([one]) => isAboutContent(one))),
    },
  };
}

function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** These stay, with other values. */
const needed: readonly string[] = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_PROTOCOL'];

const nothingExported =
  'No exporter in these settings is "otlp", so Claude Code exports nothing with them; taken as all signals.';

/** The `env` block, or the variables themselves where somebody has copied no more. */
function envOf(settings: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const blocks = [settings.env, settings].filter((block) => v.is(anObject, block));
  return blocks.find((block) => Object.keys(block).some(isTransport));
}

function withoutTelemetry(settings: Readonly<Record<string, unknown>>, source: string): string {
  if (settings.destinations !== undefined) {
    return `${source} is a config file of the relay, not settings of Claude Code. Give it with --config.`;
  }
  const has = v.is(anObject, settings.env) ? 'an "env" without telemetry' : 'no "env"';
  return `${source} has ${has}: OTEL_EXPORTER_OTLP_ENDPOINT and so on. Save the settings that the vendor's page generates, and import these.`;
}

function addressesOf(
  exports: readonly SignalExport[],
  { OTEL_EXPORTER_OTLP_ENDPOINT: base }: Variables,
  protocol: Protocol,
): readonly SignalAddress[] {
  return exports.flatMap(({ signal, ownEndpoint }): SignalAddress[] => {
    if (ownEndpoint !== undefined) return [{ signal, url: ownEndpoint, isOwn: true }];
    if (base === undefined) return [];
    const url = protocol === 'grpc' ? base : `${normaliseEndpoint(base)}/v1/${signal}`;
    return [{ signal, url, isOwn: false }];
  });
}

const compared = {
  protocol: 'protocols',
  headers: 'headers',
  compression: 'compression',
  timeout: 'time-outs',
  certificate: 'certificates',
  clientCertificate: 'client certificates',
  clientKey: 'client keys',
} as const satisfies Partial<Record<keyof SignalExport, string>>;

/** A destination has one protocol and one set of headers; the settings may have them by signal. */
function differing(exports: readonly SignalExport[]): string | undefined {
  const [first, ...others] = exports;
  for (const key of [
    'protocol',
    'headers',
    'compression',
    'timeout',
    'certificate',
    'clientCertificate',
    'clientKey',
  ] as const) {
    const other = others.find((one) => one[key] !== first?.[key]);
    if (first === undefined || other === undefined) continue;
    return `${first.signal} and ${other.signal} have different ${compared[key]}, and a destination has one ${key === 'headers' ? 'set of them' : 'of them'}. Import them one by one: --signals ${first.signal} --name ONE, then --signals ${other.signal} --name OTHER.`;
  }
  return undefined;
}

function nameOf(preset: PresetName | undefined, addresses: readonly SignalAddress[]): string {
  if (preset !== undefined && preset !== 'plain') return preset;
  const host = URL.parse(addresses[0]?.url ?? '')?.hostname ?? '';
  if (/^[\d.]+$|^\[/.test(host)) return 'collector';
  const labels = host
    .split('.')
    .slice(0, -1)
    .filter((label) => !/^(?:otel|otlp|ingest|api|collector|telemetry|metrics|logs|traces)$/i.test(label));
  // The longest part tells most: neither `eu` nor `co`.
  const [label = ''] = labels.toSorted((a, b) => b.length - a.length);
  return v.is(destinationName, label) ? label : 'collector';
}

function headerNotes(list: KeyValueList, credential: HeaderKeys, hasHelper: boolean): readonly string[] {
  const { header, isUnfilled } = credential;
  return [
    ...list.withColon.map(
      (name) =>
        `OTEL_EXPORTER_OTLP_HEADERS has "${name}: …" where ${name}=… is meant: Claude Code sends no such header. It is taken as it is meant.`,
    ),
    ...(list.broken === 0 ? [] : ['OTEL_EXPORTER_OTLP_HEADERS has a part that is no NAME=VALUE: it is left out.']),
    ...(isUnfilled ? ['The token is not filled in: put the real one into the config file as "token".'] : []),
    ...(header === undefined && list.pairs.length > 0
      ? [
          `No header is called like a credential: ${list.pairs.map(([name]) => name).join(', ')} ${list.pairs.length === 1 ? 'is sent as it is' : 'are sent as they are'}.`,
        ]
      : []),
    ...(hasHelper
      ? [
          '"otelHeadersHelper" may stay: the relay uses what it prints, in the header that the destination has for its token.',
        ]
      : []),
  ];
}

function placeholderNote([key, value]: readonly [string, string]): readonly string[] {
  const placeholder = findPlaceholder(value);
  if (placeholder === undefined) return [];
  const template = `\${git:user.email}`;
  return [
    `The attribute ${key} holds the placeholder ${placeholder}: it is kept, and not sent until it is filled in. "${template}" takes the address from each machine.`,
  ];
}

function refused(message: string): ImportResult {
  return { kind: 'refused', message };
}
