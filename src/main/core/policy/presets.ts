import type { Preset } from './presets/preset.ts';
import { span } from './presets/span.ts';

/** In the order in which people are told of them. */
export const presetNames = ['span'] as const;

export type PresetName = (typeof presetNames)[number];

export const presets: Readonly<Record<PresetName, Preset>> = { span };

/** A template with its `{parameters}` filled in; undefined when one of them is not known. */
export function filledIn(
  template: string,
  { parameters }: Preset,
  given: Readonly<Record<string, string>>,
): string | undefined {
  let complete = true;
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = given[name] ?? parameters[name]?.usual;
    complete &&= value !== undefined;
    return value ?? '';
  });
  return complete ? filled : undefined;
}
