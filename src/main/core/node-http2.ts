/**
 * `node:http2`, loaded when it is first needed: 9 MB and 10 ms that a relay without gRPC clients does without. Seen with
 * Node 24.21.
 */
export function loadHttp2(): typeof import('node:http2') {
  return process.getBuiltinModule('node:http2');
}
