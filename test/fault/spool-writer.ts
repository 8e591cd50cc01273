import { silentLog } from '../../src/main/core/log.ts';
import { openSpool } from '../../src/main/core/spool/open-spool.ts';
import { SpoolError } from '../../src/main/core/spool/spool.ts';
import { signals } from '../../src/shared/signal.ts';
import { payload } from '../support/payload.ts';
import { ampleLimits } from '../support/spool-limits.ts';

/** A process of its own that accepts without end and prints the id of each acknowledged request. To be killed. */
const [folder = '', bytes = '3000'] = process.argv.slice(2);
const destinations = [{ name: 'span', signals }];
const spool = openSpool({ folder, limits: ampleLimits, log: silentLog, integrityCheckAfterMs: 0, destinations });
await spool.setDestinations(destinations);

async function send(from: number): Promise<void> {
  for (let seed = from; ; seed += 8) {
    try {
      const id = await spool.accept({ signal: 'logs', points: 2, body: payload(seed, Number(bytes)) });
      process.stdout.write(`${id} ${seed}\n`);
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error;
      spool.refuse('logs', 2);
    }
  }
}

await Promise.all(Array.from({ length: 8 }, (_, at) => send(at)));
