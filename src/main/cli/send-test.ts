import { controlClient } from '../core/control/client.ts';
import { commonOptions, jsonOption, parseArguments, pathsFrom, takesNoArguments, wholeNumber } from './arguments.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { type Command, commonHelp } from './commands.ts';
import { notRunning } from './not-running.ts';
import { renderSendTest } from './render-send-test.ts';

/** On top of the test's own time: for the relay to notice and to answer. */
export const answerMarginMs = 5_000;

export const command: Command = {
  help: `Sends a real OTLP request of each signal through the relay to each destination, and tells what came back.

Usage: span-relay send-test [OPTIONS]

The requests take the same way as Claude Code's: through the receiver, the spool and delivery. They carry one
data point, log record or span each, named after the relay, and are in the books.

  --timeout S      how long to wait for the answers, in seconds (default 20, at most 120)
  --json           as JSON

${commonHelp}
Exits with 0 when everything was delivered, 1 when not, 3 when the relay does not run.
`,
  async run(args, io) {
    const options = { ...commonOptions, ...jsonOption, timeout: { type: 'string', default: '20' } } as const;
    const { values, positionals } = parseArguments('send-test', args, options);
    takesNoArguments('send-test', positionals);
    const timeoutMs = 1_000 * wholeNumber('send-test', '--timeout', values.timeout, { min: 1, max: 120 });
    const paths = pathsFrom(values, io);
    const client = controlClient(paths.stateDir, io.clock);
    const reply = await client.call('sendTest', { timeoutMs }, { timeoutMs: timeoutMs + answerMarginMs });
    client.close();
    if (reply.kind === 'not-running') throw notRunning(paths);
    if (reply.kind === 'error') throw new CliError(reply.message);

    const { results } = reply.value;
    if (values.json) io.out(`${JSON.stringify(reply.value)}\n`);
    else if (results.length > 0) io.out(`${renderSendTest(results, io)}\n`);
    if (results.length === 0) throw new CliError(`No destination is configured. Add one to ${paths.configFile}.`);
    return results.every(({ outcome }) => outcome === 'delivered') ? exitCodes.ok : exitCodes.failed;
  },
};
