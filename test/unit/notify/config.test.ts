import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Secret } from '../../../src/core/secret.ts';
import { validateYaml } from '../../../src/core/validate-yaml.ts';
import { parseYaml } from '../../../src/core/yaml.ts';
import { RECEIVER_KINDS_NOT_IN_VERSION, notifyConfigOf, notifyShape } from '../../../src/notify/index.ts';
import type { IntegrationConfig, NotifyConfig } from '../../../src/notify/index.ts';

const schema = z.strictObject(notifyShape);

/** The config, or everything that is wrong with it. */
function read(yaml: string): NotifyConfig | string {
  const result = validateYaml(parseYaml(yaml, 'am.yml'), schema);
  if (!result.ok) return result.issues.map(({ line, message }) => `${line}: ${message}`).join('\n');
  const { config, problems } = notifyConfigOf(result.value);
  if (problems.length === 0) return config;
  return problems.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
}

function integration<Kind extends IntegrationConfig['kind']>(
  yaml: string,
  kind: Kind,
): Extract<IntegrationConfig, { kind: Kind }> {
  const config = read(yaml);
  if (typeof config === 'string') throw new Error(config);
  const found = config.receivers[0]!.integrations.find((item) => item.kind === kind);
  return found as Extract<IntegrationConfig, { kind: Kind }>;
}

function receiver(kind: string, fields: string, global = ''): string {
  return `global: {${global}}\nreceivers: [{name: team, ${kind}_configs: [{${fields}}]}]`;
}

describe('defaults', () => {
  it('of an empty configuration', () => {
    expect(read('{}')).toEqual({
      resolveTimeoutMs: 300_000,
      resolveMuted: undefined,
      receivers: [],
      templates: [],
    });
  });

  it.each([
    ['webhook', 'url: http://h', true],
    ['slack', 'api_url: http://h', false],
    ['email', 'to: a@b, from: c@d, smarthost: "h:25"', false],
    ['console', '', true],
  ] as const)('send_resolved of %s', (kind, fields, sendResolved) => {
    expect(integration(receiver(kind, fields), kind).sendResolved).toBe(sendResolved);
    const on = receiver(kind, `send_resolved: ${!sendResolved}${fields === '' ? '' : `, ${fields}`}`);
    expect(integration(on, kind).sendResolved).toBe(!sendResolved);
  });

  it('a receiver has its name among its labels', () => {
    const config = read('receivers: [{name: team, labels: {tier: a}}]') as NotifyConfig;
    expect(config.receivers[0]!.labels).toEqual({ tier: 'a', name: 'team' });
  });
});

describe('what is handed down from global', () => {
  it("a receiver's http_config replaces the global one whole", () => {
    const global = 'http_config: {basic_auth: {username: u}, follow_redirects: false}';
    expect(integration(receiver('webhook', 'url: http://h', global), 'webhook').config.http).toMatchObject({
      basicAuth: { username: 'u' },
      followRedirects: false,
    });
    const own = receiver('webhook', 'url: http://h, http_config: {enable_http2: false}', global);
    expect(integration(own, 'webhook').config.http).toMatchObject({
      basicAuth: undefined,
      followRedirects: true,
      enableHttp2: false,
    });
  });

  it('email takes each field that it does not have itself', () => {
    const global =
      'smtp_smarthost: "mail.example:587", smtp_from: g@h, smtp_hello: me, smtp_auth_username: u, ' +
      'smtp_auth_password: p, smtp_auth_identity: i, smtp_require_tls: false, smtp_force_implicit_tls: true';
    expect(integration(receiver('email', 'to: a@b', global), 'email').config).toMatchObject({
      from: 'g@h',
      hello: 'me',
      smarthost: { host: 'mail.example', port: 587 },
      authUsername: 'u',
      authIdentity: 'i',
      requireTls: false,
      implicitTls: true,
    });
    const own = receiver(
      'email',
      'to: a@b, from: c@d, hello: you, smarthost: "[::1]:465", auth_password_file: /p, require_tls: true, force_implicit_tls: false',
      global,
    );
    expect(integration(own, 'email').config).toMatchObject({
      from: 'c@d',
      hello: 'you',
      smarthost: { host: '::1', port: 465 },
      authPassword: { file: '/p' },
      requireTls: true,
      implicitTls: false,
    });
  });

  it.each([
    ['h:465', true],
    ['h:587', false],
  ])('port decides on implicit TLS: %s', (smarthost, implicitTls) => {
    const yaml = receiver('email', `to: a@b, from: c@d, smarthost: "${smarthost}"`);
    expect(integration(yaml, 'email').config.implicitTls).toBe(implicitTls);
  });

  it.each([
    ['own webhook over a global token', 'api_url: http://own', 'slack_app_token: t', 'webhook'],
    ['own webhook file over a global token', 'api_url_file: /own', 'slack_app_token: t', 'webhook'],
    ['the global token', 'channel: c', 'slack_app_token: t', 'app'],
    ['the global webhook', 'channel: c', 'slack_api_url: http://g', 'webhook'],
    ['own token over a global webhook', 'app_token: t', 'slack_api_url: http://g', 'app'],
    [
      'own authorization over a global token',
      'channel: c, http_config: {authorization: {credentials: x}}',
      'slack_app_token: t, slack_api_url: "https://slack.com/api/chat.postMessage"',
      'webhook',
    ],
  ])('slack: %s', (_, fields, global, kind) => {
    expect(integration(receiver('slack', fields, global), 'slack').config.endpoint.kind).toBe(kind);
  });
});

