import { isAbsolute } from 'node:path';
import { type Protocol, protocols } from '../../delivery/destination.ts';
import { describeValue } from '../config-problem.ts';
import type { Preset } from '../presets/preset.ts';
import type { Keys } from './credential-keys.ts';
import type { SignalExport } from './telemetry-env.ts';

/** How telemetry is sent. */
export interface TransportKeys {
  readonly protocol: Protocol;
  /** Those that are not as the preset has them anyway. */
  readonly keys: Keys;
  readonly files: Keys;
  readonly notes: readonly string[];
}

export function transportKeys(from: SignalExport, preset: Preset | undefined): TransportKeys {
  const usual = preset?.protocol ?? 'http/protobuf';
  const protocol = protocols.find((one) => one === from.protocol);
  const compression = (['gzip', 'none'] as const).find((one) => one === from.compression);
  const timeoutMs = /^\d{3,6}$/.test(from.timeout ?? '') ? Number(from.timeout) : undefined;
  const isTimeout = timeoutMs !== undefined && timeoutMs <= 600_000;
  const files = [
    ['caFile', from.certificate],
    ['clientCert', from.clientCertificate],
    ['clientKey', from.clientKey],
  ] as const;
  const misread = (name: string, value: string | undefined, otherwise: string) =>
    value === undefined ? [] : [`OTEL_EXPORTER_OTLP_${name} is ${describeValue(value)}, which ${otherwise}.`];
  return {
    protocol: protocol ?? usual,
    keys: {
      ...(protocol === undefined || protocol === usual ? {} : { protocol }),
      ...(compression === undefined || compression === (preset?.compression ?? 'gzip') ? {} : { compression }),
    },
    files: {
      ...Object.fromEntries(files.filter(([, path]) => path !== undefined && isAbsolute(path))),
      ...(isTimeout ? { timeoutMs } : {}),
    },
    notes: [
      ...(protocol === undefined
        ? misread('PROTOCOL', from.protocol, `Claude Code does not know; taken as ${usual}`)
        : []),
      ...(compression === undefined ? misread('COMPRESSION', from.compression, 'is left out: gzip is used') : []),
      ...(isTimeout
        ? []
        : misread('TIMEOUT', from.timeout, 'is left out: it is a number of milliseconds from 100 to 600,000')),
      ...files.flatMap(([key, path]) =>
        path === undefined || isAbsolute(path)
          ? []
          : [`${key} is left out, because it is no absolute path: set it in the config file.`],
      ),
    ],
  };
}
