import type { Preset } from './preset.ts';

/** Address, header and exporters differ by organisation: LinearB's settings page generates them as JSON. */
export const linearb: Preset = {
  title: 'LinearB',
  documentation: 'https://linearb.helpdocs.io/article/b1lep7a7cr-configuring-claude-code-open-telemetry',
  protocol: 'http/protobuf',
  compression: 'gzip',
  signals: ['metrics', 'logs'],
  identity: 'user.email',
  hosts: /(?:^|\.)linearb\.(?:io|com)$/,
  parameters: {},
  setup: [
    'Address and header are in the JSON of Settings > AI Tools > Claude Code: `span-relay destination import` reads it.',
  ],
  notes: [
    'When the token is rotated, the old one is refused at once.',
    'Where Claude Code does not know the e-mail address (Bedrock, API keys), set the resource attribute user.email.',
  ],
};
