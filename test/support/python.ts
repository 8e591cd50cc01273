import { fileURLToPath } from 'node:url';
import { type ProcessResult, runProcess } from './run-process.ts';
import { cachedFolder, installTimeoutMs } from './test-cache.ts';

const exporterVersion = '1.45.2';
const script = fileURLToPath(new URL('./python-exporters.py', import.meta.url));

/** A function that exports with OpenTelemetry's Python exporters of a protocol to the given base URLs; or why it cannot be had here. */
export async function findPythonExporters(
  protocol: 'http' | 'grpc',
): Promise<
  { readonly exportTo: (...bases: readonly string[]) => Promise<ProcessResult> } | { readonly skipped: string }
> {
  const exporterPackage = `opentelemetry-exporter-otlp-proto-${protocol}`;
  try {
    const packages = await cachedFolder(`python/${exporterPackage}-${exporterVersion}`, async (folder) => {
      const options = ['--quiet', '--disable-pip-version-check', '--target', folder];
      const requirement = `${exporterPackage}==${exporterVersion}`;
      const { exitCode, stderr } = await python(['-m', 'pip', 'install', ...options, requirement]);
      if (exitCode !== 0) throw new Error(`pip cannot install ${requirement}: ${stderr.trim().split('\n').at(-1)}`);
    });
    // What is in the cache is from another day: Python may be gone, or be another one.
    const { exitCode } = await python(['-c', `import opentelemetry.exporter.otlp.proto.${protocol}`], {
      PYTHONPATH: packages,
    });
    if (exitCode !== 0) throw new Error(`the Python here cannot load ${exporterPackage}`);
    return { exportTo: (...bases) => python([script, protocol, ...bases], { PYTHONPATH: packages }) };
  } catch (error) {
    return { skipped: error instanceof Error ? error.message : String(error) };
  }
}

function python(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ProcessResult> {
  return runProcess('python3', args, { env: { ...process.env, ...env }, timeoutMs: installTimeoutMs });
}
