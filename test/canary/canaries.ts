import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Values that may reach a destination, and nobody else. */
export const credentials = {
  configToken: 'canary-config-token-5b1f0c',
  rotatedToken: 'canary-rotated-token-77aa12',
  mistypedToken: 'canary-mistyped-token-e09d31',
  brokenFileToken: 'canary-broken-file-token-4410fe',
  presentedToken: 'canary-presented-token-93d2c8',
  headerValue: 'canary-header-value-0f3a6e',
  urlPassword: 'canary-url-password-b7c5d4',
  queryToken: 'canary-query-token-1d9e20',
  policyToken: 'canary-policy-token-3e81b7',
  fileToken: 'canary-file-token-c20f66',
  secondFileToken: 'canary-second-file-token-58d1a0',
  brokenTokenFile: 'canary-broken-token-file-9f4e12',
  foreignAuthorization: 'canary-authorization-6c8b13',
  proxyPassword: 'canary-proxy-password-52e7a9',
} as const;

/** What Claude Code's payloads can hold, and only the spool and the destination may. */
export const confidential = {
  prompt: 'canary prompt: refactor the merger plans',
  code: 'canary_code = open(salaries)',
  email: 'canary.person@customer.example',
  resourceValue: 'canary-work-email-attribute',
  malformed: 'canary-in-a-malformed-payload',
  mistyped: 'canary-of-the-wrong-type',
} as const;

export const everyCanary: Readonly<Record<string, string>> = { ...credentials, ...confidential };

/** Which canaries are in a text, under the name that the text has: `where: canary`. */
export function canariesIn(
  where: string,
  text: string | Buffer,
  canaries: Readonly<Record<string, string>> = everyCanary,
): string[] {
  const searched = typeof text === 'string' ? text : text.toString('latin1');
  return Object.entries(canaries)
    .filter(([, value]) => forms(value).some((form) => searched.includes(form)))
    .map(([name]) => `${where}: ${name}`);
}

/** As it is, and as it stands in JSON, in a URL and in base64. */
function forms(value: string): string[] {
  const base64 = Buffer.from(value).toString('base64').replace(/=+$/, '').slice(0, -1);
  return [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), base64];
}

export interface StoredFile {
  /** Relative to the folder. */
  readonly path: string;
  readonly mode: number;
  readonly content: Buffer;
}

/** Every regular file below a folder. */
export async function filesIn(folder: string): Promise<StoredFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files: StoredFile[] = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mode } = await stat(path);
    files.push({ path: path.slice(folder.length + 1), mode: mode & 0o777, content: await readFile(path) });
  }
  return files;
}
