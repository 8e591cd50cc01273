import { isAbsolute } from 'node:path';
import * as v from 'valibot';
import { signals } from '../../../shared/signal.ts';
import { formatNumber, listOf } from '../../../shared/wording.ts';
import { attributeKey, attributeKeyWords, attributeLimits } from '../attribution/rules.ts';
import { protocols } from '../delivery/destination.ts';
import { isProxy, proxyWords } from './endpoint.ts';
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

export const aPort = wholeNumber(0, 65_535, 'a port');

export const maxBytes = wholeNumber(2 ** 20, 2 ** 40, 'a number of bytes');

export const maxAgeDays = v.message(
  v.pipe(v.number(), v.minValue(1), v.maxValue(3_650)),
  'a number of days from 1 to 3,650',
);

/** Nothing is expanded: whose `~` it would be depends on who starts the relay. */
const aPath = v.message(
  v.pipe(
    v.string(),
    v.check((path) => isAbsolute(path) && !path.includes('\0')),
  ),
  'an absolute path (~ and variables are not expanded)',
);

/** May hold a password. */
const aProxy = v.message(v.pipe(v.string(), v.trim(), v.check(isProxy)), proxyWords);

export const networkEntries = { proxy: aProxy, caFile: aPath };

const attributeText = v.pipe(v.string(), v.minLength(1), v.maxLength(attributeLimits.maxValueLength));

/** In the longer of its two forms, whichever it was written in. */
export const attributeValue = v.message(
  v.pipe(
    v.union([attributeText, v.strictObject({ value: attributeText, override: v.exactOptional(v.boolean(), false) })]),
    v.transform((written) => (typeof written === 'string' ? { value: written, override: false } : written)),
  ),
  `a text of 1 to ${formatNumber(attributeLimits.maxValueLength)} characters, or an object with it as "value" and with "override": true or false`,
);

export const attributeName = v.pipe(v.string(), v.regex(attributeKey, `a name of ${attributeKeyWords}`));

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

export const tokenWords = 'a token: a text of ASCII characters without blanks';

/** The scheme may stand before it, as it does in the header. */
const token = v.message(
  v.pipe(v.string(), v.trim(), v.maxLength(8_192), v.regex(/^(?:[\w.-]+ +)?[\x21-\x7E]+$/)),
  tokenWords,
);

/** RFC 9110, section 11.1: auth-scheme is a token. */
const scheme = v.pipe(v.string(), v.regex(/^[A-Za-z][\w.-]{0,31}$/, 'a word such as "Bearer" or "Basic"'));

const parameterValue = v.message(v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200)), 'a text');

const url = v.string('an http(s) URL such as https://otel.example.com');

function anyOf(words: readonly string[]): string {
  return listOf(
    words.map((word) => JSON.stringify(word)),
    'or',
  );
}

/** Each key by itself; what only shows when keys are seen together is checked in `destination-checks.ts`. */
export const destinationSchema = v.object(
  {
    name: destinationName,
    formerly: v.exactOptional(destinationName),
    preset: v.exactOptional(v.picklist(presetNames, anyOf(presetNames))),
    parameters: v.exactOptional(v.pipe(anObject, v.record(v.string(), parameterValue))),
    endpoint: v.exactOptional(url),
    endpoints: v.exactOptional(
      v.pipe(
        anObject,
        v.object({ metrics: v.exactOptional(url), logs: v.exactOptional(url), traces: v.exactOptional(url) }),
      ),
    ),
    protocol: v.exactOptional(v.picklist(protocols, anyOf(protocols))),
    compression: v.exactOptional(v.picklist(['gzip', 'none'], '"gzip" or "none"')),
    token: v.exactOptional(token),
    tokenFile: v.exactOptional(aPath),
    credentialHeader: v.exactOptional(headerName),
    credentialScheme: v.exactOptional(scheme),
    headers: v.exactOptional(v.pipe(anObject, v.record(headerName, headerValue))),
    signals: v.exactOptional(
      v.pipe(
        v.array(v.picklist(signals, '"metrics", "logs" or "traces"'), 'a list of "metrics", "logs" and "traces"'),
        v.minLength(1, 'at least one of "metrics", "logs" and "traces"'),
        v.transform((chosen) => signals.filter((signal) => chosen.includes(signal))),
      ),
    ),
    resourceAttributes: v.exactOptional(v.pipe(anObject, v.record(attributeName, attributeValue))),
    proxy: v.exactOptional(aProxy),
    caFile: v.exactOptional(aPath),
    clientCert: v.exactOptional(aPath),
    clientKey: v.exactOptional(aPath),
    allowInsecure: v.exactOptional(v.boolean('true or false')),
    timeoutMs: v.exactOptional(wholeNumber(100, 600_000, 'a number of milliseconds')),
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
