import { signals } from '../../../../shared/signal.ts';
import type { Preset } from './preset.ts';

/** Port: https://github.com/open-telemetry/opentelemetry-collector/blob/main/receiver/otlpreceiver/README.md. */
export const otelCollector: Preset = {
  title: 'OpenTelemetry Collector',
  documentation: 'https://opentelemetry.io/docs/collector/',
  endpoint: 'http://localhost:4318',
  protocol: 'http/protobuf',
  compression: 'gzip',
  signals,
  identity: null,
  parameters: {},
  setup: [
    'Without "endpoint" it is the Collector on this machine, http://localhost:4318.',
    'Where the Collector asks for a bearer token: "credentialHeader": "Authorization", "credentialScheme": "Bearer".',
  ],
  notes: [],
};
