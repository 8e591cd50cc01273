/** Shorter than this a value hides nothing, and taking it out would garble every text. */
const minSecretLength = 4;

/**
 * Takes credentials out of a text that somebody else wrote, such as a vendor's error message. Also hides the start of one
 * at the very end, where a long text was cut.
 */
export function scrub(text: string, secrets: Iterable<string>): string {
  let clean = text;
  for (const secret of parts(secrets)) {
    clean = clean.replaceAll(secret, '[hidden]');
    const ending = cutOffSecret(clean, secret);
    if (ending > 0) clean = `${clean.slice(0, -ending)}[hidden]`;
  }
  return clean;
}

/** Everything as which the values may come back; the longest first. */
function parts(secrets: Iterable<string>): string[] {
  const bare = [...secrets].flatMap((secret) => partsOf(secret.trim()));
  const long = [...new Set(bare)].filter((part) => part.length >= minSecretLength);
  return [...new Set(long.flatMap(formsOf))].sort((a, b) => b.length - a.length);
}

/** The value itself and, for `Bearer …` and its like, what follows the scheme; of `Basic …` also the login and its password. */
function partsOf(secret: string): string[] {
  const last = secret.split(/\s+/).at(-1) ?? '';
  if (!/^basic\s/i.test(secret)) return [secret, last];
  const login = Buffer.from(last, 'base64').toString();
  return [secret, last, login, login.slice(login.indexOf(':') + 1)];
}

/** As it is, as URLs and forms have it (RFC 3986, section 2.1, with digits of either case), and in base64 (RFC 4648). */
function formsOf(part: string): string[] {
  const bytes = Buffer.from(part);
  const percent = encodeURIComponent(part.toWellFormed());
  const strict = percent.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
  const lower = [percent, strict].map((text) => text.replace(/%../g, (byte) => byte.toLowerCase()));
  const escaped = [percent, strict, ...lower].flatMap((text) => [text, text.replaceAll('%20', '+')]);
  const base64 = bytes.toString('base64');
  return [part, ...escaped, base64, base64.replace(/=+$/, ''), bytes.toString('base64url')];
}

/** How many characters at the end of the text (its ellipsis included) are the start of the secret. */
function cutOffSecret(text: string, secret: string): number {
  const ellipsis = text.endsWith('…') ? 1 : 0;
  const bare = text.slice(0, text.length - ellipsis);
  for (let length = Math.min(secret.length - 1, bare.length); length >= minSecretLength; length--) {
    if (bare.endsWith(secret.slice(0, length))) return length + ellipsis;
  }
  return 0;
}
