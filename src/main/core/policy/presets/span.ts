import type { Preset } from './preset.ts';

export const span: Preset = {
  title: 'Span',
  documentation: 'https://span-knowledge-base.help.usepylon.com/articles/9569114692-claude-code-integration',
  endpoint: 'https://otel.span.app:443',
  protocol: 'http/protobuf',
  compression: 'gzip',
  credential: { header: 'X-Span-Token' },
  signals: ['metrics'],
  identity: 'work_email',
  hosts: /(?:^|\.)span\.app$/,
  parameters: {},
  setup: ['Its guide sets up metrics only. Should it refuse the rest, give it "signals": ["metrics"].'],
  notes: [
    'The resource attribute work_email has to be the e-mail address that is registered in Span: it tells whose telemetry it is.',
  ],
};
