import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { printYaml, shownConfig } from '../../../src/core/print-yaml.ts';
import { parseYaml } from '../../../src/core/yaml.ts';
import { notifyShape } from '../../../src/notify/index.ts';
import type { IntegrationConfig } from '../../../src/notify/index.ts';
import { readNotifyConfig } from './receiver-bench.ts';

/** The configuration of the receivers that people are called and written to with. */

type Kind = IntegrationConfig['kind'];
type ConfigOf<K extends Kind> = Extract<IntegrationConfig, { kind: K }>['config'];

function yamlOf(kind: string, fields: string, global = ''): string {
  return `global: {${global}}\nreceivers: [{name: team, ${kind}_configs: [{${fields}}]}]`;
}

function integration(yaml: string): IntegrationConfig {
  const config = readNotifyConfig(yaml);
  if (typeof config === 'string') throw new Error(config);
  return config.receivers[0]!.integrations[0]!;
}

function configOf<K extends Kind>(kind: K, fields: string, global = ''): ConfigOf<K> {
  return integration(yamlOf(kind, fields, global)).config as ConfigOf<K>;
}

const MINIMAL = {
  pagerduty: 'routing_key: k',
  opsgenie: 'api_key: k',
  victorops: 'api_key: k, routing_key: r',
  pushover: 'user_key: u, token: t',
  telegram: 'bot_token: t, chat_id: 1',
  discord: 'webhook_url: http://h',
  msteams: 'webhook_url: http://h',
  msteamsv2: 'webhook_url: http://h',
} as const;
const KINDS = Object.keys(MINIMAL) as (keyof typeof MINIMAL)[];

describe.each(KINDS)('%s', (kind) => {
  it('tells of resolved alerts unless told not to', () => {
    expect(integration(yamlOf(kind, MINIMAL[kind]))).toMatchObject({ kind, index: 0, sendResolved: true });
    expect(integration(yamlOf(kind, `${MINIMAL[kind]}, send_resolved: false`)).sendResolved).toBe(false);
  });

  it('takes the global http_config, which its own replaces', () => {
    const global = 'http_config: {basic_auth: {username: u}, follow_redirects: false}';
    expect(configOf(kind, MINIMAL[kind], global).http).toMatchObject({
      basicAuth: { username: 'u' },
      followRedirects: false,
    });
    const own = configOf(kind, `${MINIMAL[kind]}, http_config: {enable_http2: false}`, global);
    expect(own.http).toMatchObject({ basicAuth: undefined, followRedirects: true, enableHttp2: false });
  });

  it('refuses keys that it does not know, with their place', () => {
    const key = kind === 'pagerduty' ? 'urll' : 'titel';
    const result = readNotifyConfig(
      `receivers:\n- name: team\n  ${kind}_configs:\n  - {${MINIMAL[kind]}, ${key}: x}`,
    );
    const column = `  - {${MINIMAL[kind]}, `.length + 1;
    expect(result).toContain(`4:${column}: unknown key "${key}" in receivers[0].${kind}_configs[0]`);
  });
});

it('several of one kind are told apart by their index; kinds stand in the order of Alertmanager', () => {
  const config = readNotifyConfig(
    `receivers:
      - name: team
        msteamsv2_configs: [{webhook_url: http://a}]
        telegram_configs: [{bot_token: t, chat_id: 1}]
        slack_configs: [{api_url: http://a}]
        discord_configs: [{webhook_url: http://a}, {webhook_url: http://b}]
        pagerduty_configs: [{routing_key: k}]
        webhook_configs: [{url: http://a}]`,
  );
  if (typeof config === 'string') throw new Error(config);
  expect(config.receivers[0]!.integrations.map(({ kind, index }) => `${kind}[${index}]`)).toEqual([
    'webhook[0]',
    'pagerduty[0]',
    'slack[0]',
    'telegram[0]',
    'discord[0]',
    'discord[1]',
    'msteamsv2[0]',
  ]);
});

