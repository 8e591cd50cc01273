import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';

/**
 * Every check of the repository, one after the other: types, lint, build, then all tests. Ends with one plain line over
 * everything, in which each of the first three counts as one.
 */
const checks: readonly (readonly [name: string, file: string, args: readonly string[]])[] = [
  ['types', 'node_modules/typescript/bin/tsc', []],
  ['lint', 'node_modules/@biomejs/biome/bin/biome', ['check', '.']],
  ['build', 'node_modules/typescript/bin/tsc', ['-p', 'tsconfig.build.json']],
];

const report = v.object({
  numPassedTests: v.number(),
  numFailedTests: v.number(),
  numPendingTests: v.number(),
  numTodoTests: v.number(),
  success: v.boolean(),
  testResults: v.array(v.object({ name: v.string(), status: v.string(), assertionResults: v.array(v.unknown()) })),
});

let passed = 0;
let failed = 0;
let skipped = 0;
for (const [name, file, args] of checks) {
  const exitCode = await run(file, args);
  console.log(`${exitCode === 0 ? 'ok' : 'FAILED'}: ${name}`);
  if (exitCode === 0) passed++;
  else failed++;
}

const folder = await mkdtemp(join(tmpdir(), 'span-relay-report-'));
try {
  const outputFile = join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`];
  const exitCode = await run('node_modules/vitest/vitest.mjs', ['run', ...reporters, ...process.argv.slice(2)]);
  const tests = v.safeParse(
    v.pipe(v.string(), v.parseJson(), report),
    await readFile(outputFile, 'utf8').catch(() => ''),
  );
  if (tests.success) {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = tests.output;
    // A file that fails before its first test has no test to count.
    const broken = testResults.filter(
      ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
    );
    passed += numPassedTests;
    failed += numFailedTests + broken.length;
    skipped += numPendingTests + numTodoTests;
  }
  if (exitCode !== 0 && failed === 0) failed++;
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 ? 0 : 1;

function run(file: string, args: readonly string[]): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('close', resolve);
  });
}
