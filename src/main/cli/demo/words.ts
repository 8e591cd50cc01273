import { assertNever } from '../../../shared/assert-never.ts';
import { relativeTime } from '../../../shared/wording.ts';
import { type DemoModel, owesFromOutage, spanOf } from './model.ts';

/** What happens now, in one short sentence or two. */
export function sceneWords(model: DemoModel): string {
  switch (model.scene) {
    case 'healthy':
      return 'All is well: every export is on disk before it is answered, then delivered.';
    case 'down':
      return `Span is down: everything is kept on disk.${nextAttempt(model)}`;
    case 'up':
      return upWords(model);
    case 'ending':
      return `The sessions have ended. The last exports are on their way.${nextAttempt(model)}`;
    case 'ended':
      return 'The demo has ended.';
    default:
      return assertNever(model.scene);
  }
}

function upWords(model: DemoModel): string {
  if (!owesFromOutage(model)) return 'Span is up again, and all that waited on disk has been delivered.';
  if (spanOf(model)?.state === 'ok') return 'Span is up again: what waited on disk is delivered, oldest first.';
  return `Span is up again: the relay delivers at its next attempt.${nextAttempt(model)}`;
}

/** ` Next attempt in 3 s.`, or nothing when none is planned. */
function nextAttempt(model: DemoModel): string {
  const at = spanOf(model)?.nextAttemptAt ?? null;
  return at === null ? '' : ` Next attempt ${relativeTime(Date.parse(at), Date.parse(model.health.at))}.`;
}

/** `last success 2 s ago` */
export function lastSuccess(model: DemoModel): string {
  const at = spanOf(model)?.lastSuccessAt ?? null;
  return at === null ? 'no success yet' : `last success ${relativeTime(Date.parse(at), Date.parse(model.health.at))}`;
}