describe('what comes from global', () => {
  it('addresses of the services', () => {
    expect(configOf('pagerduty', MINIMAL.pagerduty).url).toBe('https://events.pagerduty.com/v2/enqueue');
    expect(configOf('opsgenie', MINIMAL.opsgenie).apiUrl).toBe('https://api.opsgenie.com/');
    expect(configOf('victorops', MINIMAL.victorops).apiUrl).toBe(
      'https://alert.victorops.com/integrations/generic/20131114/alert/',
    );
    expect(configOf('telegram', MINIMAL.telegram).apiUrl).toBe('https://api.telegram.org');
    const global =
      'pagerduty_url: http://p, opsgenie_api_url: http://o, victorops_api_url: http://v, telegram_api_url: http://t';
    expect(configOf('pagerduty', MINIMAL.pagerduty, global).url).toBe('http://p');
    expect(configOf('opsgenie', MINIMAL.opsgenie, global).apiUrl).toBe('http://o');
    expect(configOf('victorops', MINIMAL.victorops, global).apiUrl).toBe('http://v');
    expect(configOf('telegram', MINIMAL.telegram, global).apiUrl).toBe('http://t');
    expect(configOf('telegram', `${MINIMAL.telegram}, api_url: http://own`, global).apiUrl).toBe(
      'http://own',
    );
    expect(configOf('pagerduty', `${MINIMAL.pagerduty}, url: http://own`, global).url).toBe('http://own');
  });

  it.each([
    ['opsgenie', 'api_key', 'note: n', 'opsgenie_api_key'],
    ['victorops', 'api_key', 'routing_key: r', 'victorops_api_key'],
    ['telegram', 'bot_token', 'chat_id: 1', 'telegram_bot_token'],
  ] as const)('%s: %s or its file, its own before the global one', (kind, key, rest, globalKey) => {
    const secretOf = (fields: string, global: string): unknown => {
      const config = configOf(kind, fields, global);
      const source = 'apiKey' in config ? config.apiKey : config.botToken;
      return 'file' in source ? source : source.value.reveal();
    };
    expect(secretOf(rest, `${globalKey}: g`)).toBe('g');
    expect(secretOf(rest, `${globalKey}_file: /g`)).toEqual({ file: '/g' });
    expect(secretOf(`${key}: o, ${rest}`, `${globalKey}_file: /g`)).toBe('o');
    expect(secretOf(`${key}_file: /o, ${rest}`, `${globalKey}: g`)).toEqual({ file: '/o' });
  });

  it('msteamsv2 takes the proxy_url too where its own http_config has none', () => {
    const global = 'http_config: {proxy_url: http://proxy, follow_redirects: false}';
    const own = `${MINIMAL.msteamsv2}, http_config: {enable_http2: false}`;
    expect(configOf('msteamsv2', own, global).http).toMatchObject({
      proxy: { url: 'http://proxy' },
      followRedirects: true,
    });
    expect(configOf('msteams', own, global).http.proxy.url).toBeUndefined();
    const other = `${MINIMAL.msteamsv2}, http_config: {proxy_url: http://other}`;
    expect(configOf('msteamsv2', other, global).http.proxy.url).toBe('http://other');
  });
});

it('PagerDuty: a service key decides for version 1, details keep the defaults beside them', () => {
  expect(configOf('pagerduty', 'service_key: s, routing_key: r').version).toBe(1);
  expect(configOf('pagerduty', 'service_key_file: /s').key).toEqual({ file: '/s' });
  expect(configOf('pagerduty', 'routing_key_file: /r')).toMatchObject({ version: 2, key: { file: '/r' } });
  expect(configOf('pagerduty', 'routing_key: r, details: {firing: mine, deep: {a: [1]}}').details).toEqual({
    firing: 'mine',
    deep: { a: [1] },
    resolved: '{{ .Alerts.Resolved | toJson }}',
    num_firing: '{{ .Alerts.Firing | len }}',
    num_resolved: '{{ .Alerts.Resolved | len }}',
  });
});

