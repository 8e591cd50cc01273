import type { Io } from './io.ts';

/** What a command's file exports. */
export interface Command {
  /** The whole text of `--help`. */
  readonly help: string;
  /** Resolves with the exit code; throws `CliError` for what a person can mend. */
  run(args: readonly string[], io: Io): Promise<number>;
}

interface CommandEntry {
  readonly summary: string;
  /** Loaded only when called for: `run` has to be quick. */
  readonly load: () => Promise<{ readonly command: Command }>;
}

export const commands: Readonly<Record<string, CommandEntry>> = {
  run: { summary: 'runs the relay in the foreground', load: () => import('./run.ts') },
  status: { summary: 'tells whether telemetry flows, and what to do if not', load: () => import('./status.ts') },
  ledger: { summary: 'shows the books; --verify recounts them', load: () => import('./ledger.ts') },
  destination: {
    summary: 'says where telemetry goes, and changes it',
    load: () => import('./destination.ts'),
  },
  'send-test': {
    summary: 'sends a real request through the relay to each destination',
    load: () => import('./send-test.ts'),
  },
  quarantine: {
    summary: 'lists, shows, retries, exports or discards what a destination refused',
    load: () => import('./quarantine.ts'),
  },
  demo: {
    summary: 'shows the relay at work with a stand-in for Span, no account needed',
    load: () => import('./demo.ts'),
  },
};

export const commonHelp = `Options of every command
  --state-dir DIR  the state folder (default: this user's)
  --config FILE    the config file (default: this user's)
  --help           this text
`;

export function overview(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const list = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `span-relay keeps everything that Claude Code exports on disk, delivers it, and accounts for every data point.

Usage: span-relay COMMAND [OPTIONS]

Commands
${list.join('\n')}

${commonHelp}  --version        the version of the relay

\`span-relay COMMAND --help\` tells more about each.
`;
}
