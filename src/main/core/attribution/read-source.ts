/** Where the files are that attributes take their values from. */
export interface SourcePlaces {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home folder. */
  readonly home: string;
  /** As `readFile` of node:fs/promises: rejects with the system's error where there is nothing to read. */
  readonly readFile: (path: string) => Promise<Uint8Array>;
}

export type SourceFile =
  | { readonly kind: 'read'; readonly bytes: Buffer }
  | { readonly kind: 'missing' }
  /** `code` is the system's, such as EACCES. */
  | { readonly kind: 'unreadable'; readonly code: string };

/** Never rejects, and never tells what is in a file. */
export async function readSource({ readFile }: SourcePlaces, path: string): Promise<SourceFile> {
  try {
    const { buffer, byteOffset, length } = await readFile(path);
    return { kind: 'read', bytes: Buffer.from(buffer, byteOffset, length) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return code === 'ENOENT' || code === 'ENOTDIR' ? { kind: 'missing' } : { kind: 'unreadable', code };
  }
}
