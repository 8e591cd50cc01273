import { signals } from '../../../../shared/signal.ts';
import type { Preset } from './preset.ts';

/**
 * HTTP with protobuf only. Token scopes and temporality:
 * https://docs.dynatrace.com/docs/dynatrace-api/environment-api/opentelemetry and
 * https://community.dynatrace.com/t5/Troubleshooting/Why-are-my-OpenTelemetry-metrics-not-ingested/ta-p/269428.
 */
export const dynatrace: Preset = {
  title: 'Dynatrace',
  documentation: 'https://docs.dynatrace.com/docs/ingest-from/opentelemetry/getting-started/otlp-export',
  endpoint: 'https://{environment}.live.dynatrace.com/api/v2/otlp',
  protocol: 'http/protobuf',
  compression: 'gzip',
  credential: { header: 'Authorization', scheme: 'Api-Token' },
  signals,
  identity: null,
  hosts: /(?:^|\.)dynatrace\.com$/,
  parameters: {
    environment: {
      description: 'the environment ID, the first part of the address of its pages',
      example: 'abc12345',
      pattern: /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/,
    },
  },
  setup: [
    'The token needs the scopes metrics.ingest, logs.ingest and openTelemetryTrace.ingest.',
    'With an ActiveGate, give its address as "endpoint", up to and with /api/v2/otlp.',
  ],
  notes: ['It takes metrics with delta temporality only, which is what Claude Code exports by default.'],
};
