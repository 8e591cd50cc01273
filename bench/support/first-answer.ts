import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { payloadFile } from './load.ts';

const body = readFileSync(payloadFile);

/** Posts over new connections every `everyMs` until one is answered with 200; several may be waiting at once. */
export function firstAnswer(port: number, everyMs: number, timeoutMs = 30_000): Promise<{ readonly at: number }> {
  return new Promise((resolve, reject) => {
    let done = false;
    const deadline = performance.now() + timeoutMs;
    const poll = async () => {
      while (!done) {
        if (performance.now() > deadline) {
          done = true;
          reject(new Error(`No 200 on port ${port} within ${timeoutMs} ms.`));
          return;
        }
        void post(port).then((acknowledged) => {
          if (!acknowledged || done) return;
          done = true;
          resolve({ at: performance.now() });
        });
        await sleep(everyMs);
      }
    };
    void poll();
  });
}

function post(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    let answer = '';
    socket.setEncoding('latin1').setTimeout(30_000, () => socket.destroy());
    socket.on('connect', () => {
      const type = 'Content-Type: application/x-protobuf';
      socket.write(`POST /v1/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n${type}\r\nContent-Length: ${body.length}\r\n\r\n`);
      socket.write(body);
    });
    socket.on('data', (text: string) => {
      answer += text;
      if (answer.endsWith('\r\n\r\n')) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(answer.startsWith('HTTP/1.1 200')));
  });
}
