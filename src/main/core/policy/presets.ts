import { datadog } from './presets/datadog.ts';
import { dynatrace } from './presets/dynatrace.ts';
import { grafanaCloud } from './presets/grafana-cloud.ts';
import { honeycomb } from './presets/honeycomb.ts';
import { linearb } from './presets/linearb.ts';
import { otelCollector } from './presets/otel-collector.ts';
import { plain } from './presets/plain.ts';
import type { Preset } from './presets/preset.ts';
import { signoz } from './presets/signoz.ts';
import { span } from './presets/span.ts';

/** In the order in which people are told of them. */
export const presetNames = [
  'span',
  'linearb',
  'datadog',
  'signoz',
  'honeycomb',
  'grafana-cloud',
  'dynatrace',
  'otel-collector',
  'plain',
] as const;

export type PresetName = (typeof presetNames)[number];

export const presets: Readonly<Record<PresetName, Preset>> = {
  span,
  linearb,
  datadog,
  signoz,
  honeycomb,
  'grafana-cloud': grafanaCloud,
  dynatrace,
  'otel-collector': otelCollector,
  plain,
};

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
