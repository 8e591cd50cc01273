/** Of a spool whose limits a test does not care about. */
export const ampleLimits = { maxBytes: 256 * 1024 * 1024, maxAgeMs: 30 * 86_400_000 };
