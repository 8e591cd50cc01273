#!/usr/bin/env node
const neededMajor = 24;

// Before anything is imported: an older Node lacks modules that the rest needs, and would only name the first of them.
if (Number(process.versions.node.split('.')[0]) < neededMajor) {
  process.stderr.write(
    `span-relay needs Node ${neededMajor} or newer and this is ${process.versions.node}. In a clone of the repository, \`npm run relay -- COMMAND\` brings its own.\n`,
  );
  process.exit(1);
}

const { processIo } = await import('./io.ts');
const { main } = await import('./main.ts');

// Whoever reads a pipe may go before we have said everything (`| head`, a supervisor that restarts): that ends nothing.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const exitCode = await main(process.argv.slice(2), processIo);
// Everything is said before the end, and nothing that was left open delays it.
process.stdout.write('', () => process.exit(exitCode));

export {};
