/**
 * `node:tls`, loaded when it is first needed: 6 MB and 15 ms that stand between the start and the open port otherwise. Seen
 * with Node 24.21.
 */
export function loadTls(): typeof import('node:tls') {
  return process.getBuiltinModule('node:tls');
}
