import { type Signal, signals } from '../../../shared/signal.ts';
import { attributeLimits } from '../attribution/rules.ts';
import { signalUrl } from '../delivery/destination.ts';
import {
  describeKey,
  describeKind,
  describeToken,
  describeUrl,
  describeValue,
  type Mistake,
} from './config-problem.ts';
import { endpointMistake } from './endpoint.ts';
import type { MergedDestination } from './merge-destination.ts';
import { type PresetName, presets } from './presets.ts';
import { tokenWords } from './schemas.ts';
import type { ConfiguredDestination } from './to-destination.ts';

interface Checked {
  readonly merged: MergedDestination;
  readonly destination: ConfiguredDestination;
  /** The relay's own ports on loopback. */
  readonly ownPorts: readonly number[];
}

/** Mistakes that only show when keys are seen together. */
export function togetherMistakes(checked: Checked): readonly Mistake[] {
  const parameters = parameterMistakes(checked);
  return [
    ...parameters,
    // Without its parameters a preset has no address: one mistake, told once.
    ...(parameters.length === 0 ? addressMistakes(checked) : []),
    ...credentialMistakes(checked),
    ...otherMistakes(checked),
  ];
}

function parameterMistakes({ merged: { settings } }: Checked): Mistake[] {
  const given = settings.parameters ?? {};
  const preset = settings.preset === undefined ? undefined : presets[settings.preset];
  if (preset === undefined) {
    if (settings.parameters === undefined) return [];
    return [{ key: '.parameters', expected: 'parameters only beside a preset', found: describeKind(given) }];
  }
  const known = Object.keys(preset.parameters);
  const unknown = Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      key: '.parameters',
      expected:
        known.length === 0 ? `none, because preset "${settings.preset}" has none` : `only ${known.join(' and ')}`,
      found: describeValue(name),
    }));
  // An address of one's own needs none of them.
  const needed = settings.endpoint === undefined ? Object.entries(preset.parameters) : [];
  const wrong = needed.flatMap(([name, { description, example, pattern, usual }]) => {
    const value = given[name] ?? usual;
    if (value !== undefined && pattern.test(value)) return [];
    const expected = `${description}, such as ${JSON.stringify(example)}`;
    return [{ key: `.parameters.${name}`, expected, found: describeValue(value) }];
  });
  return [...unknown, ...wrong];
}

function addressMistakes({ merged: { settings }, destination, ownPorts }: Checked): Mistake[] {
  const { endpoint, signalEndpoints, protocol } = destination;
  const rules = { protocol, allowInsecure: settings.allowInsecure ?? false, ownPorts };
  const mistakes: Mistake[] = [];
  const isGiven = settings.endpoint !== undefined || endpoint !== '';
  const isBare = !isGiven && Object.keys(signalEndpoints).length === 0;
  const wrong = isGiven
    ? endpointMistake(endpoint, { ...rules, verbatim: false })
    : isBare
      ? noAddress(settings.preset)
      : undefined;
  if (wrong !== undefined) {
    mistakes.push({ key: '.endpoint', expected: wrong, found: describeUrl(settings.endpoint) });
  }
  for (const signal of signals) {
    const address = signalEndpoints[signal];
    if (address === undefined) continue;
    const expected = endpointMistake(address, { ...rules, verbatim: protocol !== 'grpc' });
    if (expected !== undefined) {
      mistakes.push({ key: `.endpoints.${signal}`, expected, found: describeUrl(address) });
    }
  }
  return [...mistakes, ...(mistakes.length === 0 ? signalMistakes({ settings, destination }) : [])];
}

