import { connect, type Socket } from 'node:net';
import { below, pick, type Random } from '../support/random.ts';

/** What the fuzzers of both ports have in common: a connection to a receiver whose limits are soon reached. */

export const tightLimits = {
  maxBodyBytes: 100_000,
  headersTimeoutMs: 200,
  requestTimeoutMs: 400,
  keepAliveTimeoutMs: 200,
  lingerMs: 200,
  maxInlineCompressedBytes: 2_000,
  maxInlineInflatedBytes: 20_000,
  maxInlineJsonBytes: 8_000,
  maxInlineProtobufBytes: 8_000,
} as const;

/** Far beyond every time-out of the receiver under test. */
export const hangMs = 20_000;

/** How the client leaves after its last byte. */
export type Ending = 'end' | 'wait' | 'reset';

export function anyEnding(random: Random): Ending {
  const ending = random();
  return ending < 0.85 ? 'end' : ending < 0.93 ? 'wait' : 'reset';
}

/** Sends the bytes in one or two pieces, and gives back all that comes until the other side closes. */
export function converse(port: number, bytes: Buffer, ending: Ending, where: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    let text = '';
    const hang = setTimeout(() => {
      reject(new Error(`the connection hangs: ${where}`));
      socket.destroy();
    }, hangMs);
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
    });
    // A reset is one way to close.
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(hang);
      resolve(text);
    });
    socket.on('connect', () => {
      const half = bytes.length >> 1;
      socket.write(bytes.subarray(0, half));
      setImmediate(() => {
        if (ending === 'end') socket.end(bytes.subarray(half));
        else if (ending === 'wait') socket.write(bytes.subarray(half));
        else socket.resetAndDestroy();
      });
    });
  });
}

/** Changes a few places; where it puts something in, that is one of the tokens. */
export function mutate(random: Random, input: Buffer, tokens: readonly (string | Buffer)[]): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let count = 1 + below(random, 4); count > 0; count--) {
    // The head is where most decisions are made.
    const reach = random() < 0.5 ? Math.min(bytes.length, 300) : bytes.length;
    const at = below(random, reach);
    const length = below(random, 20);
    switch (below(random, 5)) {
      case 0:
        if (bytes.length > 0) bytes[at] = below(random, 256);
        break;
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), asBytes(pick(random, tokens)), bytes.subarray(at)]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
        break;
      default:
        bytes = bytes.subarray(0, at);
    }
  }
  return bytes;
}

function asBytes(token: string | Buffer): Buffer {
  return typeof token === 'string' ? Buffer.from(token, 'latin1') : token;
}

export function tcpHandles(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
}
