/** Vendors whose endpoint and credential header are known, so that a config needs only a token. */
export const presets = {
  /** Span's own onboarding guide for Claude Code names this endpoint and header. */
  span: { endpoint: 'https://otel.span.app:443', credentialHeader: 'X-Span-Token' },
} as const;

export type PresetName = keyof typeof presets;

export const presetNames = ['span'] as const satisfies readonly PresetName[];
