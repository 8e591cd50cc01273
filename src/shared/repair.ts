/** What became of a damaged spool. */
export interface RepairReport {
  /** Wall time, milliseconds. */
  readonly at: number;
  /** What was wrong, in words. */
  readonly reason: string;
  /** The folder in which the damaged files are kept; empty when the disk had no room to keep them. */
  readonly keptIn: string;
  readonly salvagedRequests: number;
  /** Points that were owed and could not be read, over all destinations. */
  readonly lostPoints: number;
  /** True where the loss could not be counted exactly. */
  readonly estimated: boolean;
}
