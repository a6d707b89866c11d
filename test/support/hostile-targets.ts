import type { IncomingMessage, ServerResponse } from 'node:http';

const METRICS = 'text/plain; version=0.0.4';

/** What a target does wrong, by its path; `/good` does nothing wrong. */
const ANSWERS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  '/good': (response) => {
    response.writeHead(200, { 'content-type': METRICS }).end('good_total 1\n');
  },
  '/html': (response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Hello</body></html>');
  },
  '/html-as-metrics': (response) => {
    response.writeHead(200, { 'content-type': METRICS }).end('<html><body>Hello</body></html>');
  },
  '/json': (response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"requests":1}');
  },
  '/half': (response) => {
    response.writeHead(200, { 'content-type': METRICS }).end('first_total 1\nsecond_total one\n');
  },
  '/missing': (response) => {
    response.writeHead(404).end('not here');
  },
  '/cut': (response) => {
    response.writeHead(200, { 'content-type': METRICS, 'content-length': '1000' });
    response.write('first_total 1\n', () => response.destroy());
  },
  '/broken-gzip': (response) => {
    response.writeHead(200, { 'content-type': METRICS, 'content-encoding': 'gzip' }).end('no gzip');
  },
  '/endless': (response) => {
    response.writeHead(200, { 'content-type': METRICS });
    const line = Buffer.from('# nothing to see here\n'.repeat(2000));
    const more = (): void => {
      while (!response.destroyed && response.write(line));
    };
    response.on('drain', more);
    more();
  },
  // Takes the request and never answers.
  '/slow': () => undefined,
};

/** Listener of targets that misbehave, each in its own way, chosen by path. */
export function answerBadly(request: IncomingMessage, response: ServerResponse): void {
  const answer = ANSWERS[new URL(request.url ?? '/', 'http://target').pathname];
  if (answer === undefined) response.writeHead(500).end();
  else answer(response);
}
