import { z } from 'zod';
import { TocsinError } from '../errors.ts';
import { readCredentialsJson } from './aws-credentials.ts';
import type { AwsCredentials } from './aws-credentials.ts';
import { ask } from './aws-http.ts';
import type { AwsContext } from './aws-http.ts';

const DEFAULT_ENDPOINT = 'http://169.254.169.254';
const TOKEN_TTL_S = 21_600;
/** Outside of AWS nothing answers there. */
const TIMEOUT_MS = 5000;

const identitySchema = z.object({ region: z.string().default('') });

/**
 * What an EC2 instance can ask about itself (IMDSv2: with a session token).
 *
 * @see docs.aws.amazon.com "Use the Instance Metadata Service"
 */
export class InstanceMetadata {
  readonly #context: AwsContext;
  readonly #endpoint: string;
  #token: string | undefined;

  constructor(context: AwsContext) {
    this.#context = context;
    const given = context.environment['AWS_EC2_METADATA_SERVICE_ENDPOINT'] ?? '';
    this.#endpoint = (given === '' ? DEFAULT_ENDPOINT : given).replace(/\/+$/, '');
  }

  /** The region that the instance is in. */
  async region(signal: AbortSignal): Promise<string> {
    const text = await this.#get('/latest/dynamic/instance-identity/document', signal);
    try {
      return identitySchema.parse(JSON.parse(text)).region;
    } catch (error) {
      throw new TocsinError(
        'TOCSIN_ERR_HTTP',
        'instance metadata: the identity document is not as expected',
        {
          cause: error,
        },
      );
    }
  }

  /** The credentials of the instance's role. */
  async credentials(signal: AbortSignal): Promise<AwsCredentials> {
    const path = '/latest/meta-data/iam/security-credentials/';
    const role = (await this.#get(path, signal)).split('\n')[0]!.trim();
    if (role === '') throw new TocsinError('TOCSIN_ERR_HTTP', 'instance metadata: the instance has no role');
    return readCredentialsJson(await this.#get(path + role, signal), 'instance metadata');
  }

  async #get(path: string, signal: AbortSignal): Promise<string> {
    if (this.#context.environment['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true') {
      throw new TocsinError(
        'TOCSIN_ERR_HTTP',
        'instance metadata: switched off by AWS_EC2_METADATA_DISABLED',
      );
    }
    this.#token ??= await this.#send('PUT', '/latest/api/token', signal, {
      'X-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_TTL_S),
    });
    return this.#send('GET', path, signal, { 'X-aws-ec2-metadata-token': this.#token });
  }

  async #send(
    method: 'GET' | 'PUT',
    path: string,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>>,
  ): Promise<string> {
    const url = this.#endpoint + path;
    const { status, text } = await ask(
      this.#context,
      { method, url, headers, timeoutMs: TIMEOUT_MS },
      signal,
    );
    if (status === 200) return text;
    throw new TocsinError('TOCSIN_ERR_HTTP', `instance metadata: ${path}: status ${status}`);
  }
}
