import type { z } from 'zod';
import { AwsError, callAws, callAwsJson } from './aws-http.ts';
import type { AwsContext, AwsQuery } from './aws-http.ts';
import type { AwsCredentials } from './aws-credentials.ts';
import { CredentialChain } from './credential-chain.ts';
import type { AwsAccess } from './credential-chain.ts';
import { findRegion } from './region.ts';
import type { XmlElement } from './xml.ts';

/** AWS' words for credentials that are not good (any more). */
const REFUSED: ReadonlySet<string> = new Set([
  'AuthFailure',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'RequestExpired',
  'UnrecognizedClientException',
]);

/**
 * An account in a region, which both are found out when they are first needed. Credentials that AWS refuses are found out
 * again for the next call.
 */
export class AwsAccount {
  readonly #access: AwsAccess;
  readonly #context: AwsContext;
  #found: { readonly region: string; readonly credentials: CredentialChain } | undefined;

  constructor(access: AwsAccess, context: AwsContext) {
    this.#access = access;
    this.#context = context;
  }

  /** The region that calls go to. */
  async region(signal: AbortSignal): Promise<string> {
    return (await this.#find(signal)).region;
  }

  /** Calls a service that has a query API. */
  query(query: Omit<AwsQuery, 'region' | 'credentials'>, signal: AbortSignal): Promise<XmlElement> {
    return this.#call(signal, (region, credentials) =>
      callAws(this.#context, { ...query, region, credentials }, signal),
    );
  }

  /** Calls a service that speaks JSON; `target` is its name and version, a dot, and the action. */
  json<T>(
    service: 'ecs' | 'lightsail',
    endpoint: string,
    target: string,
    body: object,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<T> {
    return this.#call(signal, (region, credentials) =>
      callAwsJson(this.#context, { service, region, endpoint, target, body, schema, credentials }, signal),
    );
  }

  async #call<T>(
    signal: AbortSignal,
    call: (region: string, credentials: AwsCredentials) => Promise<T>,
  ): Promise<T> {
    const { region, credentials } = await this.#find(signal);
    try {
      return await call(region, await credentials.get(signal));
    } catch (error) {
      if (error instanceof AwsError && REFUSED.has(error.awsCode)) credentials.forget();
      throw error;
    }
  }

  async #find(signal: AbortSignal): Promise<{ region: string; credentials: CredentialChain }> {
    if (this.#found === undefined) {
      const region = await findRegion(this.#access, this.#context, signal);
      this.#found = { region, credentials: new CredentialChain(this.#access, region, this.#context) };
    }
    return this.#found;
  }
}
