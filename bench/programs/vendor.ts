import { createServer } from 'node:http';

/**
 * Answers every export at once, one below /after/MS/ so many milliseconds later, and keeps nothing: as little work as a
 * vendor can do on the same machine. Prints its port.
 */
let status = 200;
let answered = 0;
let firstAt: number | null = null;

const server = createServer((request, response) => {
  const asked = /^\/answer\/(\d+)$/.exec(request.url ?? '')?.[1];
  if (asked !== undefined) status = Number(asked);
  request.resume();
  request.on('end', () => {
    if (request.url === '/count') {
      response.end(JSON.stringify({ answered, firstAt }));
      return;
    }
    if (asked === undefined && status === 200) {
      answered++;
      firstAt ??= performance.timeOrigin + performance.now();
    }
    const answer = () =>
      response.writeHead(asked === undefined ? status : 204, { 'content-type': 'application/x-protobuf' }).end();
    const afterMs = /^\/after\/(\d+)\//.exec(request.url ?? '')?.[1];
    if (afterMs === undefined) answer();
    else setTimeout(answer, Number(afterMs));
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`);
});
