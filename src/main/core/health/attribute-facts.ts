import { type AttributeFacts, identityKeys } from '../../../shared/attribution.ts';
import type { Attribution } from '../attribution/attribution.ts';
import type { Destination } from '../delivery/destination.ts';
import { holdsAddress } from '../otlp/attributes.ts';

/** What the config's attributes do for each destination. */
export function attributeFactsOf(
  destinations: readonly Destination[],
  attribution: Pick<Attribution, 'resolve'>,
): readonly AttributeFacts[] {
  return destinations.map(({ name, attributes }) => {
    const resolved = attribution.resolve(attributes);
    const identifies = resolved.some(
      (one) => one.outcome === 'set' && identityKeys.some((key) => key === one.key) && holdsAddress(one.value),
    );
    return { destination: name, resolved, identifies };
  });
}
