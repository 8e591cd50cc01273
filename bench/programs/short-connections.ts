import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

/**
 * PORT CLIENTS FILE: each client opens a connection, posts the file, reads the answer and closes, again and again, until
 * standard input ends. Prints what became of the requests as JSON.
 */
const [port = 0, clients = 1] = process.argv.slice(2, 4).map(Number);
const body = readFileSync(process.argv[4] ?? '');
const head = `POST /v1/metrics HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${body.length}\r\n\r\n`;
const request = Buffer.concat([Buffer.from(head), body]);
const counts = { acknowledged: 0, refused: 0, reset: 0, otherErrors: 0, otherAnswers: 0, longestMs: 0 };
let stopping = false;

process.stdin.resume();
process.stdin.on('end', () => {
  stopping = true;
});

await Promise.all(Array.from({ length: clients }, client));
process.stdout.write(`${JSON.stringify(counts)}\n`, () => process.exit(0));

async function client(): Promise<void> {
  while (!stopping) await once();
}

function once(): Promise<void> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('connect', () => socket.write(request));
    socket.on('data', (text: string) => {
      answer += text;
      if (answer.endsWith('\r\n\r\n')) socket.end();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (answer !== '') return;
      if (error.code === 'ECONNREFUSED') counts.refused++;
      else if (error.code === 'ECONNRESET' || error.code === 'EPIPE') counts.reset++;
      else counts.otherErrors++;
      answer = 'error';
    });
    socket.on('close', () => {
      if (answer.startsWith('HTTP/1.1 200')) counts.acknowledged++;
      else if (answer === '') counts.reset++;
      else if (answer !== 'error') counts.otherAnswers++;
      counts.longestMs = Math.max(counts.longestMs, performance.now() - startedAt);
      resolve();
    });
  });
}
