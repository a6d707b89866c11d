import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { AuthorizedHttp, secretsOf } from '../../../src/core/authorized-http.ts';
import { httpConfigSchema } from '../../../src/core/http-config.ts';
import type { HttpRequest } from '../../../src/core/ports.ts';
import { printYaml, shownConfig } from '../../../src/core/print-yaml.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import type { FakeAnswer } from '../../../src/core/testing/fake-network.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { validateYaml } from '../../../src/core/validate-yaml.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { formatIssue, parseYaml } from '../../../src/core/yaml.ts';

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const NOW_MS = Date.UTC(2026, 11, 1, 12) + 700;
const NOW_S = Math.floor(NOW_MS / 1000);
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function rsaKey(type: 'pkcs1' | 'pkcs8' = 'pkcs8', bits = 2048): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  return privateKey.export({ type, format: 'pem' }).toString();
}

const KEY = rsaKey();
const OTHER_KEY = rsaKey('pkcs1');

function read(yaml: string) {
  const result = validateYaml(parseYaml(yaml, 'f'), httpConfigSchema, '/etc/t');
  if (!result.ok) throw new Error(result.issues.map(formatIssue).join('\n'));
  return result.value;
}

/** An `oauth2` block of the grant; `more` are further keys in flow style. */
function block(more: string): string {
  return `oauth2: {client_id: me, token_url: "https://token/t", grant_type: "${GRANT}", ${more}}`;
}

const INLINE = `client_certificate_key: ${JSON.stringify(KEY)}`;

async function setUp(yaml: string, files: Record<string, string> = {}) {
  const network = new FakeNetwork();
  const asked: HttpRequest[] = [];
  const authorizations: (string | undefined)[] = [];
  const answers: FakeAnswer[] = [];
  network.serve('target', (request) => {
    authorizations.push(request.headers['Authorization']);
    return { status: 200 };
  });
  network.serve('token', (request) => {
    asked.push(request);
    return answers.shift() ?? { status: 500, body: String(request.body) };
  });
  const disk = new MemoryFileSystem();
  await disk.makeFolder('/etc/t');
  const write = (name: string, text: string) => disk.replaceFile(name, new TextEncoder().encode(text));
  for (const [name, text] of Object.entries(files)) await write(name, text);
  const clock = new VirtualClock(NOW_MS);
  const random = new SeededRandom(7);
  const http = new AuthorizedHttp({ http: network, files: disk, clock, random, config: read(yaml) });
  const get = () =>
    http.request({
      method: 'GET',
      url: 'http://target/',
      headers: {},
      signal: new AbortController().signal,
    });
  return { asked, authorizations, answers, write, clock, get };
}

const token = (body: object, type = 'application/json'): FakeAnswer => ({
  status: 200,
  headers: { 'content-type': type },
  body: JSON.stringify(body),
});

/** The form of a token request, and its assertion read and held against a key. */
function sent(request: HttpRequest | undefined, privateKey: string, digest = 'sha256') {
  const form = new URLSearchParams(request!.body as string);
  const [header, claims, signature] = form.get('assertion')!.split('.') as [string, string, string];
  const decode = (part: string) =>
    JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  const signed = Buffer.from(`${header}.${claims}`);
  const publicKey = createPublicKey(privateKey);
  return {
    fields: Object.fromEntries([...form].filter(([name]) => name !== 'assertion')),
    header: decode(header),
    claims: decode(claims),
    isSigned: verify(digest, signed, publicKey, Buffer.from(signature, 'base64url')),
  };
}

