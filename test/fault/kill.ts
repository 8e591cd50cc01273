/**
 * Kills the relay with -9 under load, again and again, and proves that nothing acknowledged is lost:
 *
 *     npm run fault -- --cycles 200 --senders 64 --seed 7
 *
 * Exits with 1 when something was lost, invented or booked wrongly.
 */
import { parseArgs } from 'node:util';
import { runKillCycles } from './kill-cycles.ts';

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '100' },
    senders: { type: 'string', default: '64' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const report = await runKillCycles({
  cycles: Number(values.cycles),
  senders: Number(values.senders),
  seed: Number(values.seed),
  onCycle: (cycle, words) => console.log(`${String(cycle).padStart(4)}  ${words}`),
});
console.log({ seed: Number(values.seed), ...report });
const holds =
  report.lost === 0 &&
  report.invented === 0 &&
  report.problems.length === 0 &&
  report.arrived === report.accepted &&
  report.duplicates <= report.resent;
console.log(holds ? 'Nothing acknowledged was lost, and the books balance.' : 'This does not hold.');
process.exit(holds ? 0 : 1);
