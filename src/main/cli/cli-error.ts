export const exitCodes = {
  ok: 0,
  failed: 1,
  /** The relay of this state folder does not run, and the command needs it. */
  notRunning: 3,
  /** `EX_USAGE` of sysexits.h. */
  usage: 64,
  /** `EX_TEMPFAIL` of sysexits.h: another agent holds the state folder. */
  alreadyRunning: 75,
} as const;

/** Ends the command: one sentence that says what to do, and the exit code. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function usageError(command: string, message: string): CliError {
  return new CliError(`${message} See \`span-relay ${command} --help\`.`, exitCodes.usage);
}