it.each(['team', 'TEAMS', 'user', 'scheDule', 'escalation', '{{ .CommonLabels.type }}', '{{/* c */}}team'])(
  'opsgenie takes responders of type %s',
  (type) => {
    const config = configOf('opsgenie', `api_key: k, responders: [{id: i, type: "${type}"}]`);
    expect(config.responders).toEqual([{ id: 'i', name: '', username: '', type }]);
  },
);

describe('what is refused', () => {
  it.each([
    ['pagerduty', 'description: d', 'missing service or routing key in PagerDuty config'],
    ['pagerduty', 'routing_key: ""', 'missing service or routing key in PagerDuty config'],
    [
      'pagerduty',
      'routing_key: s3cret, routing_key_file: /k',
      'at most one of routing_key & routing_key_file must be configured',
    ],
    [
      'pagerduty',
      'service_key: s3cret, service_key_file: /k',
      'at most one of service_key & service_key_file must be configured',
    ],
    ['pagerduty', 'routing_key: s3cret, timeout: 1d', 'not a valid duration: "1d"'],
    ['pagerduty', 'routing_key: s3cret, url: "ftp://h"', 'unsupported scheme "ftp" for URL'],
    ['pagerduty', 'routing_key: s3cret, details: [a]', 'details: must be a map, not a list'],
    [
      'pagerduty',
      'routing_key: s3cret, images: [{source: a}]',
      'unknown key "source" in receivers[0].pagerduty_configs[0].images[0]',
    ],
    ['opsgenie', 'message: m', 'no global OpsGenie API Key set either inline or in a file'],
    [
      'opsgenie',
      'api_key: s3cret, api_key_file: /k',
      'at most one of api_key & api_key_file must be configured',
    ],
    [
      'opsgenie',
      'api_key: s3cret, responders: [{type: team}]',
      'opsGenieConfig responder has to have at least one of id, username or name specified',
    ],
    [
      'opsgenie',
      'api_key: s3cret, responders: [{id: i, type: wrong}]',
      'opsGenieConfig responder type "wrong" does not match valid options ^(team|teams|user|escalation|schedule)$',
    ],
    ['opsgenie', 'api_key: s3cret, responders: [{id: i}]', 'does not match valid options'],
    [
      'opsgenie',
      'api_key: s3cret, responders: [{id: i, type: "{{/* c }}team"}]',
      'type contains invalid template syntax',
    ],
    ['opsgenie', 'api_key: s3cret, teams: a', 'unknown key "teams" in receivers[0].opsgenie_configs[0]'],
    ['victorops', 'routing_key: r', 'no global VictorOps API Key set'],
    ['victorops', 'api_key: s3cret', 'key "routing_key" is missing in receivers[0].victorops_configs[0]'],
    ['victorops', 'api_key: s3cret, routing_key: ""', 'missing Routing key in VictorOps config'],
    [
      'victorops',
      'api_key: s3cret, api_key_file: /k, routing_key: r',
      'at most one of api_key & api_key_file must be configured',
    ],
    ...[
      'routing_key',
      'message_type',
      'state_message',
      'entity_display_name',
      'monitoring_tool',
      'entity_id',
      'entity_state',
    ].map(
      (name) =>
        [
          'victorops',
          `api_key: s3cret, routing_key: r, custom_fields: {${name}: x}`,
          `victorOps config contains custom field ${name} which cannot be used as it conflicts with the fixed/static fields`,
        ] as const,
    ),
    ['pushover', 'token: s3cret', 'one of user_key or user_key_file must be configured'],
    ['pushover', 'user_key: s3cret', 'one of token or token_file must be configured'],
    [
      'pushover',
      'user_key: s3cret, user_key_file: /u, token: s3cret',
      'at most one of user_key & user_key_file must be configured',
    ],
    [
      'pushover',
      'user_key: s3cret, token: s3cret, token_file: /t',
      'at most one of token & token_file must be configured',
    ],
    [
      'pushover',
      'user_key: s3cret, token: s3cret, html: true, monospace: true',
      'at most one of monospace & html must be configured',
    ],
    ['pushover', 'user_key: s3cret, token: s3cret, retry: soon', 'not a valid duration: "soon"'],
    ['telegram', 'chat_id: 1', 'missing bot_token or bot_token_file on telegram_config'],
    ['telegram', 'bot_token: s3cret', 'missing chat_id or chat_id_file on telegram_config'],
    [
      'telegram',
      'bot_token: s3cret, chat_id: 1, chat_id_file: /c',
      'at most one of chat_id & chat_id_file must be configured',
    ],
    [
      'telegram',
      'bot_token: s3cret, bot_token_file: /t, chat_id: 1',
      'at most one of bot_token & bot_token_file must be configured',
    ],
    [
      'telegram',
      'bot_token: s3cret, chat_id: 1, parse_mode: html',
      'unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string',
    ],
    ['telegram', 'bot_token: s3cret, chat_id: "@channel"', 'chat_id: must be a number, not "@channel"'],
    ...(['discord', 'msteams', 'msteamsv2'] as const).flatMap(
      (kind) =>
        [
          [kind, 'title: t', 'one of webhook_url or webhook_url_file must be configured'],
          [
            kind,
            'webhook_url: http://s3cret, webhook_url_file: /u',
            'at most one of webhook_url & webhook_url_file must be configured',
          ],
          [kind, 'webhook_url: "ftp://s3cret"', 'unsupported scheme "ftp" for URL'],
          [kind, 'webhook_url: s3cret', 'webhook_url: not a valid URL'],
        ] as const,
    ),
  ] as const)('%s {%s}', (kind, fields, message) => {
    const result = readNotifyConfig(yamlOf(kind, fields));
    expect(result).toBeTypeOf('string');
    expect(result).toContain(message);
    expect(result).not.toContain('s3cret');
  });

  it('names line and column', () => {
    const yaml = `receivers:
  - name: team
    telegram_configs:
      - bot_token: t
        chat_id: 1
        parse_mode: html
    pushover_configs:
      - user_key: u
        token: t
        token_file: t`;
    expect(readNotifyConfig(yaml)).toBe(
      [
        '6:21: receivers[0].telegram_configs[0].parse_mode: unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string',
        '10:21: receivers[0].pushover_configs[0].token_file: at most one of token & token_file must be configured',
      ].join('\n'),
    );
  });
});

it('secrets do not show where the configuration is printed', () => {
  const yaml = `
global: {opsgenie_api_key: s3cret, victorops_api_key: s3cret, telegram_bot_token: s3cret}
receivers:
  - name: team
    pagerduty_configs: [{routing_key: s3cret}, {service_key: s3cret}]
    opsgenie_configs: [{api_key: s3cret}]
    victorops_configs: [{api_key: s3cret, routing_key: r}]
    pushover_configs: [{user_key: s3cret, token: s3cret}]
    telegram_configs: [{bot_token: s3cret, chat_id: 1}]
    discord_configs: [{webhook_url: http://s3cret}]
    msteams_configs: [{webhook_url: http://s3cret}]
    msteamsv2_configs: [{webhook_url: http://s3cret}]
`;
  const printed = printYaml(shownConfig(parseYaml(yaml, 'am.yml').value, z.strictObject(notifyShape)));
  expect(printed).not.toContain('s3cret');
  expect(printed.match(/<secret>/g)).toHaveLength(13);
  expect(printed).toContain('pagerduty_url: https://events.pagerduty.com/v2/enqueue\n');
  expect(printed).toMatch(/ retry: 1m0s\n {2,}expire: 1h0m0s\n/);
});
