import { createGunzip, gunzipSync } from 'node:zlib';

export type Inflation =
  | { readonly outcome: 'inflated'; readonly body: Uint8Array }
  /** More bytes than `maxBytes`; inflation stopped there. */
  | { readonly outcome: 'too-large' }
  /** `reserve` said no; inflation stopped there. */
  | { readonly outcome: 'overloaded' }
  | { readonly outcome: 'malformed'; readonly problem: string };

const maxBytesPerChunk = 64 * 1024;

/** Inflates on this thread, up to `maxBytes` of output. For bodies that are small on both sides. */
export function inflateInline(
  compressed: Uint8Array,
  maxBytes: number,
  reserve: (bytes: number) => boolean,
): Inflation {
  try {
    const body = gunzipSync(compressed, { maxOutputLength: Math.max(1, maxBytes) });
    return reserve(body.length) ? { outcome: 'inflated', body } : { outcome: 'overloaded' };
  } catch (error) {
    return codeOf(error) === 'ERR_BUFFER_TOO_LARGE' ? { outcome: 'too-large' } : malformed(error);
  }
}

/** Inflates in the thread pool, up to `maxBytes`. Calls `reserve` for the bytes of each piece before it is kept. */
export function inflate(
  compressed: Uint8Array,
  maxBytes: number,
  reserve: (bytes: number) => boolean,
): Promise<Inflation> {
  return new Promise((resolve) => {
    const gunzip = createGunzip({ chunkSize: maxBytesPerChunk });
    const pieces: Buffer[] = [];
    let bytes = 0;
    gunzip.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > maxBytes) {
        resolve({ outcome: 'too-large' });
        gunzip.destroy();
      } else if (reserve(piece.length)) {
        pieces.push(piece);
      } else {
        resolve({ outcome: 'overloaded' });
        gunzip.destroy();
      }
    });
    gunzip.on('end', () => resolve({ outcome: 'inflated', body: Buffer.concat(pieces, bytes) }));
    gunzip.on('error', (error) => resolve(malformed(error)));
    gunzip.end(compressed);
  });
}

function malformed(error: unknown): Inflation {
  const problem =
    codeOf(error) === 'Z_BUF_ERROR'
      ? 'the gzip body is truncated, it ends before its end marker'
      : 'the body is not valid gzip, although its headers say so';
  return { outcome: 'malformed', problem };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
