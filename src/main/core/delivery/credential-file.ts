import { chmod, open, readFile, rename } from 'node:fs/promises';
import * as v from 'valibot';
import type { Log } from '../log.ts';
import type { PresentedCredential } from './credentials.ts';
import { errorCode } from './failure-words.ts';

const schema = v.object({
  version: v.literal(1),
  presented: v.array(
    v.object({
      header: v.pipe(v.string(), v.minLength(1), v.toLowerCase()),
      value: v.pipe(v.string(), v.minLength(1)),
      seenAt: v.number(),
      worked: v.boolean(),
    }),
  ),
});

/** The presented credentials in a file that only its user can read (0600), replaced as a whole. */
export function credentialFile(path: string, log: Log) {
  return {
    /** Empty when there is no file, or it is damaged: Claude Code will present its credential again. */
    async load(): Promise<readonly PresentedCredential[]> {
      const text = await readFile(path, 'utf8').catch((error: unknown) => {
        if (errorCode(error) !== 'ENOENT') log.warn('credentials cannot be read', { path, code: errorCode(error) });
        return undefined;
      });
      if (text === undefined) return [];
      const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
      if (!parsed.success) log.warn('credentials file is damaged and ignored', { path });
      return parsed.success ? parsed.output.presented : [];
    },
    /** Rejects when the file cannot be written. */
    async save(presented: readonly PresentedCredential[]): Promise<void> {
      const draft = `${path}.new`;
      const file = await open(draft, 'w', 0o600);
      try {
        // The mode above is only for a new file: a draft that was left behind keeps its own.
        await chmod(draft, 0o600);
        await file.writeFile(JSON.stringify({ version: 1, presented }));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    },
  };
}
