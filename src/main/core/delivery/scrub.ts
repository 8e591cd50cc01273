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

/** The values themselves and, for `Bearer …` and its like, what follows the scheme; the longest first. */
function parts(secrets: Iterable<string>): string[] {
  const all = [...secrets].flatMap((secret) => [secret.trim(), secret.trim().split(/\s+/).at(-1) ?? '']);
  return [...new Set(all)].filter((part) => part.length >= minSecretLength).sort((a, b) => b.length - a.length);
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
