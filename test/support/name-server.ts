import { createSocket } from 'node:dgram';

/** A DNS server that knows one name. */
export interface NameServer {
  readonly port: number;
  /** How many questions came. */
  asked(): number;
  /** What the name resolves to, in IPv4 addresses; none: it exists and has no address. */
  setAddresses(...addresses: readonly string[]): void;
  /** For every question from now on; undefined for none. */
  setFault(fault: NameServerFault | undefined): void;
  stop(): Promise<void>;
}

/** Says nothing; says that it cannot say (SERVFAIL); says that there is no such name (NXDOMAIN). */
export type NameServerFault = 'silence' | 'failure' | 'unknown';

export interface NameServerOptions {
  readonly addresses: readonly string[];
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: any free one. */
  readonly port?: number;
}

const responseCodes = { failure: 2, unknown: 3 } as const;
const headerBytes = 12;
const typeA = 1;

/** Answers every question about addresses alike, whatever the name (RFC 1035, section 4.1). */
export async function startNameServer(options: NameServerOptions): Promise<NameServer> {
  let { addresses } = options;
  let fault: NameServerFault | undefined;
  let asked = 0;
  const socket = createSocket('udp4');
  socket.on('message', (question, { port, address }) => {
    asked++;
    if (fault === 'silence') return;
    const end = question.indexOf(0, headerBytes) + 5;
    const isForAddresses = question.readUInt16BE(end - 4) === typeA;
    const records = (isForAddresses && fault === undefined ? addresses : []).map((ip) =>
      // The name by a pointer to the question's, type A, class IN, 1 s to live, four bytes.
      Buffer.from([0xc0, headerBytes, 0, typeA, 0, 1, 0, 0, 0, 1, 0, 4, ...ip.split('.').map(Number)]),
    );
    const header = Buffer.alloc(headerBytes);
    question.copy(header, 0, 0, 2);
    // An answer, authoritative, without recursion; one question.
    header.writeUInt16BE(0x8400 | (fault === undefined ? 0 : responseCodes[fault]), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    socket.send(Buffer.concat([header, question.subarray(headerBytes, end), ...records]), port, address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  return {
    port: socket.address().port,
    asked: () => asked,
    setFault(next) {
      fault = next;
    },
    setAddresses(...changed) {
      addresses = changed;
    },
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
