import type { Clock } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import { StatusError } from './fetch-json.ts';
import type { JsonHttp } from './fetch-json.ts';

/** A bearer token and when it ends. */
export interface AccessToken {
  readonly value: Secret;
  readonly expiresAtMs: number;
}

/** A token is fetched again this long before it ends. */
const MARGIN_MS = 2 * 60_000;

/** Keeps a token until shortly before it ends, or until it is refused. Those who need one at the same time share it. */
export class AccessTokens {
  readonly #clock: Clock;
  readonly #fetch: (signal: AbortSignal) => Promise<AccessToken>;
  #known: AccessToken | undefined;
  #fetching: Promise<AccessToken> | undefined;

  constructor(clock: Clock, fetch: (signal: AbortSignal) => Promise<AccessToken>) {
    this.#clock = clock;
    this.#fetch = fetch;
  }

  /** Does something with the value for an `Authorization` header; once more with a new token when it is refused (401). */
  async use<T>(signal: AbortSignal, work: (authorization: string) => Promise<T>): Promise<T> {
    const known = this.#valid();
    const token = known ?? (await this.#renew(signal));
    try {
      return await work(`Bearer ${token.value.reveal()}`);
    } catch (error) {
      if (!(error instanceof StatusError) || error.status !== 401) throw error;
      if (this.#known === token) this.#known = undefined;
      if (known === undefined) throw error;
    }
    const renewed = this.#valid() ?? (await this.#renew(signal));
    return work(`Bearer ${renewed.value.reveal()}`);
  }

  #valid(): AccessToken | undefined {
    const isValid = this.#known !== undefined && this.#clock.nowMs() < this.#known.expiresAtMs - MARGIN_MS;
    return isValid ? this.#known : undefined;
  }

  async #renew(signal: AbortSignal): Promise<AccessToken> {
    this.#fetching ??= this.#fetch(signal).finally(() => {
      this.#fetching = undefined;
    });
    this.#known = await this.#fetching;
    return this.#known;
  }
}

/** HTTP for asking for tokens: in what messages show of an answer there is no token, nor the beginning of one. */
export function withoutTokens(http: JsonHttp): JsonHttp {
  return {
    request: (request) => http.request(request),
    redact: (text) =>
      http.redact(text).replaceAll(/((?:access|refresh|id)_token"?\s*[:=]\s*"?)[^"&\s]+/g, '$1<secret>'),
  };
}
