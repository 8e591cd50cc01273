import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { percentile } from '../support/stats.ts';

/**
 * PORT RATE SECONDS CONNECTIONS FILE: posts the file so many times a second over kept-alive connections, and prints what it
 * saw as JSON. A request that finds every connection busy waits for one; its time runs from when it was due.
 */
const [port = 0, perSecond = 1, seconds = 1, connections = 1] = process.argv.slice(2, 6).map(Number);
const body = readFileSync(process.argv[6] ?? '');
const head = `POST /v1/metrics HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${body.length}\r\n\r\n`;
const request = Buffer.concat([Buffer.from(head), body]);
const tickMs = 1;
const latencies: number[] = [];
const due: number[] = [];
const free: ((dueAt: number) => void)[] = [];
let errors = 0;
let scheduled = 0;

for (let index = 0; index < connections; index++) run(connect({ host: '127.0.0.1', port, noDelay: true }));

const startedAt = performance.now();
const timer = setInterval(() => {
  const elapsedMs = performance.now() - startedAt;
  if (elapsedMs >= seconds * 1_000) return finish();
  for (; scheduled < (elapsedMs / 1_000) * perSecond; scheduled++)
    due.push(startedAt + (scheduled / perSecond) * 1_000);
  dispatch();
}, tickMs);

function dispatch(): void {
  while (due.length > 0) {
    const send = free.shift();
    if (send === undefined) return;
    send(due.shift() ?? 0);
  }
}

function run(socket: Socket): void {
  let dueAt = 0;
  let answer = '';
  const send = (at: number) => {
    dueAt = at;
    socket.write(request);
  };
  socket.setEncoding('latin1');
  socket.on('connect', () => void free.push(send));
  socket.on('data', (text: string) => {
    answer += text;
    // The relay's answer to protobuf has no body.
    if (!answer.endsWith('\r\n\r\n')) return;
    if (answer.startsWith('HTTP/1.1 200')) latencies.push(performance.now() - dueAt);
    else errors++;
    answer = '';
    free.push(send);
    dispatch();
  });
  socket.on('error', () => errors++);
}

function finish(): void {
  clearInterval(timer);
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
