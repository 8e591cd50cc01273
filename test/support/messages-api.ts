import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { cutOff, listen } from './server.ts';

/** A stand-in for Anthropic's Messages API, so that Claude Code runs without an account and without a network. */
export interface MessagesApi extends AsyncDisposable {
  /** For `ANTHROPIC_BASE_URL`. */
  readonly url: string;
}

const usage = {
  input_tokens: 1_200,
  output_tokens: 7,
  cache_read_input_tokens: 340,
  cache_creation_input_tokens: 56,
} as const;

/** Says "Hello." to everybody, streamed where the client asks for it. */
export async function startMessagesApi(): Promise<MessagesApi> {
  const server = createServer((request, response) => {
    // A client that goes away in the middle has no answer to get.
    answer(request, response).catch(() => request.socket.destroy());
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => cutOff(server),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  if (request.method !== 'POST' || pathname !== '/v1/messages') {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ type: 'error', error: { type: 'not_found_error', message: 'Not found' } }));
    return;
  }
  const asked = (await json(request)) as { readonly model?: string; readonly stream?: boolean };
  const message = {
    id: `msg_${randomUUID()}`,
    type: 'message',
    role: 'assistant',
    model: asked.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  };
  const requestId = { 'request-id': `req_${randomUUID()}` };
  if (!asked.stream) {
    const content = [{ type: 'text', text: 'Hello.' }];
    response.writeHead(200, { ...requestId, 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...message, content, stop_reason: 'end_turn' }));
    return;
  }
  response.writeHead(200, { ...requestId, 'content-type': 'text/event-stream' });
  const send = (type: string, fields: object) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
  send('message_start', { message });
  send('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  send('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Hello.' } });
  send('content_block_stop', { index: 0 });
  send('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage });
  send('message_stop', {});
  response.end();
}
