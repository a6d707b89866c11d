import type { z } from 'zod';
import type { HttpClientConfig } from '../../core/http-config.ts';
import type { ProviderContext } from '../provider.ts';
import { AwsError, callAws, callAwsJson } from './aws-http.ts';
import type { AwsContext } from './aws-http.ts';
import type { AwsCredentials } from './aws-credentials.ts';
import { CredentialChain } from './credential-chain.ts';
import type { AwsAccess } from './credential-chain.ts';
import { findRegion } from './region.ts';
import type { XmlElement } from './xml.ts';

const EC2_VERSION = '2016-11-15';

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

  constructor(access: AwsAccess, httpConfig: HttpClientConfig, context: ProviderContext) {
    const { clock, files, environment, programs, userAgent } = context;
    this.#access = access;
    this.#context = { clock, files, environment, programs, userAgent, http: context.httpFor(httpConfig) };
  }

  /** The region that calls go to. */
  async region(signal: AbortSignal): Promise<string> {
    return (await this.#find(signal)).region;
  }

  /** Calls EC2; `endpoint` is instead of its own in the region, '' for that. */
  ec2(
    endpoint: string,
    action: string,
    parameters: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<XmlElement> {
    return this.#call(signal, (region, credentials) => {
      const query = { service: 'ec2', region, endpoint, version: EC2_VERSION, action } as const;
      return callAws(this.#context, { ...query, parameters, credentials }, signal);
    });
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
      const region = await findRegion(this.#access.region, this.#context, signal);
      this.#found = { region, credentials: new CredentialChain(this.#access, region, this.#context) };
    }
    return this.#found;
  }
}
