import { resolve } from 'node:path';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { defaultPaths, type RelayPaths } from '../core/policy/paths.ts';
import { usageError } from './cli-error.ts';
import type { Io } from './io.ts';

/** The options of every command. */
export const commonOptions = {
  'state-dir': { type: 'string' },
  config: { type: 'string' },
} as const satisfies ParseArgsOptionsConfig;

/** Of the commands that read the config: another policy file than the machine's. */
export const policyOption = { policy: { type: 'string' } } as const satisfies ParseArgsOptionsConfig;

export const jsonOption = { json: { type: 'boolean', default: false } } as const satisfies ParseArgsOptionsConfig;

/** Parses a command's arguments; throws a usage error that names the mistake. `command` is for its text. */
export function parseArguments<const Options extends ParseArgsOptionsConfig>(
  command: string,
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (error) {
    const isMistake = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
    if (!isMistake) throw error;
    // Node's advice on how to pass such a word as a positional argument leads nowhere here.
    const valueless = /^Option '(?:-\w, )?(--[\w-]+)(?: <value>)?' argument (?:missing|is ambiguous)/.exec(
      error.message,
    )?.[1];
    if (valueless !== undefined) throw usageError(command, `${valueless} needs a value.`);
    const [mistake = error.message] = error.message.split(/\. (?=To specify)|\n/);
    throw usageError(command, `${mistake.replace(/\.$/, '')}.`);
  }
}

export function takesNoArguments(command: string, positionals: readonly string[]): void {
  if (positionals[0] !== undefined) throw usageError(command, `Unexpected argument '${positionals[0]}'.`);
}

/** A whole number from an option's text; throws a usage error when it is none or out of bounds. */
export function wholeNumber(
  command: string,
  option: string,
  text: string,
  bounds: { readonly min: number; readonly max: number },
): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  throw usageError(command, `${option} takes a whole number from ${bounds.min} to ${bounds.max}, not '${text}'.`);
}

export function pathsFrom(
  values: { readonly 'state-dir'?: string; readonly config?: string; readonly policy?: string },
  io: Io,
): RelayPaths {
  const usual = defaultPaths(io);
  return {
    stateDir: resolve(values['state-dir'] ?? usual.stateDir),
    configFile: resolve(values.config ?? usual.configFile),
    policy: values.policy === undefined ? usual.policy : { file: resolve(values.policy), onlyFromAdministrator: false },
  };
}
