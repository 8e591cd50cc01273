import { assertNever } from './assert-never.ts';
import type { HealthFacts, RefusalCause } from './health-facts.ts';
import { type NotedFinding, note, nounOf } from './health-note.ts';
import { countOf } from './wording.ts';

export function portFindings(facts: HealthFacts): NotedFinding[] {
  return [...httpPortFindings(facts), ...grpcPortFindings(facts)];
}

function httpPortFindings({ http }: HealthFacts): NotedFinding[] {
  if (http.state !== 'port-taken') return [];
  const holder = http.holder ?? 'another program';
  return [
    note(
      'receiver.port-taken',
      {
        seen: `port ${http.port} on 127.0.0.1 is held by ${holder}`,
        effect: 'what Claude Code sends now does not reach the relay',
        source: `127.0.0.1:${http.port}`,
      },
      { title: `Port ${http.port} is taken by ${holder}` },
    ),
  ];
}

/** Only where exports come by gRPC is anything lost by it. */
function grpcPortFindings({ grpc, grpcUsed, http, config }: HealthFacts): NotedFinding[] {
  if (grpc.state !== 'port-taken') return [];
  const holder = grpc.holder ?? 'another program';
  const title = `Port ${grpc.port}, for exports by gRPC, is taken by ${holder}`;
  const source = `127.0.0.1:${grpc.port}`;
  const seen = `port ${grpc.port} on 127.0.0.1 is held by ${holder}`;
  if (grpc.port === http.port) {
    const words = {
      seen: `listen.http and listen.grpc are both ${http.port}`,
      effect: 'exports by gRPC are refused',
      source,
    };
    const fix = `Give listen.grpc another port in ${config.file}.`;
    return [
      note('receiver.grpc-port-taken', words, { title: `Port ${http.port} cannot be for HTTP and gRPC at once`, fix }),
    ];
  }
  if (!grpcUsed) {
    const effect = 'exports by gRPC would not reach the relay; those by HTTP do';
    return [note('receiver.grpc-port-taken', { seen, effect, source }, { title })];
  }
  const effect = 'what is exported by gRPC now does not reach the relay';
  const fix = 'Stop that program or give it another port, or export by http/protobuf.';
  return [note('receiver.grpc-port-taken', { seen, effect, source }, { severity: 'error', title, fix })];
}

/** Exports that the relay did not take. While nothing else comes, they are all that Claude Code sends. */
export function refusalFindings({ http, grpc, refused, spool }: HealthFacts): NotedFinding[] {
  const { last, ongoing, requestsLastHour } = refused;
  if (last === null || requestsLastHour === 0) return [];
  // The spool's own finding says that nothing can be stored.
  if (last.cause === 'storage' && (spool.state.kind === 'disk-full' || spool.state.kind === 'unavailable')) return [];
  const { because, fix, after } = refusalWords(last.cause, http.port, grpc.port);
  const title = ongoing ? "Claude Code's exports are refused" : 'Some requests to the relay were refused';
  return [
    note(
      'receiver.requests-refused',
      {
        seen: `the last one was told: ${last.message}`,
        effect: `${countOf(requestsLastHour, 'request')} in the last hour ${requestsLastHour === 1 ? 'was' : 'were'} not stored`,
        source: `127.0.0.1:${http.port}`,
        summary: `${title} (${because})`,
      },
      { severity: ongoing ? 'error' : 'warning', title, fix, ...(after === undefined ? {} : { after }) },
    ),
  ];
}

function refusalWords(
  cause: RefusalCause,
  port: number,
  grpcPort: number,
): { readonly because: string; readonly fix: string; readonly after?: string } {
  switch (cause) {
    case 'path':
      return {
        because: 'wrong path',
        fix: `Set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${port} in the settings of Claude Code.`,
        after:
          'The exporter appends the path itself, except to the endpoint of a single signal, such as OTEL_EXPORTER_OTLP_METRICS_ENDPOINT.',
      };
    case 'grpc-on-http-port':
      return {
        because: 'gRPC on the port for HTTP',
        fix: `Set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${grpcPort}, in the settings of Claude Code.`,
      };
    case 'http-on-grpc-port':
      return {
        because: 'HTTP on the port for gRPC',
        fix: `Set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${port}, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc, in the settings of Claude Code.`,
      };
    case 'tls':
      return {
        because: 'https',
        fix: 'Begin OTEL_EXPORTER_OTLP_ENDPOINT with http:// in the settings of Claude Code: the relay is on this machine.',
      };
    case 'method':
      return { because: 'not a POST', fix: 'Correct the sender: telemetry comes by POST.' };
    case 'content-type':
      return {
        because: 'wrong content type',
        fix: 'Set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf in the settings of Claude Code.',
      };
    case 'content-encoding':
      return {
        because: 'unknown compression',
        fix: 'Set OTEL_EXPORTER_OTLP_COMPRESSION to gzip or none in the settings of Claude Code.',
      };
    case 'too-large':
      return {
        because: 'too large',
        fix: 'Export smaller batches, for example more often (OTEL_METRIC_EXPORT_INTERVAL, OTEL_LOGS_EXPORT_INTERVAL).',
      };
    case 'malformed':
      return {
        because: 'malformed',
        fix: 'Find the program that sends this: what is wrong with its last request is in the detail.',
      };
    case 'incomplete':
      return {
        because: 'not complete',
        fix: 'Check whether the sender was ended or suspended, or the machine is overloaded.',
      };
    case 'overload':
      return {
        because: 'too much at once',
        fix: `Check which program keeps so many connections to port ${port} open, if this goes on.`,
        after: 'There is nothing wrong with the requests: exporters try again by themselves for a moment.',
      };
    case 'storage':
      return {
        because: 'they could not be stored',
        fix: 'Keep some space free on the disk of the state folder.',
        after: 'The relay has resumed by itself.',
      };
    case 'internal':
      return {
        because: 'a fault in the relay',
        fix: "Look into the relay's log, and report what it says.",
      };
    default:
      return assertNever(cause);
  }
}

/** Telemetry that is acknowledged, so that its sender does not try again, and goes nowhere. */
export function unwantedFindings({ config, http, unwanted }: HealthFacts): NotedFinding[] {
  return unwanted.map(({ signal, points }) =>
    note(
      'receiver.signal-unwanted',
      {
        detail: `${countOf(points, nounOf(signal))} in the last hour ${points === 1 ? 'was' : 'were'} acknowledged and not kept.`,
        source: `127.0.0.1:${http.port}`,
      },
      {
        title: `Claude Code exports ${signal}, which no destination takes`,
        fix: `Set OTEL_${signal.toUpperCase()}_EXPORTER=none in the managed settings, or add "${signal}" to the signals of a destination in ${config.file}.`,
      },
    ),
  );
}
