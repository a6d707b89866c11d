import { z } from 'zod';
import { consoleKind } from './console.ts';
import { discordKind } from './discord.ts';
import { emailKind } from './email.ts';
import { incidentioKind } from './incidentio.ts';
import { jiraKind } from './jira.ts';
import { mattermostKind } from './mattermost.ts';
import { msteamsKind } from './msteams.ts';
import { msteamsv2Kind } from './msteamsv2.ts';
import { opsgenieKind } from './opsgenie.ts';
import { pagerdutyKind } from './pagerduty.ts';
import { pushoverKind } from './pushover.ts';
import type { CompleteIntegration } from './receiver-kind.ts';
import { rocketchatKind } from './rocketchat.ts';
import { slackKind } from './slack.ts';
import { snsKind } from './sns.ts';
import { telegramKind } from './telegram.ts';
import { victoropsKind } from './victorops.ts';
import { webexKind } from './webex.ts';
import { webhookKind } from './webhook.ts';
import { wechatKind } from './wechat.ts';

/** Every kind of receiver there is, in the order in which a receiver's integrations stand. A new kind is one line here. */
const RECEIVER_KINDS = {
  webhook: webhookKind,
  email: emailKind,
  pagerduty: pagerdutyKind,
  opsgenie: opsgenieKind,
  wechat: wechatKind,
  slack: slackKind,
  victorops: victoropsKind,
  pushover: pushoverKind,
  sns: snsKind,
  telegram: telegramKind,
  discord: discordKind,
  webex: webexKind,
  msteams: msteamsKind,
  msteamsv2: msteamsv2Kind,
  jira: jiraKind,
  incidentio: incidentioKind,
  rocketchat: rocketchatKind,
  mattermost: mattermostKind,
  console: consoleKind,
} as const;

type KindName = keyof typeof RECEIVER_KINDS;
type ReceiverKinds = typeof RECEIVER_KINDS;

const KIND_NAMES = Object.keys(RECEIVER_KINDS) as KindName[];

/** The kinds of Alertmanager 0.34 and of tocsin's own contract. */
const CONTRACT_KINDS: readonly string[] = [
  'discord',
  'email',
  'incidentio',
  'jira',
  'mattermost',
  'msteams',
  'msteamsv2',
  'opsgenie',
  'pagerduty',
  'pushover',
  'rocketchat',
  'slack',
  'sns',
  'telegram',
  'victorops',
  'webex',
  'webhook',
  'wechat',
  'console',
  'datadog',
  'desktop',
  'googlechat',
  'gotify',
  'matrix',
  'ntfy',
  'statuspal',
];

/** Kinds of the contract that this version does not have, by their key in `receivers[]`. */
export const RECEIVER_KINDS_NOT_IN_VERSION: readonly string[] = CONTRACT_KINDS.filter(
  (kind) => !Object.hasOwn(RECEIVER_KINDS, kind),
).map((kind) => `${kind}_configs`);

type ListKey<Kind extends KindName> = `${Kind}_configs`;
type WrittenOf<Kind extends KindName> = z.output<ReceiverKinds[Kind]>;
type CompleteOf<Written> = Written extends { readonly complete: (...args: never) => infer Result }
  ? Extract<Result, CompleteIntegration<string, unknown>>
  : never;

/** One integration of a receiver with what it takes from `global`, of any kind. */
export type AnyIntegration = { [Kind in KindName]: CompleteOf<WrittenOf<Kind>> }[KindName];

type ListShape = {
  readonly [Kind in KindName as ListKey<Kind>]: z.ZodDefault<z.ZodArray<ReceiverKinds[Kind]>>;
};

/** The `<kind>_configs` of all kinds, for the schema of a receiver. */
export const integrationListsShape: ListShape = listShape();

function listShape(): ListShape {
  const lists = KIND_NAMES.map(
    (kind) => [`${kind}_configs`, z.array<z.ZodType>(RECEIVER_KINDS[kind]).default([])] as const,
  );
  return Object.fromEntries(lists) as unknown as ListShape;
}

/** What {@link integrationListsShape} reads. */
export type IntegrationLists = {
  readonly [Kind in KindName as ListKey<Kind>]: readonly WrittenOf<Kind>[];
};

/** The entries of all lists in the order of the table, each with its place. */
export function integrationsOf(
  lists: IntegrationLists,
): { readonly key: string; readonly index: number; readonly written: WrittenOf<KindName> }[] {
  return KIND_NAMES.flatMap((kind) => {
    const key = `${kind}_configs` as const;
    const entries: readonly WrittenOf<KindName>[] = lists[key];
    return entries.map((written, index) => ({ key, index, written }));
  });
}
