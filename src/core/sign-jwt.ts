import { createPrivateKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { TocsinError } from './errors.ts';

/** The signatures that {@link signJwt} makes: RSASSA-PKCS1-v1_5 (RFC 7518, 3.3). */
export const JWT_ALGORITHMS = ['RS256', 'RS384', 'RS512'] as const;

/** One of {@link JWT_ALGORITHMS}. */
export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number];

const DIGESTS: Readonly<Record<JwtAlgorithm, string>> = { RS256: 'sha256', RS384: 'sha384', RS512: 'sha512' };

/** What {@link signJwt} puts together. */
export interface JwtContent {
  readonly algorithm: JwtAlgorithm;
  /** Header `kid`; left out when empty. */
  readonly keyId: string;
  /** Times in seconds; values that JSON has. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * A JSON Web Token in compact form, signed with an RSA key in PEM (PKCS #1 or PKCS #8, without a passphrase). Throws
 * TOCSIN_ERR_PARSE when the key is none, without a word of it.
 *
 * @see RFC 7515, RFC 7519
 */
export function signJwt({ algorithm, keyId, claims }: JwtContent, privateKey: string): string {
  const header = { alg: algorithm, typ: 'JWT', ...(keyId !== '' && { kid: keyId }) };
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const text = `${encode(header)}.${encode(claims)}`;
  const key = readKey(privateKey);
  try {
    return `${text}.${sign(DIGESTS[algorithm], Buffer.from(text), key).toString('base64url')}`;
  } catch (error) {
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    const message = `the RSA key of ${bits} bits cannot sign with ${algorithm}`;
    throw new TocsinError('TOCSIN_ERR_PARSE', message, { cause: error });
  }
}

function readKey(privateKey: string): KeyObject {
  let key: KeyObject | undefined;
  let cause: unknown;
  try {
    key = createPrivateKey(privateKey);
  } catch (error) {
    cause = error;
  }
  if (key?.asymmetricKeyType === 'rsa') return key;
  const message = 'not an RSA private key in PEM (PKCS #1 or PKCS #8, without a passphrase)';
  throw new TocsinError('TOCSIN_ERR_PARSE', message, { cause });
}
