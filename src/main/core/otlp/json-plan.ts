import { type Field, isMessageType, type MessageType, messages, pointTypes, type ScalarType } from './schema.ts';

/** A message of the schema, made ready for looking fields up by the bytes of their names. */
export interface Plan {
  readonly isPoint: boolean;
  readonly fields: PlannedField[];
}

export interface PlannedField extends Field {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  /** Exactly one of the two. */
  readonly message: Plan | undefined;
  readonly scalar: ScalarType | undefined;
}

const plans = new Map<MessageType, Plan>();

/** Messages nest in themselves, so a plan is known before its fields are. */
export function planOf(type: MessageType): Plan {
  const known = plans.get(type);
  if (known) return known;
  const plan: Plan = { isPoint: pointTypes.has(type), fields: [] };
  plans.set(type, plan);
  for (const [name, field] of Object.entries(messages[type])) {
    const kind = isMessageType(field.type)
      ? { message: planOf(field.type), scalar: undefined }
      : { message: undefined, scalar: field.type };
    plan.fields.push({ ...field, ...kind, name, nameBytes: Buffer.from(name) });
  }
  return plan;
}
