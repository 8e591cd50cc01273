import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { presetNames, presets } from '../../../../src/main/core/policy/presets.ts';
import { destinationKeys } from '../../../../src/main/core/policy/schemas.ts';
import { parse } from '../../../support/configs.ts';

const page = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8');

test('the example of the documentation is right', () => {
  const [, example = ''] = /```json\n(.*?)```/s.exec(page) ?? [];
  const { config, problems } = parse(example.replaceAll('…', 'secret'));
  expect(problems).toEqual([]);
  expect(config.destinations).toHaveLength(3);
});

test('every key and every preset is documented, with its parameters', () => {
  const [, destinations = '', table = ''] = page.split(/^##+ (?:Destinations|Presets)$/m);
  expect(destinationKeys.filter((key) => !new RegExp(`^\\|.*\`${key}\`.*\\|`, 'm').test(destinations))).toEqual([]);
  for (const name of presetNames) {
    const [row = ''] = new RegExp(`^\\| \`${name}\` .*$`, 'm').exec(table) ?? [];
    for (const parameter of Object.keys(presets[name].parameters)) expect(row).toContain(`\`${parameter}\``);
    expect(row, name).not.toBe('');
  }
});
