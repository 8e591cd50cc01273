import { readFile } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { writePrivateFile } from '../policy/private-file.ts';

/** Whether exports come by gRPC on this machine. Remembered over restarts: what matters is a port that is taken at the next one. */
export interface GrpcUse {
  readonly recently: boolean;
  /** One has come. */
  note(): void;
}

const dayMs = 86_400_000;
const recentMs = 7 * dayMs;

/** Never rejects: what cannot be read or written is not remembered. */
export async function rememberGrpcUse(options: {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<GrpcUse> {
  const { file, clock, log } = options;
  let lastMs = Date.parse((await readFile(file, 'utf8').catch(() => '')).trim());
  const ageMs = () => clock.now() - lastMs;
  let saved = Promise.resolve();

  return {
    get recently() {
      return ageMs() < recentMs;
    },
    note() {
      // Also where there is none, or one from the future.
      if (ageMs() >= 0 && ageMs() < dayMs) return;
      lastMs = clock.now();
      const line = `${new Date(lastMs).toISOString()}\n`;
      // One after the other: the last one written is the last one noted.
      saved = saved
        .then(() => writePrivateFile(file, line))
        .catch((error: unknown) =>
          log.warn('it cannot be kept that exports come by gRPC', { file, error: String(error) }),
        );
    },
  };
}
