import { closest } from '../../shared/closest.ts';
import { commonOptions } from './arguments.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { commands, overview } from './commands.ts';
import type { Io } from './io.ts';

/** Runs the command that the arguments name. Resolves with the exit code; never throws for what a person can mend. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(args, io);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    io.err(`span-relay: ${error.message}\n`);
    return error.exitCode;
  }
}

async function dispatch(words: readonly string[], io: Io): Promise<number> {
  const [name, ...args] = commandFirst(words);
  switch (name) {
    case undefined:
      io.err(overview());
      return exitCodes.usage;
    case '--help':
    case '-h':
      io.out(overview());
      return exitCodes.ok;
    case '--version': {
      const { relayVersion } = await import('../core/version.ts');
      io.out(`${relayVersion}\n`);
      return exitCodes.ok;
    }
  }
  if (name.startsWith('-')) {
    throw new CliError(
      `There is no command '${name}'. Options come after the command: \`span-relay COMMAND [OPTIONS]\`. See \`span-relay --help\`.`,
      exitCodes.usage,
    );
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) throw unknownCommand(name);
  const { command } = await entry.load();
  const options = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  if (options.includes('--help') || options.includes('-h')) {
    io.out(command.help);
    return exitCodes.ok;
  }
  return command.run(args, io);
}

/** The options of every command may also stand before it. */
function commandFirst(words: readonly string[]): readonly string[] {
  let at = 0;
  for (;;) {
    const [option = '', value] = (words[at] ?? '').split(/=(.*)/s);
    if (!option.startsWith('--') || !Object.hasOwn(commonOptions, option.slice(2))) break;
    at += value === undefined ? 2 : 1;
  }
  const [name, ...args] = words.slice(at);
  if (at === 0 || name === undefined) return words;
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  return [name, ...args.slice(0, end), ...words.slice(0, at), ...args.slice(end)];
}

function unknownCommand(name: string): CliError {
  const meant = closest(name, Object.keys(commands));
  const hint =
    meant === undefined ? `The commands are ${Object.keys(commands).join(', ')}.` : `Did you mean '${meant}'?`;
  return new CliError(`There is no command '${name}'. ${hint} See \`span-relay --help\`.`, exitCodes.usage);
}