describe('the JWT bearer grant of OAuth 2.0', () => {
  test('with the least that must be written', async () => {
    const { asked, authorizations, answers, get } = await setUp(block(INLINE));
    answers.push(token({ access_token: 'one', token_type: 'bearer' }));
    await get();
    expect(asked[0]).toMatchObject({ method: 'POST', url: 'https://token/t' });
    expect(asked[0]!.headers).toEqual({ 'Content-Type': 'application/x-www-form-urlencoded' });
    expect(sent(asked[0], KEY)).toEqual({
      fields: { grant_type: GRANT },
      header: { alg: 'RS256', typ: 'JWT' },
      claims: {
        iss: 'me',
        sub: 'me',
        aud: 'https://token/t',
        iat: NOW_S,
        exp: NOW_S + 600,
        jti: expect.stringMatching(UUID_V4) as string,
      },
      isSigned: true,
    });
    expect(sent(asked[0], OTHER_KEY).isSigned).toBe(false);
    expect(authorizations).toEqual(['Bearer one']);
  });

  test('with everything that can be written', async () => {
    const { asked, answers, get } = await setUp(
      block(
        `${INLINE}, client_certificate_key_id: k1, signature_algorithm: RS384, iss: you, audience: them, scopes: [a, b],
  endpoint_params: {x: 1, grant_type: own}, client_secret: not-used,
  claims: {sub: else, n: 1, yes: yes, text: "yes", none: null, deep: {list: [1.5, a]}},
  tls_config: {ca: CA, server_name: n, insecure_skip_verify: true},
  proxy_url: "http://p:1", proxy_connect_header: {A: [b]}`,
      ),
    );
    answers.push(token({ access_token: 'one' }));
    await get();
    expect(sent(asked[0], KEY, 'sha384')).toEqual({
      fields: { grant_type: 'own', scope: 'a b', x: '1' },
      header: { alg: 'RS384', typ: 'JWT', kid: 'k1' },
      claims: {
        iss: 'you',
        sub: 'else',
        aud: 'them',
        scope: 'a b',
        iat: NOW_S,
        exp: NOW_S + 600,
        jti: expect.stringMatching(UUID_V4) as string,
        n: 1,
        yes: true,
        text: 'yes',
        none: null,
        deep: { list: [1.5, 'a'] },
      },
      isSigned: true,
    });
    expect(asked[0]!.body).not.toContain('not-used');
    expect(asked[0]!.connection).toMatchObject({
      tls: { ca: 'CA', serverName: 'n', insecureSkipVerify: true },
      proxyUrl: 'http://p:1',
      proxyHeaders: { A: 'b' },
    });
  });

  test.each([
    ['RS256', 'sha256'],
    ['RS512', 'sha512'],
  ])('signs with %s', async (algorithm, digest) => {
    const { asked, answers, get } = await setUp(block(`${INLINE}, signature_algorithm: ${algorithm}`));
    answers.push(token({ access_token: 'one' }));
    await get();
    expect(sent(asked[0], KEY, digest)).toMatchObject({ header: { alg: algorithm }, isSigned: true });
  });

  test('keeps a token until ten seconds before it ends; each assertion is a new one', async () => {
    const { asked, authorizations, answers, clock, get } = await setUp(block(INLINE));
    answers.push(token({ access_token: 'one', expires_in: 60 }), token({ access_token: 'two' }));
    await Promise.all([get(), get()]);
    await clock.advanceTo(NOW_MS + 49_999);
    await get();
    expect(asked).toHaveLength(1);
    await clock.advanceTo(NOW_MS + 50_000);
    await get();
    // One that does not say when it ends never does.
    await clock.advanceTo(NOW_MS + 1e9);
    await get();
    expect(authorizations).toEqual(['Bearer one', 'Bearer one', 'Bearer one', 'Bearer two', 'Bearer two']);
    expect(asked).toHaveLength(2);
    const [first, second] = asked.map((request) => sent(request, KEY).claims);
    expect(second).toMatchObject({ iat: NOW_S + 50, exp: NOW_S + 650 });
    expect(second!['jti']).not.toBe(first!['jti']);
  });

  test('a rotated key file counts from the next request on', async () => {
    const { asked, authorizations, answers, write, get } = await setUp(
      block('client_certificate_key_file: key.pem'),
      { '/etc/t/key.pem': `\n${KEY}\n` },
    );
    answers.push(token({ access_token: 'one', expires_in: 3600 }));
    await get();
    await get();
    await write('/etc/t/key.pem', OTHER_KEY);
    answers.push(token({ access_token: 'two', expires_in: 3600 }));
    await get();
    expect(authorizations).toEqual(['Bearer one', 'Bearer one', 'Bearer two']);
    expect(asked).toHaveLength(2);
    expect(sent(asked[0], KEY).isSigned).toBe(true);
    expect(sent(asked[1], OTHER_KEY).isSigned).toBe(true);
    expect(sent(asked[1], KEY).isSigned).toBe(false);
  });

  test('reads the answer as JSON, whatever it calls itself', async () => {
    const { authorizations, answers, get } = await setUp(block(INLINE));
    answers.push(token({ access_token: 'one', token_type: 'MAC' }, 'text/plain'));
    await get();
    expect(authorizations).toEqual(['MAC one']);
  });

  test('an answer that is refused, or has no token, is asked for once and says where', async () => {
    const { asked, answers, get } = await setUp(block(INLINE));
    await expect(get()).rejects.toThrow(/^oauth2: cannot fetch token from token: status 500$/);
    answers.push(token({ error: 'no' }));
    await expect(get()).rejects.toThrow('oauth2: cannot fetch token from token: server response missing');
    expect(asked).toHaveLength(2);
  });

  const EC_KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  const LOCKED_KEY = generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'p' })
    .toString();
  const NOT_RSA = 'not an RSA private key in PEM (PKCS #1 or PKCS #8, without a passphrase)';
  const FILE = 'client_certificate_key_file: k';
  const unusable: [why: string, yaml: string, key: string, message: string][] = [
    [
      'none',
      'scopes: []',
      '',
      'oauth2: client_certificate_key or client_certificate_key_file must be configured',
    ],
    ['no PEM', 'client_certificate_key: hunter2', '', `oauth2: client_certificate_key: ${NOT_RSA}`],
    ['another kind', FILE, EC_KEY, `oauth2: client_certificate_key_file /etc/t/k: ${NOT_RSA}`],
    ['a passphrase', FILE, LOCKED_KEY, `oauth2: client_certificate_key_file /etc/t/k: ${NOT_RSA}`],
    [
      'too short',
      `${FILE}, signature_algorithm: RS512`,
      rsaKey('pkcs8', 512),
      'oauth2: client_certificate_key_file /etc/t/k: the RSA key of 512 bits cannot sign with RS512',
    ],
  ];
  test.each(unusable)('a key that cannot be used: %s', async (_, more, key, message) => {
    const { asked, get } = await setUp(block(more), { '/etc/t/k': key });
    const error = await get().then(
      () => undefined,
      (reason: unknown) => reason as Error,
    );
    // Behind that OpenSSL may have its own words.
    expect(error).toMatchObject({ code: 'TOCSIN_ERR_HTTP' });
    expect(error!.message.slice(0, message.length)).toBe(message);
    expect(inspect(error)).not.toMatch(/hunter2|PRIVATE KEY/);
    expect(asked).toEqual([]);
  });

  test('a key file that is not there says which', async () => {
    const { get } = await setUp(block('client_certificate_key_file: no'));
    await expect(get()).rejects.toThrow(/^unable to read oauth2 client certificate key file \/etc\/t\/no: /);
  });

  test.each(['assertion', 'scope'])('endpoint_params cannot overwrite %s', async (name) => {
    const { asked, get } = await setUp(block(`${INLINE}, scopes: [a], endpoint_params: {${name}: x}`));
    await expect(get()).rejects.toThrow(`oauth2: cannot overwrite parameter "${name}" by endpoint_params`);
    expect(asked).toEqual([]);
  });

  test('the key is a secret', () => {
    const yaml = block('client_certificate_key: hunter2, claims: {a: b}');
    expect(secretsOf(read(yaml))).toEqual(['hunter2']);
    expect(JSON.stringify(read(yaml))).not.toContain('hunter2');
    const document = parseYaml(yaml, 'f');
    const shown = printYaml(shownConfig(document.value, httpConfigSchema));
    expect(shown).toContain('  client_certificate_key: <secret>\n');
    expect(shown).toContain(`  grant_type: ${GRANT}\n`);
    expect(shown).toContain('  claims:\n    a: b\n');
    expect(shown).not.toContain('hunter2');
  });
});

