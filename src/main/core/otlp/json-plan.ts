import { type Field, isMessageType, type MessageType, messages, pointTypes, type ScalarType } from './schema.ts';

/** A message of the schema, made ready for looking fields up by the bytes of their names, and by their numbers. */
export interface Plan {
  readonly isPoint: boolean;
  readonly fields: PlannedField[];
  readonly byNumber: (PlannedField | undefined)[];
}

export interface PlannedField extends Field {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  /** The name in quotes, and a colon. */
  readonly jsonKey: Uint8Array;
  /** The numbers of the oneof that it is a member of, itself included, as bits. */
  readonly rivals: number;
  /** Exactly one of the two. */
  readonly message: Plan | undefined;
  readonly scalar: ScalarType | undefined;
}

const plans = new Map<MessageType, Plan>();

/** Messages nest in themselves, so a plan is known before its fields are. */
export function planOf(type: MessageType): Plan {
  const known = plans.get(type);
  if (known) return known;
  const plan: Plan = { isPoint: pointTypes.has(type), fields: [], byNumber: [] };
  plans.set(type, plan);
  for (const [name, field] of Object.entries(messages[type])) {
    const kind = isMessageType(field.type)
      ? { message: planOf(field.type), scalar: undefined }
      : { message: undefined, scalar: field.type };
    const planned = {
      ...field,
      ...kind,
      name,
      nameBytes: Buffer.from(name),
      jsonKey: Buffer.from(`"${name}":`),
      rivals: rivalsOf(type, field),
    };
    plan.fields.push(planned);
    plan.byNumber[field.number] = planned;
  }
  return plan;
}

function rivalsOf(type: MessageType, { number, oneof }: Field): number {
  if (oneof === undefined) return 1 << number;
  return Object.values(messages[type]).reduce(
    (bits, one) => (one.oneof === oneof ? bits | (1 << one.number) : bits),
    0,
  );
}
