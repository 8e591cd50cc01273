/** Visible ASCII with blanks and tabs in between: what an HTTP header and gRPC metadata hold alike. */
const headerText = /^[\t\x20-\x7E]+$/;

/** As long as a token in the config may be. Node's own server takes 16 KiB of headers in all. */
const maxTokenLength = 8 * 1024;

/** Whether a text can be sent as a credential, over HTTP and over gRPC. */
export function isSendable(text: string): boolean {
  return headerText.test(text) && text.length <= maxTokenLength;
}

export type TokenReading =
  | { readonly kind: 'token'; readonly token: string }
  /** `problem` is what is wrong with the file, as words that go on after "it": `is empty`. */
  | { readonly kind: 'unusable'; readonly problem: string };

/** The token that a file holds, without the blanks, line ends and byte order marks around it. Pure. */
export function parseToken(content: Uint8Array): TokenReading {
  const token = decode(content).trim();
  if (token === '') return unusable('is empty');
  if (/[\r\n]/.test(token)) return unusable('has more than one line');
  if (!headerText.test(token)) return unusable('has a character that a header cannot hold');
  if (token.length > maxTokenLength) return unusable('is longer than a token can be');
  return { kind: 'token', token };
}

/** Windows PowerShell redirects output into UTF-16, with a mark. */
function decode(content: Uint8Array): string {
  const isUtf16 = content[0] === 0xff && content[1] === 0xfe;
  return new TextDecoder(isUtf16 ? 'utf-16le' : 'utf-8').decode(content);
}

export function unusable(problem: string): TokenReading {
  return { kind: 'unusable', problem };
}
