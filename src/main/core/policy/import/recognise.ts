import type { Signal } from '../../../../shared/signal.ts';
import type { Protocol } from '../../delivery/destination.ts';
import type { Preset } from '../presets/preset.ts';
import type { PresetName } from '../presets.ts';
import { presetNames, presets } from '../presets.ts';

/** Whose settings these are: by a header that one vendor alone has, else by the host. */
export function recognise(headerNames: readonly string[], addresses: readonly string[]): PresetName | undefined {
  const names = headerNames.map((name) => name.toLowerCase());
  const hosts = addresses.flatMap((address) => URL.parse(address)?.hostname ?? []);
  const byHeader = presetNames.find((name) => {
    const header = presets[name].credential?.header.toLowerCase();
    return header !== undefined && header !== 'authorization' && names.includes(header);
  });
  return byHeader ?? presetNames.find((name) => hosts.some((host) => presets[name].hosts?.test(host)));
}

/** What a preset's own addresses make of those that are wanted. */
export interface Fit {
  readonly parameters: Readonly<Record<string, string>>;
  /** The signals whose addresses are the preset's own, with these parameters. */
  readonly fits: readonly Signal[];
}

/** Compares whole addresses: with HTTP `/v1/<signal>` included. */
export function fitPreset(preset: Preset, addresses: ReadonlyMap<Signal, string>, protocol: Protocol): Fit {
  let parameters: Readonly<Record<string, string>> = {};
  const fits: Signal[] = [];
  for (const [signal, address] of addresses) {
    const base = preset.endpoint && (protocol === 'grpc' ? preset.endpoint : `${preset.endpoint}/v1/${signal}`);
    const template = protocol === 'grpc' ? base : (preset.endpoints?.[signal] ?? base);
    const found = template === undefined ? undefined : matched(template, address, preset);
    const agrees = found && Object.entries(found).every(([name, value]) => (parameters[name] ?? value) === value);
    if (!found || !agrees) continue;
    parameters = { ...parameters, ...found };
    fits.push(signal);
  }
  return { parameters, fits };
}

/** The parameters with which the template is the address; undefined where it never is. */
function matched(template: string, address: string, preset: Preset): Readonly<Record<string, string>> | undefined {
  const pattern = normalised(template)
    .replace(/[.*+?^$()|[\]\\]/g, '\\$&')
    .replace(/\{(\w+)\}/g, '(?<$1>[^/:]+)');
  const match = new RegExp(`^${pattern}$`).exec(normalised(address));
  const found = { ...match?.groups };
  const isRight = Object.entries(found).every(([name, value]) => preset.parameters[name]?.pattern.test(value));
  return match !== null && isRight ? found : undefined;
}

/** A default port says nothing. */
function normalised(address: string): string {
  return address.replace(/^(https:\/\/[^/:]+):443(?=\/|$)/, '$1').replace(/\/+$/, '');
}
