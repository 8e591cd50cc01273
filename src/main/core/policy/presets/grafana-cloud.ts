import { signals } from '../../../../shared/signal.ts';
import type { Preset } from './preset.ts';

/**
 * HTTP with protobuf only: https://grafana.com/docs/grafana-cloud/send-data/otlp/otlp-format-considerations/.
 * Delta metrics are refused with 400, "invalid temporality and type combination": https://github.com/grafana/mimir/issues/6696.
 */
export const grafanaCloud: Preset = {
  title: 'Grafana Cloud',
  documentation: 'https://grafana.com/docs/grafana-cloud/send-data/otlp/send-data-otlp/',
  endpoint: 'https://otlp-gateway-{zone}.grafana.net/otlp',
  protocol: 'http/protobuf',
  compression: 'gzip',
  credential: { header: 'Authorization', scheme: 'Basic' },
  signals,
  identity: null,
  hosts: /(?:^|\.)grafana\.net$/,
  parameters: {
    zone: {
      description: 'the zone of the stack, as in the OTLP endpoint of its OpenTelemetry page',
      example: 'prod-eu-west-0',
      pattern: /^[a-z0-9]+(?:-[a-z0-9]+)*$/,
    },
  },
  setup: ['The token is INSTANCE-ID:TOKEN in base64, as the OpenTelemetry page of the stack shows it after "Basic".'],
  notes: [
    'It takes metrics with cumulative temporality only; Claude Code exports delta unless its environment has OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative, which is then what every destination gets.',
  ],
};
