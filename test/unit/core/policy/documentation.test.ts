import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { presetNames, presets } from '../../../../src/main/core/policy/presets.ts';
import { destinationKeys } from '../../../../src/main/core/policy/schemas.ts';
import { parse, parseBoth } from '../../../support/configs.ts';

const page = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8');

test('the example of the documentation is right', () => {
  const [, example = ''] = /```json\n(.*?)```/s.exec(page) ?? [];
  const { config, problems } = parse(example.replaceAll('…', 'secret'));
  expect(problems).toEqual([]);
  expect(config.destinations).toHaveLength(3);
});

test.each(['it', 'attribution', 'fleet'])('what docs/%s.md shows of a config or policy is right', (name) => {
  const text = readFileSync(new URL(`../../../../docs/${name}.md`, import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/```json\n(.*?)```/gs)].map(([, block = '']) => block.replaceAll('…', 'secret'));
  const examples = blocks.filter((block) => !block.includes('"env"'));
  expect(examples).not.toEqual([]);
  for (const example of examples) {
    expect(parse(example).problems, example).toEqual([]);
    expect(parseBoth({ policy: JSON.parse(example), config: {} }).problems, example).toEqual({
      policy: [],
      config: [],
    });
  }
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
