import { TocsinError } from '../../../src/core/errors.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../../src/core/ports.ts';
import { UndiciHttpClient } from '../../../src/core/system/undici-http-client.ts';

/**
 * Real HTTP to servers of a test in place of a cloud's own: `routes` has the URL to go to by the origin that is asked for.
 * What has no route is refused as a connection would be.
 */
export class RoutedHttp implements HttpClient {
  readonly #http = new UndiciHttpClient();
  readonly #routes: Readonly<Record<string, string>>;

  constructor(routes: Readonly<Record<string, string>>) {
    this.#routes = routes;
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    const { origin } = new URL(request.url);
    const route = this.#routes[origin];
    if (route === undefined) throw new TocsinError('TOCSIN_ERR_HTTP', `${origin}: connection refused`);
    return this.#http.request({ ...request, url: route + request.url.slice(origin.length), connection: {} });
  }

  async close(): Promise<void> {
    await this.#http.close();
  }
}
