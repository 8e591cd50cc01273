/** What every suite is given. */
export interface Context {
  /** Fewer repetitions and smaller spools: to see that all works, not for numbers. */
  readonly quick: boolean;
  /** Tells the person who waits what is being done. */
  readonly say: (what: string) => void;
}
