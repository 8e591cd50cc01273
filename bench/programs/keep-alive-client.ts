import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { percentile } from '../support/stats.ts';

/**
 * PORT CONNECTIONS SECONDS FILE: posts the file over kept-alive connections, one request at a time on each, and prints what
 * it saw as JSON. Speaks HTTP by hand, so that it takes as little of the processor as a Node program can.
 */
const [port = 0, connections = 1, seconds = 1] = process.argv.slice(2, 5).map(Number);
const body = readFileSync(process.argv[5] ?? '');
const head = `POST /v1/metrics HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${body.length}\r\n\r\n`;
const request = Buffer.concat([Buffer.from(head), body]);
const latencies: number[] = [];
let errors = 0;
let stopping = false;
const startedAt = performance.now();

for (let index = 0; index < connections; index++) run();
setTimeout(finish, seconds * 1_000);

function run(): void {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  let sentAt = 0;
  let answer = '';
  const send = () => {
    sentAt = performance.now();
    socket.write(request);
  };
  socket.setEncoding('latin1');
  socket.on('connect', send);
  socket.on('data', (text: string) => {
    answer += text;
    // The relay's answer to protobuf has no body.
    if (!answer.endsWith('\r\n\r\n')) return;
    if (stopping) return;
    if (answer.startsWith('HTTP/1.1 200')) latencies.push(performance.now() - sentAt);
    else errors++;
    answer = '';
    send();
  });
  socket.on('error', () => errors++);
}

function finish(): void {
  stopping = true;
  const elapsedSeconds = (performance.now() - startedAt) / 1_000;
  const sorted = Float64Array.from(latencies).sort();
  const report = {
    perSecond: sorted.length / elapsedSeconds,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    errors,
  };
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
}
