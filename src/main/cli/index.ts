#!/usr/bin/env node
import { processIo } from './io.ts';
import { main } from './main.ts';

// The reader of a pipe may go before we have said everything (`| head`).
process.stdout.on('error', () => process.exit());

const exitCode = await main(process.argv.slice(2), processIo);
// Everything is said before the end, and nothing that was left open delays it.
process.stdout.write('', () => process.exit(exitCode));
