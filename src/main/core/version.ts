import { readFileSync } from 'node:fs';
import * as v from 'valibot';

const manifest = v.object({ version: v.string() });

/** The version of this relay, from the package's manifest: three folders up, in the sources and when built. */
export const relayVersion: string = v.parse(
  manifest,
  JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')),
).version;
