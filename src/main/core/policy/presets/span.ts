import { signals } from '../../../../shared/signal.ts';
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
  parameters: {},
  notes: [
    'Set the resource attribute work_email to the e-mail address that is registered in Span: it tells whose telemetry it is.',
    `Span's guide sets up metrics only; should it refuse ${signals.slice(1).join(' or ')}, give it "signals": ["metrics"].`,
  ],
};
