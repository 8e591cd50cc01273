import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import { writePrivateFile } from '../policy/private-file.ts';

/** Where secrets are kept between two runs. */
export interface SecretStore {
  /** How what is kept is protected: by the modes of a file, or by the operating system's own store. */
  readonly protection: 'file' | 'keychain';
  /** Undefined where nothing is kept under this name. Rejects where that cannot be told. */
  read(name: string): Promise<string | undefined>;
  /** Replaces what was kept, as a whole. Rejects where it cannot be kept. */
  write(name: string, value: string): Promise<void>;
}

/** Secrets as files that only their user can read (0600), `<name>.json`, in a folder that only its user can open. */
export function fileSecretStore(folder: string, log: Log): SecretStore {
  const pathOf = (name: string) => join(folder, `${name}.json`);
  return {
    protection: 'file',
    async read(name) {
      const path = pathOf(name);
      const file = await open(path, 'r').catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      });
      if (file === undefined) return undefined;
      try {
        const { mode } = await file.stat();
        // A copy or a restored backup has whatever modes its maker gave it. Windows has none: the folder's rights hold there.
        if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
          await file.chmod(0o600);
          const found = (mode & 0o777).toString(8);
          log.warn('a file with secrets was open to other users of this machine; now it is not', { file: path, found });
        }
        return await file.readFile('utf8');
      } finally {
        await file.close();
      }
    },
    write: (name, value) => writePrivateFile(pathOf(name), value),
  };
}
