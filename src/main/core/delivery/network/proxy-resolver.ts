/** Tells by which proxy an address is reached: by the environment's variables, or by the desktop's settings. */
export interface ProxyResolver {
  /** Never rejects. Not asked for loopback. */
  resolve(url: URL): Promise<ProxyChoice>;
}

/** In the order in which to try them, as a PAC file gives them; never empty. */
export type ProxyChoice = readonly ProxyWay[];

export type ProxyWay =
  | { readonly kind: 'direct' }
  /** `url` may hold a login. `from` tells where it is set, for people: `the variable HTTPS_PROXY`, `the system's settings`. */
  | { readonly kind: 'proxy'; readonly url: string; readonly from: string };

export const direct: ProxyWay = { kind: 'direct' };

/** For machines and tests without any. */
export const noProxies: ProxyResolver = { resolve: async () => [direct] };
