import { expect, test } from 'vitest';
import { Secret } from '../../../../src/core/secret.ts';
import { signedHeaders } from '../../../../src/core/aws/signature-v4.ts';

// Examples of AWS' own test suite for signatures.
const credentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'),
  sessionToken: '',
  expiresAtMs: undefined,
};
const scope = { region: 'us-east-1', service: 'service', nowMs: Date.UTC(2015, 7, 30, 12, 36, 0) };
const url = 'https://example.amazonaws.com/';

test.each([
  [{}, '', 'host;x-amz-date', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  [
    { 'Content-Type': 'application/x-www-form-urlencoded' },
    'Param1=value1',
    'content-type;host;x-amz-date',
    'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  ],
  [
    { 'My-Header1': 'value1' },
    '',
    'host;my-header1;x-amz-date',
    'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
  ],
])('headers %j and body %j are signed as AWS does', (headers, body, names, signature) => {
  expect(signedHeaders({ url, headers, body }, credentials, scope)).toEqual({
    ...headers,
    'X-Amz-Date': '20150830T123600Z',
    Authorization:
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ' +
      `SignedHeaders=${names}, Signature=${signature}`,
  });
});

test('a session token is sent and signed', () => {
  const headers = signedHeaders({ url, headers: {}, body: '' }, { ...credentials, sessionToken: 'T' }, scope);
  expect(headers['X-Amz-Security-Token']).toBe('T');
  expect(headers['Authorization']).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token,');
});
