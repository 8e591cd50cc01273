/**
 * Calls `onEvent` on everything that happens to the file, which may not exist yet, nor its folder.
 * chokidar is loaded late: the relay must accept before it watches. Resolves with the way to stop, where there is a watch.
 */
export async function watchFile(
  file: string,
  onEvent: () => void,
  onError: (error: unknown) => void,
): Promise<(() => Promise<void>) | undefined> {
  try {
    const { watch } = await import('chokidar');
    // One native watch per folder on the way: a recursive one would wake on every write of a state folder beside the file.
    const watcher = watch(file, { backend: 'native', ignorePermissionErrors: true });
    watcher.on('all', onEvent);
    watcher.on('error', onError);
    // What changed between the first read and now.
    watcher.on('ready', onEvent);
    return () => watcher.close();
  } catch (error) {
    onError(error);
    return undefined;
  }
}
