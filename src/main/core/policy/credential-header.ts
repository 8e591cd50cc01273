import { presets } from './presets.ts';

/** Whether a header of this name is known to carry a credential, or is called as if it did. */
export function isCredentialHeader(name: string): boolean {
  return vendorHeaders.includes(name.toLowerCase()) || /auth|token|key|secret|passw|credential/i.test(name);
}

/** The headers in which the vendors of presets want their credentials, in lower case. */
export const vendorHeaders: readonly string[] = Object.values(presets).flatMap(({ credential }) =>
  credential === undefined ? [] : [credential.header.toLowerCase()],
);
