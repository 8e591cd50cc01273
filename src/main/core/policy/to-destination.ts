import { signals as allSignals, type Signal } from '../../../shared/signal.ts';
import type { AttributeRule } from '../attribution/rules.ts';
import type { Destination } from '../delivery/destination.ts';
import { heldDestination } from '../delivery/destination.ts';
import type { NetworkSettings } from '../delivery/network/network-settings.ts';
import type { AttributeSettings } from './destination-settings.ts';
import type { MergedDestination } from './merge-destination.ts';
import { filledIn, type PresetName, presets } from './presets.ts';

/** A destination as the config gives it. */
export interface ConfiguredDestination extends Destination {
  readonly formerly?: string;
  readonly preset?: PresetName;
}

/** The destination in delivery's terms, with its preset filled in. */
export function toDestination(merged: MergedDestination): ConfiguredDestination {
  const { settings, header, scheme, tokens } = merged;
  const preset = settings.preset === undefined ? undefined : presets[settings.preset];
  const usual = heldDestination(settings.name);
  const { endpoint, signalEndpoints } = addresses(merged);
  const { tokenFile } = settings;
  return {
    ...usual,
    ...(settings.formerly === undefined ? {} : { formerly: settings.formerly }),
    ...(settings.preset === undefined ? {} : { preset: settings.preset }),
    protocol: settings.protocol ?? preset?.protocol ?? usual.protocol,
    endpoint,
    signalEndpoints,
    compression: settings.compression ?? preset?.compression ?? usual.compression,
    headers: settings.headers ?? usual.headers,
    ...(header === undefined
      ? {}
      : {
          credential: {
            header,
            ...(scheme === undefined ? {} : { scheme }),
            tokens,
            ...(tokenFile === undefined ? {} : { tokenFile }),
          },
        }),
    signals: settings.signals ?? addressed(endpoint, signalEndpoints),
    timeoutMs: settings.timeoutMs ?? usual.timeoutMs,
    attributes: attributeRules(settings.resourceAttributes),
    identity: preset?.identity ?? null,
    network: networkOf(merged),
  };
}

/** An address that is given goes before the preset's, also a base address before the preset's for single signals. */
function addresses({ settings }: MergedDestination): Pick<Destination, 'endpoint' | 'signalEndpoints'> {
  const preset = settings.preset === undefined ? undefined : presets[settings.preset];
  const own = settings.endpoints ?? {};
  if (preset === undefined || settings.endpoint !== undefined) {
    return { endpoint: settings.endpoint ?? '', signalEndpoints: own };
  }
  const fill = (template: string) => filledIn(template, preset, settings.parameters ?? {});
  const filled = Object.entries(preset.endpoints ?? {}).flatMap(([signal, template]) => {
    const address = fill(template);
    return address === undefined ? [] : [[signal, address] as const];
  });
  return {
    endpoint: (preset.endpoint === undefined ? undefined : fill(preset.endpoint)) ?? '',
    signalEndpoints: { ...Object.fromEntries(filled), ...own },
  };
}

/** A destination gets every signal that it has an address for. */
function addressed(endpoint: string, signalEndpoints: Destination['signalEndpoints']): readonly Signal[] {
  const own = allSignals.filter((signal) => signalEndpoints[signal] !== undefined);
  return endpoint !== '' || own.length === 0 ? allSignals : own;
}

function attributeRules(attributes: AttributeSettings): readonly AttributeRule[] {
  return Object.entries(attributes).map(([key, { value, override }]) => ({ key, value, override }));
}

function networkOf({ settings, hasOwnProxy }: MergedDestination): NetworkSettings {
  const { proxy, caFile, clientCert, clientKey } = settings;
  const isUrl = proxy !== 'system' && proxy !== 'none';
  return {
    proxy,
    ...(isUrl && !hasOwnProxy ? { proxyOfAll: true } : {}),
    ...(caFile === undefined ? {} : { caFile }),
    ...(clientCert === undefined ? {} : { clientCert }),
    ...(clientKey === undefined ? {} : { clientKey }),
  };
}