describe('what is refused', () => {
  it.each([
    [
      'webhook without URL',
      receiver('webhook', 'max_alerts: 1'),
      'one of url or url_file must be configured',
    ],
    [
      'webhook with both',
      receiver('webhook', 'url: http://a, url_file: /b'),
      'at most one of url & url_file must be configured',
    ],
    ['a timeout in days', receiver('webhook', 'url: http://a, timeout: 1d'), 'not a valid duration: "1d"'],
    [
      'slack without anything',
      receiver('slack', 'channel: c'),
      'no Slack API URL nor App token set either inline or in a file',
    ],
    [
      'slack with URL and token',
      receiver('slack', 'api_url: http://a, app_token: t'),
      'at most one of api_url/api_url_file & app_token/app_token_file must be configured',
    ],
    [
      'slack URL of another scheme',
      receiver('slack', 'api_url: "ftp://s3cret"'),
      'unsupported scheme "ftp" for URL',
    ],
    [
      'slack token with authorization',
      receiver('slack', 'app_token: t, http_config: {authorization: {credentials: x}}'),
      "http authorization can't be set when using Slack App tokens",
    ],
    [
      'slack action without name or url',
      receiver('slack', 'api_url: http://a, actions: [{type: button, text: t}]'),
      'missing name or url in Slack action configuration',
    ],
    [
      'slack field without title',
      receiver('slack', 'api_url: http://a, fields: [{value: v}]'),
      'key "title" is missing in receivers[0].slack_configs[0].fields[0]',
    ],
    [
      'update_message',
      receiver('slack', 'api_url: http://a, update_message: true'),
      'update_message is not in this version',
    ],
    [
      'email without recipient',
      receiver('email', 'from: a@b'),
      'key "to" is missing in receivers[0].email_configs[0]',
    ],
    ['email without smarthost', receiver('email', 'to: a@b, from: c@d'), 'no global SMTP smarthost set'],
    ['email without sender', receiver('email', 'to: a@b, smarthost: "h:25"'), 'no global SMTP from set'],
    [
      'smarthost without port',
      receiver('email', 'to: a@b, from: c@d, smarthost: h'),
      'address "h": write host:port',
    ],
    [
      'smarthost with empty port',
      receiver('email', 'to: a@b, from: c@d, smarthost: "h:"'),
      'address "h:": port cannot be empty',
    ],
    [
      'equal headers',
      receiver('email', 'to: a@b, from: c@d, smarthost: "h:25", headers: {subject: a, Subject: b}'),
      'duplicate header "Subject" in email config',
    ],
    [
      'threading with own References',
      receiver(
        'email',
        'to: a@b, from: c@d, smarthost: "h:25", headers: {references: a}, threading: {enabled: true, thread_by_date: none}',
      ),
      'conflicting configuration: threading.enabled conflicts with custom References header',
    ],
    [
      'threading without thread_by_date',
      receiver('email', 'to: a@b, from: c@d, smarthost: "h:25", threading: {enabled: true}'),
      "threading.thread_by_date must be either 'none' or 'daily'",
    ],
    [
      'global webhook and token',
      'global: {slack_api_url: http://a, slack_app_token: t}',
      'at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be configured',
    ],
    ['receiver without name', 'receivers: [{labels: {}}]', 'key "name" is missing in receivers[0]'],
    [
      'another name among the labels',
      'receivers: [{name: a, labels: {name: b}}]',
      'receiver label "name" must match receiver name "a", got "b"',
    ],
    ['a receiver with an empty name', 'receivers: [{name: ""}]', 'missing name in receiver'],
  ])('%s', (_, yaml, message) => {
    const result = read(yaml);
    expect(result).toBeTypeOf('string');
    expect(result).toContain(message);
    expect(result).not.toContain('s3cret');
  });

  it.each(RECEIVER_KINDS_NOT_IN_VERSION)('%s is not in this version', (key) => {
    const result = read(`receivers: [{name: team, ${key}: [{}]}]`);
    expect(result).toMatch(new RegExp(`receiver kind "?${key}"?.* is not in this version`));
  });

  it.each([
    'slack_app_token',
    'slack_api_url',
    'opsgenie_api_key',
    'victorops_api_key',
    'telegram_bot_token',
    'smtp_auth_password',
    'rocketchat_token',
    'rocketchat_token_id',
    'smtp_auth_secret',
    'wechat_api_secret',
    'mattermost_webhook_url',
  ])('%s beside its file', (key) => {
    expect(read(`global: {${key}: "http://x", ${key}_file: /x}`)).toContain(
      `at most one of ${key} & ${key}_file must be configured`,
    );
  });
});

it('secrets are Secrets from the first moment', () => {
  const { config } = integration(receiver('webhook', 'url: http://s3cret'), 'webhook');
  expect('value' in config.url && config.url.value).toBeInstanceOf(Secret);
  expect(JSON.stringify(config)).not.toContain('s3cret');
});
