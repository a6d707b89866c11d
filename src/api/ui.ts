import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ApiDeps } from './ports.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
};

/** Addresses of the app's pages, those of Prometheus' UI among them: each gets the page, which finds its own way. */
const PAGES = [
  'alerts',
  'alertmanager-discovery',
  'config',
  'flags',
  'query',
  'rules',
  'service-discovery',
  'silences',
  'status',
  'targets',
  'tsdb-status',
];

const NOT_BUILT = 'The web app is not built. Run "npm run build", then reload this page.\n';

/** Adds the web app. */
export function addUiRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const base = basePath(deps.options.externalUrl);
  const page = (_request: unknown, reply: FastifyReply): Promise<FastifyReply> => sendPage(deps, base, reply);
  app.get('/', page);
  for (const name of PAGES) {
    app.get(`/${name}`, page);
    app.get(`/${name}/*`, page);
  }
  app.get('/graph', (request, reply) => {
    const query = request.url.includes('?') ? request.url.slice(request.url.indexOf('?')) : '';
    return reply.redirect(`${base}query${query}`, 302);
  });
  app.get('/assets/*', (request, reply) => {
    const { '*': name } = request.params as { readonly '*': string };
    return sendFile(deps, `assets/${name}`, reply);
  });
  for (const name of ['favicon.ico', 'favicon.svg', 'manifest.json']) {
    app.get(`/${name}`, (_request, reply) => sendFile(deps, name, reply));
  }
}

/** Path of an external URL with a slash at its end: what links in the page are relative to. */
export function basePath(externalUrl: string): string {
  const { pathname } = new URL(externalUrl);
  return pathname.endsWith('/') ? pathname : `${pathname}/`;
}

async function sendPage(deps: ApiDeps, base: string, reply: FastifyReply): Promise<FastifyReply> {
  const bytes = await deps.ui?.read('index.html');
  if (bytes === undefined) return reply.code(503).type('text/plain; charset=utf-8').send(NOT_BUILT);
  const html = new TextDecoder()
    .decode(bytes)
    .replace(/<base href="[^"]*"/, () => `<base href="${escapeHtml(base)}"`)
    .replace(/<title>[^<]*<\/title>/, () => `<title>${escapeHtml(deps.options.pageTitle)}</title>`);
  return reply.type(TYPES['.html']!).header('cache-control', 'no-cache').send(html);
}

async function sendFile(deps: ApiDeps, path: string, reply: FastifyReply): Promise<FastifyReply> {
  const isPlain = /^[\w.@-]+(?:\/[\w.@-]+)*$/.test(path) && !path.split('/').includes('..');
  const bytes = isPlain ? await deps.ui?.read(path) : undefined;
  if (bytes === undefined) {
    reply.callNotFound();
    return reply;
  }
  const extension = /\.[a-z0-9]+$/.exec(path)?.[0] ?? '';
  // Names of assets have a hash of their content.
  const cache = path.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
  return reply
    .type(TYPES[extension] ?? 'application/octet-stream')
    .header('cache-control', cache)
    .send(Buffer.from(bytes));
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&quot;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
