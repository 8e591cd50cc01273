import { listOf } from '../../shared/wording.ts';
import { presentedScope } from '../core/delivery/presented-scope.ts';
import type { ConfigView } from '../core/policy/config-editor.ts';
import { CliError } from './cli-error.ts';
import { isSameName } from './destination-edit.ts';

/**
 * Refuses a destination without a token that would take its credential from what Claude Code presents in a header that
 * another one at another address lives on: then neither would get it, and the one that worked would stop.
 */
export function refuseAmbiguity(config: ConfigView, text: string, name: string, told: AmbiguityWords): void {
  const all = config.check(text).resolved.config.destinations;
  const added = all.find((one) => isSameName(one.name, name));
  if (added?.credential === undefined) return;
  const { ambiguousWith } = presentedScope(added, all);
  if (ambiguousWith.length === 0) return;
  const others = listOf(ambiguousWith, 'or');
  throw new CliError(
    `"${name}" ${told.done}: it has no token of its own, and what Claude Code presents in ${added.credential.header} may be meant for ${others} just as well, which is at another address. Neither would get it any more. ${told.advice(others)}`,
  );
}

interface AmbiguityWords {
  /** What did not happen, as in "was not added". */
  readonly done: string;
  readonly advice: (others: string) => string;
}
