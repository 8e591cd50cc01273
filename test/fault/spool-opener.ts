import { silentLog } from '../../src/main/core/log.ts';
import { openSpool } from '../../src/main/core/spool/open-spool.ts';
import { signals } from '../../src/shared/signal.ts';
import { ampleLimits } from '../support/spool-limits.ts';

/** A process of its own that opens a spool, looks at all of it, and prints what it is told. To be killed. */
const [folder = ''] = process.argv.slice(2);
const spool = openSpool({ folder, limits: ampleLimits, log: silentLog, destinations: [{ name: 'span', signals }] });
spool.on(({ kind }) => void process.stdout.write(`${kind}\n`));
await spool.verify();
process.stdout.write('verified\n');
await spool.close();
