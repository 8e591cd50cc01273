import { maxLedgerHours } from '../../shared/control.ts';
import type { HourRow } from '../../shared/ledger.ts';
import { countOf } from '../../shared/wording.ts';
import { commonOptions, jsonOption, parseArguments, pathsFrom, takesNoArguments, wholeNumber } from './arguments.ts';
import { exitCodes } from './cli-error.ts';
import { type Command, commonHelp } from './commands.ts';
import { dropLines, hoursTable, imbalances, ledgerTable } from './render-ledger.ts';
import { withSpool } from './spool-access.ts';

const doesNotBalance = 2;

export const command: Command = {
  help: `Shows the books: what became of every data point, log record and span that was acknowledged to Claude Code.

Usage: span-relay ledger [OPTIONS]

  accepted = delivered + pending + rejected + dropped, for every destination and signal.
  refused was never acknowledged; resent may have arrived twice.

  --verify         recount the stored requests and compare them with the books
  --hours N        also hour by hour for the last N hours (at most ${maxLedgerHours})
  --json           as JSON

${commonHelp}
Works whether the relay runs or not. With --verify it exits with 2 when the books do not balance.
`,
  async run(args, io) {
    const options = {
      ...commonOptions,
      ...jsonOption,
      verify: { type: 'boolean', default: false },
      hours: { type: 'string' },
    } as const;
    const { values, positionals } = parseArguments('ledger', args, options);
    takesNoArguments('ledger', positionals);
    const hours =
      values.hours === undefined
        ? undefined
        : wholeNumber('ledger', '--hours', values.hours, { min: 1, max: maxLedgerHours });

    const { report, verified } = await withSpool(pathsFrom(values, io), io, async (spool) => ({
      report: await spool.call('ledger', hours === undefined ? {} : { hours }),
      verified: values.verify ? await spool.call('verify', {}) : undefined,
    }));
    const problems = [...imbalances(report.ledger), ...(verified?.problems ?? [])];
    const balances = problems.length === 0;
    if (values.json) {
      io.out(`${JSON.stringify({ ...report, balances, problems })}\n`);
    } else {
      const text = [
        report.ledger.length === 0 ? 'Nothing is in the books yet.' : ledgerTable(report.ledger),
        ...dropLines(report.ledger).map((line) => `  ${line}`),
        ...(hours === undefined ? [] : ['', hoursText(report.hours, hours)]),
        '',
        balances
          ? `The books balance${verified === undefined ? '' : ': the stored requests were recounted'}.`
          : `The books do not balance:\n${problems.map((line) => `  ${line}`).join('\n')}`,
      ];
      io.out(`${text.join('\n')}\n`);
    }
    return values.verify && !balances ? doesNotBalance : exitCodes.ok;
  },
};

function hoursText(rows: readonly HourRow[], hours: number): string {
  return rows.length === 0 ? `Nothing happened in the last ${countOf(hours, 'hour')}.` : hoursTable(rows);
}
