import { lstat, readlink } from 'node:fs/promises';
import { parse, resolve, sep } from 'node:path';
import type { FSWatcher } from 'chokidar';

/**
 * Calls `onEvent` on everything that happens to a file, which may not exist yet, nor its folder, and to every symbolic link
 * on the way to it: Kubernetes and configuration managers replace a link, and the file itself is never touched.
 * May call it without a cause. Resolves with the way to stop; undefined where there is no watch.
 */
export async function watchFile(
  file: string,
  onEvent: () => void,
  onError: (error: unknown) => void,
): Promise<(() => Promise<void>) | undefined> {
  try {
    // Loaded late: the relay must accept before it watches.
    const { watch } = await import('chokidar');
    let watcher: FSWatcher | undefined;
    let watched: Way | undefined;
    let closed = false;
    let following = Promise.resolve();

    const follow = async (): Promise<void> => {
      const way = await wayTo(file);
      // What comes or goes while a watch is being set up can leave it deaf, so a new one is made for that as well.
      if (closed || (watched !== undefined && isSame(way, watched))) return;
      watched = way;
      await watcher?.close();
      // One native watch per folder on the way: a recursive one would wake on every write of a state folder beside the file.
      const latest = watch([...way.places], { backend: 'native', followSymlinks: false, ignorePermissionErrors: true });
      watcher = latest;
      latest.on('all', changed);
      // What changed between the first read and now.
      latest.on('ready', changed);
      latest.on('error', (error) => {
        // A link that becomes a file while it is read is no trouble, once another watch has taken over.
        following = following.then(follow).then(() => (watcher === latest ? onError(error) : undefined), onError);
      });
    };
    const changed = (): void => {
      if (closed) return;
      onEvent();
      following = following.then(follow).catch(onError);
    };

    await follow();
    return async () => {
      closed = true;
      await following;
      await watcher?.close();
    };
  } catch (error) {
    onError(error);
    return undefined;
  }
}

interface Way {
  /** The path itself, every symbolic link on the way to the file, and where they lead, as far as that exists. */
  readonly places: readonly string[];
  readonly leadsToSomething: boolean;
}

function isSame(a: Way, b: Way): boolean {
  return a.leadsToSomething === b.leadsToSomething && a.places.join('\n') === b.places.join('\n');
}

/** As many as Linux follows. */
const maxLinks = 40;

async function wayTo(file: string): Promise<Way> {
  const start = resolve(file);
  const places = new Set([start]);
  let { folder, names } = split(start);
  for (let links = 0; links <= maxLinks; ) {
    const [name, ...rest] = names;
    if (name === undefined) return { places: [...places.add(folder)], leadsToSomething: true };
    const here = resolve(folder, name);
    const what = await lookAt(here);
    if (what === 'missing') {
      // A watch waits for all of a path, whichever part of it is missing.
      return { places: [...places.add(resolve(here, ...rest))], leadsToSomething: false };
    }
    if (what === 'no-link') {
      folder = here;
      names = rest;
      continue;
    }
    links++;
    places.add(here);
    const onward = split(resolve(folder, what.leadsTo));
    folder = onward.folder;
    names = [...onward.names, ...rest];
  }
  return { places: [...places], leadsToSomething: false };
}

function split(path: string): { folder: string; names: readonly string[] } {
  const { root } = parse(path);
  return {
    folder: root,
    names: path
      .slice(root.length)
      .split(sep)
      .filter((name) => name !== ''),
  };
}

async function lookAt(path: string): Promise<'missing' | 'no-link' | { readonly leadsTo: string }> {
  try {
    return (await lstat(path)).isSymbolicLink() ? { leadsTo: await readlink(path) } : 'no-link';
  } catch {
    return 'missing';
  }
}
