import { signals } from '../../../../shared/signal.ts';
import type { Preset } from './preset.ts';

export const honeycomb: Preset = {
  title: 'Honeycomb',
  documentation: 'https://docs.honeycomb.io/send-data/metrics/application',
  endpoint: 'https://{host}',
  protocol: 'http/protobuf',
  compression: 'gzip',
  credential: { header: 'x-honeycomb-team' },
  signals,
  identity: null,
  hosts: /(?:^|\.)honeycomb\.io$/,
  parameters: {
    host: {
      description: "the API's host for the account's region",
      example: 'api.eu1.honeycomb.io',
      pattern: /^api(?:\.[a-z]{2}\d)?\.honeycomb\.io$/,
      usual: 'api.honeycomb.io',
    },
  },
  setup: ['The token is an ingest key that may send events (and create datasets).'],
  notes: ['Metrics go into the dataset "unknown_metrics" unless "headers" has an "x-honeycomb-dataset".'],
};
