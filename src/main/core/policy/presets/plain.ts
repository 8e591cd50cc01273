import { signals } from '../../../../shared/signal.ts';
import type { Preset } from './preset.ts';

export const plain: Preset = {
  title: 'any OTLP endpoint',
  documentation: 'https://opentelemetry.io/docs/specs/otlp/',
  protocol: 'http/protobuf',
  compression: 'gzip',
  signals,
  identity: null,
  parameters: {},
  setup: [],
  notes: [],
};
