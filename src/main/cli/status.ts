import type { HealthState } from '../../shared/health.ts';
import { controlClient } from '../core/control/client.ts';
import { commonOptions, jsonOption, parseArguments, pathsFrom, takesNoArguments } from './arguments.ts';
import { CliError } from './cli-error.ts';
import { type Command, commonHelp } from './commands.ts';
import { notRunning } from './not-running.ts';
import { renderStatus } from './render-status.ts';

const exitCodeOf: Readonly<Record<HealthState, number>> = { healthy: 0, idle: 0, attention: 1, failing: 2 };

export const command: Command = {
  help: `Tells whether telemetry flows from Claude Code to each destination, and what to do if it does not.

Usage: span-relay status [OPTIONS]

  --json           the whole health snapshot as JSON

${commonHelp}
Exits with 0 when healthy or idle, 1 when something needs attention, 2 when telemetry is being lost or will be,
3 when the relay does not run.
`,
  async run(args, io) {
    const { values, positionals } = parseArguments('status', args, { ...commonOptions, ...jsonOption });
    takesNoArguments('status', positionals);
    const paths = pathsFrom(values, io);
    const client = controlClient(paths.stateDir, io.clock);
    const reply = await client.call('status', {});
    client.close();
    switch (reply.kind) {
      case 'not-running':
        throw notRunning(paths);
      case 'error':
        throw new CliError(reply.message, exitCodeOf.failing);
      case 'ok':
        io.out(
          values.json
            ? `${JSON.stringify(reply.value)}\n`
            : renderStatus(reply.value, { paint: io.style, now: io.clock.now(), columns: io.columns() }),
        );
        return exitCodeOf[reply.value.state];
    }
  },
};
