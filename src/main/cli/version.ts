import { readFile } from 'node:fs/promises';
import * as v from 'valibot';

/** The version in package.json, which is as far from `src/main/cli` as from `dist/main/cli`. */
export async function relayVersion(): Promise<string> {
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
  return v.parse(v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() })), text).version;
}
