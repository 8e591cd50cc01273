import { readNoProxy } from './no-proxy.ts';
import { direct, type ProxyResolver } from './proxy-resolver.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxies that the environment names, as curl reads them: HTTPS_PROXY for https addresses and HTTP_PROXY for http ones,
 * else ALL_PROXY, unless NO_PROXY names the host. Of two cases of a name the lower one goes first; an empty variable is none.
 */
export function environmentProxies(env: Environment): ProxyResolver {
  const isDirect = readNoProxy(firstSet(env, ['no_proxy', 'NO_PROXY'])?.value ?? '');
  const all = ['all_proxy', 'ALL_PROXY'];
  const secure = firstSet(env, ['https_proxy', 'HTTPS_PROXY', ...all]);
  const plain = firstSet(env, ['http_proxy', 'HTTP_PROXY', ...all]);
  return {
    async resolve(url) {
      const variable = url.protocol === 'https:' ? secure : plain;
      if (variable === undefined || isDirect(url)) return [direct];
      return [{ kind: 'proxy', url: variable.value, from: `the variable ${variable.name}` }];
    },
  };
}

function firstSet(env: Environment, names: readonly string[]): { name: string; value: string } | undefined {
  for (const name of names) {
    const value = env[name]?.trim();
    if (value !== undefined && value !== '') return { name, value };
  }
  return undefined;
}
