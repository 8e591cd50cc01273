import { dirname, isAbsolute, join } from 'node:path';
import { parseGitConfig } from './git-config.ts';
import { readSource, type SourcePlaces } from './read-source.ts';

export interface GitSettings {
  /** By `section.name` in lower case, as git would tell them outside of any repository. */
  readonly values: ReadonlyMap<string, string>;
  /** What was read, and what was wrong with what could not be, for a text: `/home/me/.gitconfig`. */
  readonly looked: readonly string[];
}

/** As in git itself. */
const maxIncludeDepth = 10;
/** Files that include each other more than once become many. */
const maxFiles = 64;

/**
 * Git's settings of the system and of the user, in git's order: what comes later wins. What holds only in some repositories
 * (`[includeIf]`) is left out: the relay works in none.
 */
export async function readGitSettings(places: SourcePlaces): Promise<GitSettings> {
  const values = new Map<string, string>();
  const looked: string[] = [];

  const read = async (path: string, depth: number): Promise<void> => {
    if (depth > maxIncludeDepth || looked.length >= maxFiles) return;
    const source = await readSource(places, path);
    if (source.kind === 'unreadable') looked.push(`${path}, which cannot be read (${source.code})`);
    if (source.kind !== 'read') return;
    const { settings, brokenAtLine } = parseGitConfig(source.bytes.toString());
    looked.push(brokenAtLine === null ? path : `${path}, which has a mistake in line ${brokenAtLine}`);
    for (const { key, value } of settings) {
      if (value === null) values.delete(key);
      else if (key === 'include.path') await read(includedPath(value, path, places.home), depth + 1);
      else values.set(key, value);
    }
  };
  for (const path of gitFiles(places)) await read(path, 0);
  return { values, looked };
}

/** https://git-scm.com/docs/git-config#FILES */
function gitFiles({ env, home }: SourcePlaces): string[] {
  const { GIT_CONFIG_NOSYSTEM, GIT_CONFIG_SYSTEM, GIT_CONFIG_GLOBAL, XDG_CONFIG_HOME, ProgramFiles } = env;
  // The last three are those of Homebrew's git and of Git for Windows.
  const installed = ['/etc/gitconfig', '/usr/local/etc/gitconfig', '/opt/homebrew/etc/gitconfig'];
  if (ProgramFiles) installed.push(join(ProgramFiles, 'Git', 'etc', 'gitconfig'));
  const system = GIT_CONFIG_SYSTEM === undefined ? installed : [GIT_CONFIG_SYSTEM];
  const user = [join(XDG_CONFIG_HOME || join(home, '.config'), 'git', 'config'), join(home, '.gitconfig')];
  return [
    ...(/^(?:1|true|yes|on)$/i.test(GIT_CONFIG_NOSYSTEM ?? '') ? [] : system),
    ...(GIT_CONFIG_GLOBAL === undefined ? user : [GIT_CONFIG_GLOBAL]),
  ];
}

function includedPath(path: string, from: string, home: string): string {
  if (path.startsWith('~/')) return join(home, path.slice(2));
  return isAbsolute(path) ? path : join(dirname(from), path);
}
