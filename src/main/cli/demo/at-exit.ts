/** Registers what must happen even if the process ends out of turn (a bug, a closed pipe); returns how to take it back. */
export type AtExit = (action: () => void) => () => void;

/** Last come, first served: what was begun last is ended first. */
export const atExit: AtExit = (action) => {
  process.prependListener('exit', action);
  return () => void process.off('exit', action);
};
