import type { Preset } from './preset.ts';

/**
 * The addresses by site are those that Datadog's documentation fills in
 * (https://github.com/DataDog/documentation, assets/scripts/config/regions.config.js, `otlp_metrics_endpoint` and
 * `otlp_logs_endpoint`). Traces have none: their intake is a preview on request
 * (https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/traces/).
 */
export const datadog: Preset = {
  title: 'Datadog',
  documentation: 'https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/metrics/',
  endpoints: { metrics: 'https://otlp.{site}/v1/metrics', logs: 'https://otlp.{site}/v1/logs' },
  protocol: 'http/protobuf',
  compression: 'gzip',
  credential: { header: 'dd-api-key' },
  signals: ['metrics', 'logs'],
  identity: null,
  hosts: /(?:^|\.)(?:datadoghq\.(?:com|eu)|ddog-gov\.com)$/,
  parameters: {
    site: {
      description: 'the Datadog site (the address of its pages without "app.")',
      example: 'us5.datadoghq.com',
      pattern: /^(?:(?:[a-z]{2}\d\.)?datadoghq\.com|datadoghq\.eu|ddog-gov\.com)$/,
    },
  },
  setup: [
    'The token is an API key, not an application key.',
    'Its intake for traces is a preview on request: with access, give its address as "endpoints": { "traces": … }.',
  ],
  notes: ['It takes metrics with delta temporality only, which is what Claude Code exports by default.'],
};
