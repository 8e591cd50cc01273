/** By key of a destination in the config file, the option that gives it. */
export type Flags = Readonly<Record<string, string>>;

export const addFlags: Flags = {
  name: 'NAME',
  preset: '--preset',
  parameters: '--param',
  endpoint: '--endpoint',
  protocol: '--protocol',
  compression: '--compression',
  token: '--token',
  tokenFile: '--token-file',
  credentialHeader: '--credential-header',
  credentialScheme: '--credential-scheme',
  headers: '--header',
  signals: '--signals',
  resourceAttributes: '--attribute',
  proxy: '--proxy',
  caFile: '--ca-file',
  clientCert: '--client-cert',
  clientKey: '--client-key',
  allowInsecure: '--allow-insecure',
  timeoutMs: '--timeout-ms',
};

/** The rest is what the settings say. */
export const importFlags: Flags = {
  name: '--name',
  signals: '--signals',
  credentialHeader: '--credential-header',
  allowInsecure: '--allow-insecure',
};

/** A key such as `parameters.site` as the option that gives it. */
export function keyAsFlag(key: string, flags: Flags): string {
  const [top = '', ...inner] = key.split('.');
  const flag = Object.hasOwn(flags, top) ? flags[top] : undefined;
  return flag === undefined ? key : [flag, ...inner].join(' ');
}

/** Words that tell to set a key, such as `"preset": "span"`, with the option instead. */
export function wordsWithFlags(words: string, flags: Flags): string {
  return words.replace(/"(\w+)"(?:: (?:true|"([^"]*)"))?/g, (whole, key: string, value: string | undefined) => {
    const flag = Object.hasOwn(flags, key) ? flags[key] : undefined;
    if (flag?.startsWith('--') !== true) return whole;
    return value === undefined ? flag : `${flag} ${value}`;
  });
}
