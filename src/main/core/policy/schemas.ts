import * as v from 'valibot';
import { signals } from '../../../shared/signal.ts';
import { formatNumber } from '../../../shared/wording.ts';
import { presetNames } from './presets.ts';

/**
 * The schemas of the config file's values. The message of each is the words after "expected" in a problem,
 * so a message never quotes the value.
 */

export const anObject = v.message(
  v.custom<Record<string, unknown>>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
  'an object',
);

export const aList = v.message(v.array(v.unknown()), 'a list');

export const aText = v.string('a text');

export const aPort = wholeNumber(0, 65_535, 'a port');

export const maxBytes = wholeNumber(2 ** 20, 2 ** 40, 'a number of bytes');

export const maxAgeDays = v.message(
  v.pipe(v.number(), v.minValue(1), v.maxValue(3_650)),
  'a number of days from 1 to 3,650',
);

/** For one request to a destination: long enough for a large merged one on a slow line. */
export const defaultTimeoutMs = 30_000;

const aName = 'a name of letters, digits, dots, dashes and underscores, at most 63 of them';

export const destinationName = v.message(v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9._-]{0,62}$/i)), aName);

/** RFC 9110, section 5.6.2: a token. */
const headerName = v.pipe(
  v.string(),
  v.regex(/^[!#$%&'*+.^_`|~\w-]+$/, "a valid HTTP header name (letters, digits and any of !#$%&'*+-.^_`|~)"),
  v.check((name) => !ownHeaders.includes(name.toLowerCase()), 'a header that the relay does not set itself'),
);

const ownHeaders: readonly string[] = [
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** RFC 9110, section 5.5: visible characters with blanks and tabs between them. */
const headerValue = v.pipe(
  v.string('a text'),
  v.trim(),
  v.maxLength(8_192, 'a text of at most 8,192 characters'),
  v.regex(/^[\t\x20-\x7E\xA0-\xFF]*$/, 'a text that can stand in an HTTP header: in one line, of Latin-1 characters'),
);

const token = v.message(
  v.pipe(v.string(), v.trim(), v.regex(/^[\x21-\x7E]{1,8192}$/)),
  'a token: a text without blanks',
);

export const destinationSchema = v.object(
  {
    name: destinationName,
    preset: v.exactOptional(v.picklist(presetNames, presetNames.map((name) => JSON.stringify(name)).join(' or '))),
    endpoint: v.exactOptional(v.string('an http(s) URL such as https://otel.example.com')),
    token: v.exactOptional(token),
    headers: v.exactOptional(v.pipe(anObject, v.record(headerName, headerValue)), {}),
    signals: v.exactOptional(
      v.pipe(
        v.array(v.picklist(signals, '"metrics", "logs" or "traces"'), 'a list of "metrics", "logs" and "traces"'),
        v.minLength(1, 'at least one of "metrics", "logs" and "traces"'),
        v.transform((chosen) => signals.filter((signal) => chosen.includes(signal))),
      ),
      signals,
    ),
    allowInsecure: v.exactOptional(v.boolean('true or false'), false),
    timeoutMs: v.exactOptional(wholeNumber(100, 600_000, 'a number of milliseconds'), defaultTimeoutMs),
  },
  // The one key that must be there.
  aName,
);

export const destinationKeys = Object.keys(destinationSchema.entries);

function wholeNumber(min: number, max: number, what: string) {
  return v.message(
    v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max)),
    `${what}: a whole number from ${formatNumber(min)} to ${formatNumber(max)}`,
  );
}
