#!/usr/bin/env node
import { processIo } from './io.ts';
import { main } from './main.ts';

// Whoever reads a pipe may go before we have said everything (`| head`, a supervisor that restarts): that ends nothing.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const exitCode = await main(process.argv.slice(2), processIo);
// Everything is said before the end, and nothing that was left open delays it.
process.stdout.write('', () => process.exit(exitCode));
