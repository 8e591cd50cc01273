import type { RelayPaths } from '../core/policy/paths.ts';
import { CliError, exitCodes } from './cli-error.ts';

export function notRunning({ stateDir }: RelayPaths): CliError {
  return new CliError(
    `The relay does not run on ${stateDir}. Start it with \`span-relay run\`; what Claude Code sends meanwhile is lost.`,
    exitCodes.notRunning,
  );
}
