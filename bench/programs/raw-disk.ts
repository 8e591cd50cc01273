import { closeSync, fdatasyncSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * FOLDER GROUP SECONDS FILE: writes the file GROUP times and syncs, again and again: the most that this disk could keep per
 * second with so many in each sync. Over a file that has its size already, as SQLite does with its log: one that grows
 * costs a second write, for the size. Prints the rate as JSON.
 */
const folder = process.argv[2] ?? '.';
const [group = 1, seconds = 1] = process.argv.slice(3, 5).map(Number);
const one = readFileSync(process.argv[5] ?? '');
const block = Buffer.concat(Array.from({ length: group }, () => one));
const fileBytes = 64 * 2 ** 20;
const path = join(folder, 'raw-disk');
const file = openSync(path, 'w');
writeSync(file, Buffer.alloc(fileBytes));
fsyncSync(file);
const startedAt = performance.now();
let syncs = 0;
let offset = 0;
while (performance.now() - startedAt < seconds * 1_000) {
  if (offset + block.length > fileBytes) offset = 0;
  writeSync(file, block, 0, block.length, offset);
  fdatasyncSync(file);
  offset += block.length;
  syncs++;
}
const perSecond = (syncs * group) / ((performance.now() - startedAt) / 1_000);
closeSync(file);
rmSync(path);
process.stdout.write(`${JSON.stringify({ perSecond })}\n`);
