import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { watchFile } from '../../watch-file.ts';
import { stampOf } from './certificate-files.ts';

/** Notices changes of a set of files. */
export interface FileChanges {
  /** These from now on, and no others. */
  follow(files: ReadonlySet<string>): void;
  close(): Promise<void>;
}

export interface FileChangesOptions {
  /** Told when one of them is another one than before, or is there again. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Certificate and key are renewed one after the other: most often they are then read as one change. */
const settleMs = 100;

export function followFiles({ onChange, clock, log }: FileChangesOptions): FileChanges {
  const followed = new Map<string, () => Promise<void>>();

  function start(file: string): () => Promise<void> {
    let stamp: string | undefined;
    let closed = false;
    let cancelSettle: (() => void) | undefined;
    let work = Promise.resolve();

    function look(): void {
      cancelSettle = undefined;
      work = work.then(async () => {
        const before = stamp;
        stamp = await stampOf(file);
        if (!closed && before !== undefined && stamp !== before) onChange();
      });
    }
    look();
    const watching = watchFile(
      file,
      // Counted from the first event: who never stops writing must not keep us from reading.
      () => {
        cancelSettle ??= clock.after(settleMs, look);
      },
      (error) => log.warn('a file of certificates cannot be watched', { file, error: String(error) }),
    );
    return async () => {
      closed = true;
      cancelSettle?.();
      const stop = await watching;
      await stop?.();
    };
  }

  return {
    follow(files) {
      for (const [file, stop] of followed) {
        if (files.has(file)) continue;
        followed.delete(file);
        void stop();
      }
      for (const file of files) {
        if (!followed.has(file)) followed.set(file, start(file));
      }
    },
    async close() {
      await Promise.all([...followed.values()].map((stop) => stop()));
      followed.clear();
    },
  };
}
