import { z } from 'zod';
import { errorText, TocsinError } from '../errors.ts';
import { Secret } from '../secret.ts';

/** What requests are signed with. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  /** '' for keys that do not end. */
  readonly sessionToken: string;
  readonly expiresAtMs: number | undefined;
}

/** Keys that do not end, but for those with a session token, whose end is not known. */
export function lastingCredentials(accessKeyId: string, secret: string, sessionToken = ''): AwsCredentials {
  return { accessKeyId, secretAccessKey: new Secret(secret), sessionToken, expiresAtMs: undefined };
}

const credentialsSchema = z.object({
  AccessKeyId: z.string(),
  SecretAccessKey: z.string(),
  /** From the services on 169.254.x.x. */
  Token: z.string().default(''),
  /** From programs. */
  SessionToken: z.string().default(''),
  Expiration: z.string().default(''),
});

/** Credentials as the services on 169.254.x.x and programs give them. */
export function readCredentialsJson(text: string, what: string): AwsCredentials {
  let fields: z.output<typeof credentialsSchema>;
  try {
    fields = credentialsSchema.parse(JSON.parse(text));
  } catch (error) {
    // The text itself may hold a secret, so only what kind of thing is wrong is said.
    const kind = error instanceof SyntaxError ? 'it is not JSON' : errorText(error);
    throw new TocsinError('TOCSIN_ERR_HTTP', `${what}: the answer has no credentials: ${kind}`);
  }
  return {
    accessKeyId: fields.AccessKeyId,
    secretAccessKey: new Secret(fields.SecretAccessKey),
    sessionToken: fields.Token || fields.SessionToken,
    expiresAtMs: Date.parse(fields.Expiration) || undefined,
  };
}
