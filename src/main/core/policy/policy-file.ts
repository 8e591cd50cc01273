import { open } from 'node:fs/promises';

/** The machine-wide file that an administrator owns. */
export interface PolicyFile {
  readonly file: string;
  /** Only what nobody else can have written counts. False where somebody named the file on the command line. */
  readonly onlyFromAdministrator: boolean;
}

/** What is on the disk, before anybody looks into it. */
export type FileContent =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'absent' }
  /** There, and not to be used. */
  | { readonly kind: 'unusable'; readonly expected: string; readonly found: string };

export interface FileFacts {
  readonly uid: number;
  readonly mode: number;
}

/** Reads a whole text file. Never rejects. */
export function readConfigFile(file: string): Promise<FileContent> {
  return readText(file, () => undefined);
}

export function readPolicyFile({ file, onlyFromAdministrator }: PolicyFile): Promise<FileContent> {
  const { platform } = process;
  return readText(file, (facts) => (onlyFromAdministrator ? strangersHand(facts, platform) : undefined));
}

/**
 * Who beside an administrator can have written the file; undefined when nobody. On Windows the folder below Program Files
 * lets only administrators write.
 */
export function strangersHand({ uid, mode }: FileFacts, platform: NodeJS.Platform): string | undefined {
  if (platform === 'win32') return undefined;
  if (uid !== 0) return `one of user ${uid}`;
  const others = [...((mode & 0o020) !== 0 ? ['its group'] : []), ...((mode & 0o002) !== 0 ? ['everybody'] : [])];
  return others.length === 0 ? undefined : `one that ${others.join(' and ')} can write`;
}

async function readText(file: string, distrust: (facts: FileFacts) => string | undefined): Promise<FileContent> {
  try {
    const handle = await open(file, 'r');
    try {
      // Of the open file, so that what is checked is what is read.
      const stranger = distrust(await handle.stat());
      if (stranger !== undefined) {
        return { kind: 'unusable', expected: 'a file that only an administrator (root) can write', found: stranger };
      }
      return { kind: 'text', text: await handle.readFile('utf8') };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'absent' };
    const found = error instanceof Error ? error.message : String(error);
    return { kind: 'unusable', expected: 'a readable file', found };
  }
}
