export type IntegerType = 'enum' | 'uint32' | 'sint32' | 'int64' | 'uint64' | 'fixed32' | 'fixed64' | 'sfixed64';

const unsigned32 = { expected: 'an integer from 0 to 4294967295', min: 0n, max: 2n ** 32n - 1n };
const signed64 = { expected: 'a 64-bit integer', min: -(2n ** 63n), max: 2n ** 63n - 1n };
const unsigned64 = { expected: 'an unsigned 64-bit integer', min: 0n, max: 2n ** 64n - 1n };

/** What each integer type holds, in words and in numbers. */
export const integerTypes: Readonly<Record<IntegerType, { expected: string; min: bigint; max: bigint }>> = {
  enum: { expected: 'an integer (enums have no names in OTLP)', min: -(2n ** 31n), max: 2n ** 31n - 1n },
  uint32: unsigned32,
  fixed32: unsigned32,
  sint32: { expected: 'a 32-bit integer', min: -(2n ** 31n), max: 2n ** 31n - 1n },
  int64: signed64,
  sfixed64: signed64,
  uint64: unsigned64,
  fixed64: unsigned64,
};

/** The grammar of a JSON number (RFC 8259, section 6). */
export const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** More digits than any 64-bit integer has. */
const maxIntegerDigits = 40;

/** Nobody writes an integer longer than this; the time that it takes to understand a number is not linear. */
const maxTextLength = 100;

/** The integer that a JSON number is, also one such as 1.5e3, without going through a double. */
export function exactInteger(text: string): bigint | 'not an integer' | 'too large' {
  if (text.length > maxTextLength) return 'too large';
  if (text.length <= maxIntegerDigits && /^-?\d+$/.test(text)) return BigInt(text);
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  if (whole === '') return 'not an integer';
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  if (digits === '') return 0n;
  const significant = digits.replace(/0+$/, '');
  const zeros = Number(exponent) - fraction.length + digits.length - significant.length;
  if (zeros < 0) return 'not an integer';
  if (significant.length + zeros > maxIntegerDigits) return 'too large';
  return BigInt(`${sign}${significant}${'0'.repeat(zeros)}`);
}