describe('what the grant refuses', () => {
  const AT = block('').indexOf('}') + 1;
  const rows: [more: string, message: string][] = [
    [
      'client_certificate_key: a, client_certificate_key_file: b',
      `f:1:9: oauth2: at most one of oauth2 client_certificate_key, client_certificate_key_file & client_certificate_key_ref must be configured using grant-type=${GRANT}`,
    ],
    [
      'signature_algorithm: ES256',
      `f:1:${AT + 21}: oauth2.signature_algorithm: valid signature algorithms are RS256, RS384 and RS512`,
    ],
    [
      'client_certificate_key_ref: r',
      `f:1:${AT}: key "client_certificate_key_ref" in oauth2 is not in this version`,
    ],
    ['claims: {a: [.inf]}', `f:1:${AT + 12}: oauth2.claims.a: must be a value that JSON has`],
  ];
  test.each(rows)('%s', (more, message) => {
    expect(() => read(block(more))).toThrow(new Error(message));
  });

  test('a grant type that is none', () => {
    expect(() => read('oauth2: {client_id: a, token_url: b, grant_type: password}')).toThrow(
      new Error(
        `f:1:50: oauth2.grant_type: unsupported grant type "password": must be client_credentials or ${GRANT}`,
      ),
    );
  });

  test('but not keys of the other grant', () => {
    const certificate = 'client_certificate_key: a, client_certificate_key_file: b, signature_algorithm: x';
    const { oauth2 } = read(`oauth2: {client_id: a, token_url: b, client_secret: s, ${certificate}}`);
    expect(oauth2).toMatchObject({ jwtBearer: undefined, credentialFile: undefined });
    expect(oauth2!.credential!.reveal()).toBe('s');
    const secrets = 'client_secret: a, client_secret_file: b';
    expect(read(block(`${secrets}, ${INLINE}`)).oauth2!.credential!.reveal()).toBe(KEY);
  });
});
