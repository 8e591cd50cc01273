/** The worker thread that reads which authorities the system trusts and the runtime does not know; it ends when it has. */
import { getCACertificates } from 'node:tls';
import { parentPort } from 'node:worker_threads';

const known = new Set(getCACertificates('default'));
parentPort?.postMessage([...new Set(getCACertificates('system'))].filter((certificate) => !known.has(certificate)));
