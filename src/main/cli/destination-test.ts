import { listOf } from '../../shared/wording.ts';
import { controlClient } from '../core/control/client.ts';
import { commonOptions, jsonOption, parseArguments, pathsFrom, policyOption, wholeNumber } from './arguments.ts';
import { CliError, exitCodes, usageError } from './cli-error.ts';
import type { DestinationAction } from './destination.ts';
import { notRunning } from './not-running.ts';
import { renderSendTest } from './render-send-test.ts';
import { answerMarginMs } from './send-test.ts';
import { wrap } from './wrap.ts';

const options = {
  ...commonOptions,
  ...policyOption,
  ...jsonOption,
  timeout: { type: 'string', default: '20' },
} as const;

export const test: DestinationAction = async (args, io) => {
  const { values, positionals } = parseArguments('destination', args, options);
  const [destination, ...more] = positionals;
  if (destination === undefined || more.length > 0) {
    throw usageError('destination', '`destination test` takes one name; `send-test` asks all of them.');
  }
  const timeoutMs = 1_000 * wholeNumber('destination', '--timeout', values.timeout, { min: 1, max: 120 });
  const paths = pathsFrom(values, io);
  const client = controlClient(paths.stateDir, io.clock);
  const reply = await client.call('sendTest', { timeoutMs, destination }, { timeoutMs: timeoutMs + answerMarginMs });
  client.close();
  if (reply.kind === 'not-running') throw notRunning(paths);
  if (reply.kind === 'error') throw new CliError(reply.message);

  const { results, alsoTo } = reply.value;
  if (values.json) io.out(`${JSON.stringify(reply.value)}\n`);
  else io.out(`${[renderSendTest(results, io), ...alsoToWords(alsoTo, io.columns())].join('\n')}\n`);
  return results.every(({ outcome }) => outcome === 'delivered') ? exitCodes.ok : exitCodes.failed;
};

function alsoToWords(names: readonly string[], columns: number): readonly string[] {
  if (names.length === 0) return [];
  const got = `${listOf(names)} ${names.length === 1 ? 'gets' : 'get'} it too`;
  return [wrap(`The test takes the way of all telemetry: ${got}, and it is in everybody's books.`, columns)];
}
