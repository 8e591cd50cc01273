import * as v from 'valibot';
import type { Log } from '../log.ts';
import type { SecretStore } from '../secrets/secret-store.ts';
import type { StoredCredentials } from './credentials.ts';
import { errorCode } from './failure-words.ts';

const time = v.pipe(v.number(), v.finite(), v.minValue(0));

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
  // Not there in what earlier versions wrote.
  worked: v.optional(
    v.array(v.object({ destination: v.string(), fingerprint: v.pipe(v.string(), v.minLength(1)), lastWorkedAt: time })),
    [],
  ),
});

const name = 'credentials';

/** What is known of credentials, as one secret. */
export function storedCredentials(store: SecretStore, log: Log) {
  return {
    /** Empty when nothing is kept, or it is damaged: Claude Code will present its credential again. */
    async load(): Promise<StoredCredentials> {
      const nothing: StoredCredentials = { presented: [], worked: [] };
      try {
        const text = await store.read(name);
        if (text === undefined) return nothing;
        const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
        if (!parsed.success) log.warn('the stored credentials are damaged and ignored');
        return parsed.success ? { presented: parsed.output.presented, worked: parsed.output.worked } : nothing;
      } catch (error) {
        log.warn('the stored credentials cannot be read', { code: errorCode(error) });
        return nothing;
      }
    },
    /** Rejects when they cannot be kept. */
    save: (stored: StoredCredentials): Promise<void> => store.write(name, JSON.stringify({ version: 1, ...stored })),
  };
}
