/** The URL of a module beside the caller's, with the extension that the caller has: `.ts` in the sources, `.js` when built. */
export function siblingModule(callerUrl: string, path: string): URL {
  return new URL(`${path}${callerUrl.endsWith('.ts') ? '.ts' : '.js'}`, callerUrl);
}
