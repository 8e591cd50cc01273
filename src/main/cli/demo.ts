import type { ParseArgsOptionsConfig } from 'node:util';
import { commonOptions, parseArguments, takesNoArguments, wholeNumber } from './arguments.ts';
import { exitCodes } from './cli-error.ts';
import type { Command } from './commands.ts';
import { atExit } from './demo/at-exit.ts';
import { playDemo } from './demo/play.ts';
import { liveView, plainView, type View } from './demo/view.ts';
import type { Io } from './io.ts';

const bounds = { min: 3, max: 3_600 };

const options = {
  ...commonOptions,
  seconds: { type: 'string', default: '20' },
} as const satisfies ParseArgsOptionsConfig;

/** As a shell reports a program that Ctrl-C ended: 128 and the number of SIGINT. */
const interruptedExitCode = 130;

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export const command: Command = {
  help: `Shows the relay at work, without an account and without touching anything: the real relay runs in a temporary folder,
recorded Claude Code telemetry is exported to it, and a stand-in for Span goes down and comes up again.

Usage: span-relay demo [--seconds N]

  --seconds N      how long to export, from ${bounds.min} to ${bounds.max} (default ${options.seconds.default}); the end may wait for the
                   relay's next attempt
  --help           this text

A live picture in a terminal, else plain lines. It has a state folder and a config file of its own: --state-dir and
--config are taken, as by every command, and change nothing.
Exits with 0 when the books balance and nothing is lost, 1 when not, ${interruptedExitCode} when it was interrupted.
`,
  async run(args, io) {
    const { values, positionals } = parseArguments('demo', args, options);
    takesNoArguments('demo', positionals);
    const durationMs = 1_000 * wholeNumber('demo', '--seconds', values.seconds, bounds);

    const interruption = new AbortController();
    // Also the second time: whoever presses Ctrl-C twice wants everything gone even more.
    const interrupt = () => interruption.abort();
    for (const signal of stopSignals) process.on(signal, interrupt);
    // Nobody looks any more (`| head`).
    process.stdout.on('error', interrupt);
    const view = viewFor(process.stdout, io);
    const letGo = atExit(() => view.close());
    try {
      const balance = await playDemo({ durationMs, clock: io.clock, view, interrupted: interruption.signal, atExit });
      if (balance !== undefined) return balance.problems.length === 0 ? exitCodes.ok : exitCodes.failed;
    } finally {
      view.close();
      letGo();
      process.stdout.off('error', interrupt);
      for (const signal of stopSignals) process.off(signal, interrupt);
    }
    io.out('Interrupted. The relay and the stand-in have ended; their folder is removed.\n');
    return interruptedExitCode;
  },
};

function viewFor(stream: NodeJS.WriteStream, io: Io): View {
  if (!stream.isTTY || io.env.TERM === 'dumb') return plainView(io.out);
  return liveView({
    write: io.out,
    // A pseudo-terminal that nobody has given a size says 0.
    size: () => ({ columns: stream.columns || 80, rows: stream.rows || 24 }),
    colour: stream.hasColors(),
  });
}