function signalMistakes(parts: {
  readonly settings: MergedDestination['settings'];
  readonly destination: ConfiguredDestination;
}): Mistake[] {
  const { settings, destination } = parts;
  const idle = signals.filter(
    (signal) => settings.endpoints?.[signal] !== undefined && !destination.signals.includes(signal),
  );
  const homeless = destination.signals.filter((signal) => signalUrl(destination, signal) === undefined);
  return [
    ...idle.map((signal) => ({
      key: `.endpoints.${signal}`,
      expected: `an address only for what "signals" names`,
      found: 'one for a signal that it does not get',
    })),
    ...homeless.map((signal) => ({
      key: '.signals',
      expected: `only signals with an address (there is neither "endpoint" nor "endpoints.${signal}")`,
      found: describeValue(signal satisfies Signal),
    })),
  ];
}

function noAddress(preset: PresetName | undefined): string {
  if (preset === undefined) return 'an http(s) URL, or a preset that has one, such as "preset": "span"';
  return `an http(s) URL, because preset "${preset}" has none of its own`;
}

function credentialMistakes({ merged }: Checked): Mistake[] {
  const { settings, header, scheme, bareTokens } = merged;
  if (header !== undefined) return bareTokens.flatMap((token) => tokenMistake(token, scheme) ?? []);
  const expected =
    'it only beside "credentialHeader", or beside a preset that names the header (else put the credential into headers)';
  const alone = [
    ...(bareTokens.length > 0 ? ['.token'] : []),
    ...(settings.tokenFile === undefined ? [] : ['.tokenFile']),
    ...(settings.credentialScheme === undefined ? [] : ['.credentialScheme']),
  ];
  return alone.map((key) => ({ key, expected, found: 'it without one' }));
}

function tokenMistake(token: string, scheme: string | undefined): Mistake | undefined {
  const [first = '', second] = token.split(/ +/);
  if (second !== undefined && first.toLowerCase() !== scheme?.toLowerCase()) {
    return { key: '.token', expected: tokenWords, found: describeToken(token) };
  }
  // RFC 7617: whoever pastes the password alone is refused for ever, and not told why.
  const isBasic = scheme?.toLowerCase() === 'basic';
  if (isBasic && !Buffer.from(second ?? first, 'base64').includes(':')) {
    const expected = 'the base64 form of "user:password", as the header "Basic …" has it';
    return { key: '.token', expected, found: describeKind(token) };
  }
  return undefined;
}

function otherMistakes({ merged: { settings, header }, destination }: Checked): Mistake[] {
  const { clientCert, clientKey, headers = {} } = settings;
  const names = Object.keys(headers).map((one) => one.toLowerCase());
  const twice = names.find((one, index) => names.indexOf(one) !== index);
  const carried = Object.entries(header === undefined ? headers : { ...headers, [header]: '' });
  const uncarried = destination.protocol === 'grpc' ? carried.find((entry) => !isMetadata(entry))?.[0] : undefined;
  const count = destination.attributes.length;
  return [
    ...(clientCert !== undefined && clientKey === undefined
      ? [{ key: '.clientKey', expected: 'the key of the certificate in "clientCert"', found: 'nothing' }]
      : []),
    ...(clientKey !== undefined && clientCert === undefined
      ? [{ key: '.clientCert', expected: 'the certificate that belongs to "clientKey"', found: 'nothing' }]
      : []),
    ...(twice === undefined
      ? []
      : [{ key: '.headers', expected: 'each header once', found: `${describeValue(twice)} more than once` }]),
    ...(uncarried === undefined
      ? []
      : [
          {
            key: '.headers',
            expected: `headers that gRPC can carry (${metadataWords})`,
            found: describeKey(uncarried),
          },
        ]),
    ...(count > attributeLimits.maxAttributes
      ? [
          {
            key: '.resourceAttributes',
            expected: `at most ${attributeLimits.maxAttributes} attributes, those for all destinations included`,
            found: String(count),
          },
        ]
      : []),
  ];
}

const metadataWords =
  'names of letters, digits, "_", "-" and ".", not starting with "grpc-" nor ending in "-bin"; values in ASCII';

/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Custom-Metadata". */
function isMetadata([name, value]: readonly [string, string]): boolean {
  return /^(?!grpc-)[\w.-]+(?<!-bin)$/i.test(name) && /^[\x20-\x7E]*$/.test(value);
}
