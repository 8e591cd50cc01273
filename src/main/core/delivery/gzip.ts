import { promisify } from 'node:util';
import { gzip as gzipWithCallback } from 'node:zlib';

const gzipAsync = promisify(gzipWithCallback);

/**
 * Measured on merged Claude Code requests, 1 MiB: level 1 takes 3.5 ms for a ratio of 10, level 3 the same for 11, level 6
 * 9 ms for 19. A drain after an outage is bound by the processor, so the cheap end wins.
 */
const level = 3;

/** Compresses outside this thread. */
export function gzip(body: Uint8Array): Promise<Uint8Array> {
  return gzipAsync(body, { level });
}
