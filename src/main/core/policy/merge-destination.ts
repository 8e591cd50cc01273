import type { DestinationCredential } from '../delivery/destination.ts';
import type { AttributeSettings, DestinationSettings } from './destination-settings.ts';
import { presets } from './presets.ts';
import { defaults, type Settings } from './settings.ts';

/** What policy and config say of a destination together. */
export interface MergedDestination {
  /** Without the credential; with what the files say of all destinations. */
  readonly settings: DestinationSettings & { readonly resourceAttributes: AttributeSettings; readonly proxy: string };
  /** `proxy` was set for this destination, not for all of them. */
  readonly hasOwnProxy: boolean;
  /** The header that carries the credential, where one is named, and what is put before a token. */
  readonly header: string | undefined;
  readonly scheme: string | undefined;
  readonly tokens: DestinationCredential['tokens'];
  /** Those that were given as `token`, not as a whole header. */
  readonly bareTokens: readonly string[];
}

/** One for each file; what is undefined says nothing. */
export interface Layers<T> {
  readonly policy: T;
  readonly config: T;
}

/** What a file says of all destinations. */
export type Shared = Pick<Settings, 'resourceAttributes' | 'network'>;

/** The policy wins key by key, and what it says of all destinations goes before what the config says of one. */
export function mergeDestination(
  { policy, config }: Layers<DestinationSettings | undefined>,
  shared: Layers<Shared>,
): MergedDestination {
  const open = config && policy ? withoutAddress(config, policy) : config;
  const name = (policy ?? config)?.name ?? '';
  const { token, ...both } = { ...open, ...policy, name };
  const parameters = joined(open?.parameters, policy?.parameters);
  const allHeaders = joined(withoutNames(open?.headers, policy?.headers), policy?.headers);
  const preset = both.preset === undefined ? undefined : presets[both.preset].credential;
  const header = both.credentialHeader ?? preset?.header;
  // A header of one's own goes without the scheme of the preset's.
  const scheme = both.credentialScheme ?? (both.credentialHeader === undefined ? preset?.scheme : undefined);
  const isCredential = ([key]: [string, string]) => key.toLowerCase() === header?.toLowerCase();
  const tokenOf = (source: 'policy' | 'config', settings: DestinationSettings | undefined) => {
    // The credential is the same one, whichever way it is given: only a token can be looked up elsewhere and be refused.
    const given = settings?.token ?? Object.entries(settings?.headers ?? {}).find(isCredential)?.[1];
    return given === undefined ? [] : [{ source, token: given }];
  };
  const headers = allHeaders && Object.fromEntries(Object.entries(allHeaders).filter((entry) => !isCredential(entry)));
  const caFile = policy?.caFile ?? shared.policy.network.caFile ?? config?.caFile ?? shared.config.network.caFile;
  const ownProxy = policy?.proxy ?? (shared.policy.network.proxy === undefined ? config?.proxy : undefined);
  return {
    settings: {
      ...both,
      ...(parameters && { parameters }),
      ...(headers && { headers }),
      resourceAttributes: {
        ...shared.config.resourceAttributes,
        ...config?.resourceAttributes,
        ...shared.policy.resourceAttributes,
        ...policy?.resourceAttributes,
      },
      proxy: ownProxy ?? shared.policy.network.proxy ?? shared.config.network.proxy ?? defaults.network.proxy,
      ...(caFile === undefined ? {} : { caFile }),
    },
    hasOwnProxy: ownProxy !== undefined,
    header,
    scheme,
    tokens: [...tokenOf('policy', policy), ...tokenOf('config', config)],
    bareTokens: [policy?.token, config?.token].filter((one) => one !== undefined),
  };
}

/**
 * The config's settings without an address where the policy has one, and without a header for the credential where the policy
 * has one: half of one address and half of another lead nowhere.
 */
function withoutAddress(config: DestinationSettings, policy: DestinationSettings): DestinationSettings {
  const hasAddress = (policy.preset ?? policy.endpoint ?? policy.endpoints) !== undefined;
  const hasHeader =
    policy.credentialHeader !== undefined ||
    (policy.preset !== undefined && presets[policy.preset].credential !== undefined);
  const { preset, endpoint, endpoints, ...elsewhere } = config;
  const addressed = hasAddress ? elsewhere : config;
  const { credentialHeader, credentialScheme, ...bare } = addressed;
  return hasHeader ? bare : addressed;
}

function joined<T>(
  config: Readonly<Record<string, T>> | undefined,
  policy: Readonly<Record<string, T>> | undefined,
): Readonly<Record<string, T>> | undefined {
  return config === undefined && policy === undefined ? undefined : { ...config, ...policy };
}

function withoutNames<T>(
  from: Readonly<Record<string, T>> | undefined,
  others: Readonly<Record<string, T>> = {},
): Readonly<Record<string, T>> | undefined {
  const names = Object.keys(others).map((name) => name.toLowerCase());
  return from && Object.fromEntries(Object.entries(from).filter(([name]) => !names.includes(name.toLowerCase())));
}
