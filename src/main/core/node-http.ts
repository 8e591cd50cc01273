/**
 * `node:http` without what nobody here uses. An `import` of a built-in module reads every one of its exports, and among
 * those of `node:http` are getters that load the whole of undici (WebSocket and its events): 4 MB and 15 ms at every
 * start. Seen with Node 24.21.
 */
export const { Agent, createServer, get, request, STATUS_CODES, validateHeaderName, validateHeaderValue } =
  process.getBuiltinModule('node:http');
