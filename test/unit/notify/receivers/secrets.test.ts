import { expect, it } from 'vitest';
import { z } from 'zod';
import { printYaml, shownConfig } from '../../../../src/core/print-yaml.ts';
import { parseYaml } from '../../../../src/core/yaml.ts';
import { RECEIVER_KINDS_NOT_IN_VERSION, notifyShape } from '../../../../src/notify/index.ts';
import { readNotifyConfig } from '../receiver-bench.ts';

const YAML = `
global:
  wechat_api_secret: s3cret
  wechat_api_corp_id: c
  rocketchat_token: s3cret
  rocketchat_token_id: s3cret
  mattermost_webhook_url: http://s3cret
  jira_api_url: http://jira
receivers:
  - name: team
    incidentio_configs: [{url: http://a, alert_source_token: s3cret}]
    mattermost_configs: [{webhook_url: http://s3cret}, {}]
    rocketchat_configs: [{token: s3cret, token_id: s3cret}, {}]
    jira_configs: [{project: P, issue_type: T, http_config: {basic_auth: {username: u, password: s3cret}}}]
    webex_configs: [{room_id: r, http_config: {authorization: {credentials: s3cret}}}]
    sns_configs: [{topic_arn: t, sigv4: {access_key: a, secret_key: s3cret}}]
    wechat_configs: [{api_secret: s3cret}, {}]
`;

it('secrets do not show where the configuration is printed', () => {
  const printed = printYaml(shownConfig(parseYaml(YAML, 'am.yml').value, z.strictObject(notifyShape)));
  expect(printed).not.toContain('s3cret');
  expect(printed.match(/<secret>/g)).toHaveLength(12);
});

it('kinds stand in the order of Alertmanager', () => {
  const config = readNotifyConfig(YAML);
  if (typeof config === 'string') throw new Error(config);
  expect(config.receivers[0]!.integrations.map(({ kind, index }) => `${kind}[${index}]`)).toEqual([
    'wechat[0]',
    'wechat[1]',
    'sns[0]',
    'webex[0]',
    'jira[0]',
    'incidentio[0]',
    'rocketchat[0]',
    'rocketchat[1]',
    'mattermost[0]',
    'mattermost[1]',
  ]);
});

it('no kind of Alertmanager’s is missing', () => {
  expect(RECEIVER_KINDS_NOT_IN_VERSION).toEqual(
    ['datadog', 'desktop', 'googlechat', 'gotify', 'matrix', 'ntfy', 'statuspal'].map(
      (kind) => `${kind}_configs`,
    ),
  );
});
