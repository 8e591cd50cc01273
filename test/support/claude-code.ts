import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProcessResult, runProcess } from './run-process.ts';
import { cachedFolder, ifAbsent, installTimeoutMs, testCache } from './test-cache.ts';

export interface ClaudeCode {
  readonly binary: string;
  readonly version: string;
}

export interface NoClaudeCode {
  /** Why it cannot be had here, as one sentence. */
  readonly skipped: string;
}

const packageName = '@anthropic-ai/claude-code';
const askTimeoutMs = 20_000;

/**
 * The real Claude Code: the newest on npm (without a network the newest that is cached), or the given version.
 *
 * It is proprietary software and no dependency of this product: npm installs it, with the user's own settings, into a
 * cache folder outside the repository (`SPAN_RELAY_TEST_CACHE` moves that). Never throws: tests skip and say why.
 */
export async function findClaudeCode(version?: string): Promise<ClaudeCode | NoClaudeCode> {
  try {
    const wanted = version ?? (await newestOnNpm()) ?? (await newestCached());
    if (wanted === undefined)
      return { skipped: 'npm does not say which Claude Code is the newest, and none is cached.' };
    const folder = await cachedFolder(join('claude-code', wanted), (folder) => install(folder, wanted));
    return { binary: await binaryIn(folder), version: wanted };
  } catch (error) {
    return { skipped: error instanceof Error ? error.message : String(error) };
  }
}

async function newestOnNpm(): Promise<string | undefined> {
  const { exitCode, stdout } = await npm(['view', packageName, 'version'], askTimeoutMs);
  const version = stdout.trim();
  return exitCode === 0 && isVersion(version) ? version : undefined;
}

async function newestCached(): Promise<string | undefined> {
  const cached = await readdir(join(testCache(), 'claude-code')).catch(ifAbsent(() => []));
  const versions = cached.filter(isVersion);
  return versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
}

function isVersion(text: string): boolean {
  return /^\d+\.\d+\.\d+$/.test(text);
}

async function install(folder: string, version: string): Promise<void> {
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  // Its install script only copies the binary to another place in the same folder.
  const options = ['--ignore-scripts', '--include=optional', '--no-save', '--no-audit', '--no-fund'];
  const args = ['install', '--prefix', folder, ...options, `${packageName}@${version}`];
  const { exitCode, stderr } = await npm(args, installTimeoutMs);
  if (exitCode !== 0) {
    const reason = stderr.split('\n').find((line) => line.startsWith('npm error')) ?? `npm ended with ${exitCode}`;
    throw new Error(`${packageName}@${version} cannot be installed: ${reason}.`);
  }
  const binary = await binaryIn(folder);
  const asked = await runProcess(binary, ['--version'], { env: process.env, timeoutMs: askTimeoutMs });
  if (asked.exitCode !== 0 || !asked.stdout.startsWith(version)) {
    throw new Error(`${packageName}@${version} does not run on this system.`);
  }
}

/** npm installs the one platform package that fits; the native binary is in there. */
async function binaryIn(folder: string): Promise<string> {
  const scope = join(folder, 'node_modules', '@anthropic-ai');
  const platform = (await readdir(scope)).find((name) => name.startsWith('claude-code-'));
  if (platform === undefined) throw new Error(`${packageName} has no native binary for this system.`);
  return join(scope, platform, process.platform === 'win32' ? 'claude.exe' : 'claude');
}

function npm(args: readonly string[], timeoutMs: number): Promise<ProcessResult> {
  const { npm_execpath: npmScript } = process.env;
  // A file name without a path is looked up in PATH; within `npm test` the running npm says where it is.
  const [file, first] = npmScript?.endsWith('.js') ? [process.execPath, [npmScript]] : ['npm', []];
  return runProcess(file, [...first, ...args], { env: process.env, cwd: tmpdir(), timeoutMs });
}

export interface ClaudeRun {
  readonly binary: string;
  /** The stand-in for the Messages API. */
  readonly apiUrl: string;
  /** Beside what makes it run alone: the telemetry settings. */
  readonly env: Readonly<Record<string, string>>;
  /** After `-p hi`. */
  readonly args?: readonly string[];
  /** Default: 30 s. */
  readonly timeoutMs?: number;
}

/** `claude -p hi` in a home of its own that is removed afterwards, with nothing of this machine's settings but PATH. */
export async function runClaude({
  binary,
  apiUrl,
  env,
  args = [],
  timeoutMs = 30_000,
}: ClaudeRun): Promise<ProcessResult> {
  const home = await mkdtemp(join(tmpdir(), 'claude-home-'));
  const alone = {
    PATH: process.env.PATH,
    HOME: home,
    USERPROFILE: home,
    TMPDIR: home,
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    ANTHROPIC_BASE_URL: apiUrl,
    ANTHROPIC_API_KEY: 'anything',
  };
  try {
    return await runProcess(binary, ['-p', 'hi', ...args], { env: { ...alone, ...env }, cwd: home, timeoutMs });
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** As `OTEL_EXPORTER_OTLP_PROTOCOL` names them. */
export type OtlpProtocol = 'http/protobuf' | 'http/json' | 'grpc';

/** Telemetry settings as IT would roll them out: all three signals to one endpoint. */
export function telemetryTo(
  endpoint: string,
  protocol: OtlpProtocol,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    ...extra,
  };
}

/** Traces are a beta of Claude Code's. */
export const withTraces = { CLAUDE_CODE_ENHANCED_TELEMETRY_BETA: '1', OTEL_TRACES_EXPORTER: 'otlp' } as const;
