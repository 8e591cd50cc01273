import { signals } from '../../../../shared/signal.ts';
import type { Preset } from './preset.ts';

export const signoz: Preset = {
  title: 'SigNoz Cloud',
  documentation: 'https://signoz.io/docs/ingestion/signoz-cloud/overview/',
  endpoint: 'https://ingest.{region}.signoz.cloud:443',
  protocol: 'http/protobuf',
  compression: 'gzip',
  credential: { header: 'signoz-ingestion-key' },
  signals,
  identity: null,
  hosts: /(?:^|\.)signoz\.cloud$/,
  parameters: {
    region: {
      description: 'the region of the account, from Settings > Ingestion',
      example: 'eu',
      pattern: /^[a-z]{2}\d?$/,
    },
  },
  setup: ['A SigNoz of your own takes no key: use preset otel-collector with its address.'],
  notes: [],
};
