import { controlClient } from '../core/control/client.ts';
import { type ConfigEditor, type ConfigView, openConfigEditor, viewConfig } from '../core/policy/config-editor.ts';
import type { RelayPaths } from '../core/policy/paths.ts';
import { CliError } from './cli-error.ts';
import { type Flags, keyAsFlag, wordsWithFlags } from './destination-flags.ts';
import type { Io } from './io.ts';

/** Changes the config file while nobody else does. Throws `CliError` where it cannot be changed. */
export async function editing<T>(
  { configFile, policy }: RelayPaths,
  change: (editor: ConfigEditor) => Promise<T>,
): Promise<T> {
  const opening = await openConfigEditor(configFile, policy);
  if (opening.kind === 'refused') throw new CliError(opening.message);
  try {
    return await change(opening.editor);
  } finally {
    await opening.close();
  }
}

/** Throws `CliError` where the config file cannot be read. */
export async function view({ configFile, policy }: RelayPaths): Promise<ConfigView> {
  const opening = await viewConfig(configFile, policy);
  if (opening.kind === 'refused') throw new CliError(opening.message);
  return opening.view;
}

/** Where a destination stands in the config file. Throws `CliError` where it does not. */
export function indexOf(name: string, { own, managed, file }: ConfigEditor, { policy }: RelayPaths): number {
  const index = own.findIndex((one) => one !== undefined && isSameName(one, name));
  if (index >= 0) return index;
  if (managed.some((one) => isSameName(one, name))) {
    throw new CliError(`"${name}" comes from the policy ${policy.file}: an administrator has to change it there.`);
  }
  const names = own.filter((one) => one !== undefined);
  const known = names.length === 0 ? 'It has none' : `It has ${names.join(', ')}`;
  throw new CliError(`There is no destination "${name}" in ${file}. ${known}.`);
}

export function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/**
 * Refuses a text with a mistake that the file did not have before. `done`: what did not happen, as in "was not added".
 * `flags`: the options that give its keys.
 */
export function refuseMistakes(
  config: ConfigView,
  text: string,
  name: string,
  { done, flags = {} }: { readonly done: string; readonly flags?: Flags },
): void {
  const [first] = config.check(text).problems;
  if (first === undefined) return;
  const key = keyAsFlag(first.key.replace(/^destinations\[\d+\]\.?/, ''), flags) || 'the destination';
  const expected = wordsWithFlags(first.expected, flags).replace(/^it /, '');
  const is = first.found === 'nothing' ? 'is missing' : `is ${first.found.replace(/^it /, '')}`;
  throw new CliError(`"${name}" ${done}: ${key} should be ${expected}, and ${is}.`);
}

/** What the running relay made of a change. */
export type Uptake = 'taken-up' | 'not-running' | 'other-config' | 'unconfirmed';

/** Writes the config file and lets the relay take it up, where one runs. Throws `CliError` where it cannot be written. */
export async function save(editor: ConfigEditor, text: string, { stateDir }: RelayPaths, io: Io): Promise<Uptake> {
  try {
    await editor.save(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(`${editor.file} cannot be written (${reason}). Nothing was changed.`);
  }
  const client = controlClient(stateDir, io.clock);
  const reply = await client.call('reload', {});
  client.close();
  switch (reply.kind) {
    case 'not-running':
      return 'not-running';
    case 'error':
      return 'unconfirmed';
    case 'ok':
      return reply.value.configFile === editor.file ? 'taken-up' : 'other-config';
  }
}

export function uptakeWords(uptake: Uptake, { stateDir, configFile }: RelayPaths): string {
  switch (uptake) {
    case 'taken-up':
      return 'The relay has taken it up.';
    case 'not-running':
      return `The relay does not run on ${stateDir}: it takes this up when it starts.`;
    case 'other-config':
      return `The relay on ${stateDir} follows another config file than ${configFile}. Name that one with --config.`;
    case 'unconfirmed':
      return 'The relay has not said that it has taken it up. See `span-relay status`.';
  }
}
