import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadAlertmanagerText } from '../../../src/config/index.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';

const folder = process.env['TOCSIN_CONFORMANCE'];

/** What is wrong with each, in Alertmanager's words; undefined = nothing. */
const EXPECTED: Record<string, RegExp | undefined> = {
  'conf.empty-fields.yml': undefined,
  'conf.good.yml': undefined,
  'conf.group-by-all.yml': undefined,
  'conf.http-config.good.yml': undefined,
  'conf.mattermost-both-webhook-url-and-file.yml':
    /at most one of mattermost_webhook_url & mattermost_webhook_url_file/,
  'conf.mattermost-default-webhook-url-file.yml': undefined,
  'conf.mattermost-default-webhook-url.yml': undefined,
  'conf.mattermost-no-webhook-url.yml': /missing webhook_url or webhook_url_file on mattermost_config/,
  'conf.mattermost-valid-receiver-both-webhook-url-and-file.yml':
    /at most one of mattermost_webhook_url & mattermost_webhook_url_file/,
  'conf.nil-match_re-route.yml': /invalid_label: has no value/,
  'conf.nil-source_match_re-inhibition.yml': /invalid_source_label: has no value/,
  'conf.nil-target_match_re-inhibition.yml': /invalid_target_label: has no value/,
  'conf.opsgenie-both-file-and-apikey.yml': /at most one of opsgenie_api_key & opsgenie_api_key_file/,
  'conf.opsgenie-default-apikey-file.yml': undefined,
  'conf.opsgenie-default-apikey-old-team.yml': /unknown key "teams"/,
  'conf.opsgenie-default-apikey.yml': undefined,
  'conf.opsgenie-no-apikey.yml': /no global OpsGenie API Key set/,
  'conf.rocketchat-both-token-and-tokenfile.yml': /at most one of rocketchat_token & rocketchat_token_file/,
  'conf.rocketchat-both-tokenid-and-tokenidfile.yml':
    /at most one of rocketchat_token_id & rocketchat_token_id_file/,
  'conf.rocketchat-default-token-file.yml': undefined,
  'conf.rocketchat-default-token.yml': undefined,
  'conf.rocketchat-no-token.yml': /no global Rocketchat Token set either inline or in a file/,
  'conf.slack-both-file-and-token.yml': /at most one of slack_app_token & slack_app_token_file/,
  'conf.slack-both-file-and-url.yml': /at most one of slack_api_url & slack_api_url_file/,
  'conf.slack-both-url-and-token.yml': /at most one of slack_app_token\/slack_app_token_file & slack_api_url/,
  'conf.slack-default-api-url-file.yml': undefined,
  'conf.slack-default-app-token.yml': undefined,
  'conf.slack-no-api-url-or-token.yml': /no Slack API URL nor App token set/,
  'conf.slack-update-message-and-webhook.yml': /update_message/,
  'conf.smtp-both-password-and-file.yml': /at most one of smtp_auth_password & smtp_auth_password_file/,
  'conf.smtp-no-username-or-password.yml': undefined,
  'conf.smtp-password-global-and-local.yml': undefined,
  'conf.sns-invalid.yml': /must provide either a Target ARN, Topic ARN, or Phone Number for SNS config/,
  'conf.sns-topic-arn.yml': undefined,
  'conf.telegram-both-bot-token-and-file.yml': /at most one of telegram_bot_token & telegram_bot_token_file/,
  'conf.telegram-default-bot-token-file.yml': undefined,
  'conf.telegram-default-bot-token.yml': undefined,
  'conf.telegram-no-bot-token.yml': /missing bot_token or bot_token_file on telegram_config/,
  'conf.telegram-valid-receiver-both-bot-token-and-file.yml':
    /at most one of telegram_bot_token & telegram_bot_token_file/,
  'conf.victorops-both-file-and-apikey.yml': /at most one of victorops_api_key & victorops_api_key_file/,
  'conf.victorops-default-apikey-file.yml': undefined,
  'conf.victorops-default-apikey.yml': undefined,
  'conf.victorops-no-apikey.yml': /no global VictorOps API Key set/,
  'conf.wechat-both-file-and-secret.yml': /at most one of wechat_api_secret & wechat_api_secret_file/,
  'conf.wechat-default-api-secret-file.yml': undefined,
  'conf.wechat-no-api-secret.yml': /no global Wechat Api Secret set either inline or in a file/,
};

describe('Alertmanager’s own configs', () => {
  if (folder === undefined) {
    test.skip('TOCSIN_CONFORMANCE is not set', () => undefined);
    return;
  }
  const root = join(folder, 'alertmanager-config');
  test.each(readdirSync(root))('%s', async (name) => {
    const text = readFileSync(join(root, name), 'utf8');
    const loading = loadAlertmanagerText(new MemoryFileSystem(), text, name, '/etc');
    expect(EXPECTED).toHaveProperty([name]);
    const wanted = EXPECTED[name];
    if (wanted === undefined) await expect(loading).resolves.toBeDefined();
    else await expect(loading).rejects.toThrow(wanted);
  });
});
