import type { SourcePlaces } from '../../../../src/main/core/attribution/read-source.ts';

export type FilesInMemory = Readonly<Record<string, string | { readonly code: string }>>;

/** A home folder `/home/me` with these files, some of which cannot be read. `read` has what was looked for. */
export function inMemory(
  files: FilesInMemory,
  env: Readonly<Record<string, string>> = {},
): SourcePlaces & { readonly read: string[] } {
  const read: string[] = [];
  return {
    env,
    home: '/home/me',
    read,
    readFile: async (path) => {
      read.push(path);
      const file = files[path] ?? { code: 'ENOENT' };
      if (typeof file === 'string') return Buffer.from(file);
      throw Object.assign(new Error('a message that quotes the file'), file);
    },
  };
}
