import { FIRING, RESOLVED } from './receiver-bench.ts';

/** What the default templates give for the alerts of `receiver-bench.ts`, as Alertmanager's own do. */

export const SUBJECT_FIRING = '[FIRING:1] m1 (HighLatency a:1 page)';
export const SUBJECT_BOTH = '[FIRING:1] m1 (HighLatency page)';
export const SUBJECT_RESOLVED = '[RESOLVED] m1 (HighLatency b:1 page)';
export const ALERTS_URL = 'http://tocsin.example:9093/#/alerts?receiver=team';

/** `__text_alert_list` of FIRING. */
export const FIRING_LIST = [
  'Labels:',
  ' - alertname = HighLatency',
  ' - instance = a:1',
  ' - model = m1',
  ' - severity = page',
  'Annotations:',
  ' - summary = p99 is 2.1 s',
  ' - value = 2.1',
  'Source: http://tocsin.example/graph',
  '',
].join('\n');

/** `__text_alert_list_markdown` of FIRING. */
export const FIRING_MARKDOWN = [
  '',
  'Labels:',
  '  - alertname = HighLatency',
  '  - instance = a:1',
  '  - model = m1',
  '  - severity = page',
  '',
  'Annotations:',
  '  - summary = p99 is 2.1 s',
  '  - value = 2.1',
  '',
  'Source: http://tocsin.example/graph',
  '',
  '',
].join('\n');

/** `__text_alert_list` of FIRING and RESOLVED below their headings, after the common summary. */
export const BOTH_TEXT = `p99 is 2.1 s

Alerts Firing:
${FIRING_LIST}


Alerts Resolved:
Labels:
 - alertname = HighLatency
 - instance = b:1
 - model = m1
 - severity = page
Annotations:
 - summary = p99 is 2.1 s
Source: http://tocsin.example/graph


`;

/** FIRING and RESOLVED as webhooks and those like them get them. */
export const BOTH_ALERTS = [
  {
    status: 'firing',
    labels: { alertname: 'HighLatency', instance: 'a:1', model: 'm1', severity: 'page' },
    annotations: { summary: 'p99 is 2.1 s', value: '2.1' },
    startsAt: '2026-11-23T11:58:29.5Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://tocsin.example/graph',
    fingerprint: FIRING.fingerprint,
  },
  {
    status: 'resolved',
    labels: { alertname: 'HighLatency', instance: 'b:1', model: 'm1', severity: 'page' },
    annotations: { summary: 'p99 is 2.1 s' },
    startsAt: '2026-11-23T11:59:00Z',
    endsAt: '2026-11-23T11:59:59Z',
    generatorURL: 'http://tocsin.example/graph',
    fingerprint: RESOLVED.fingerprint,
  },
];

/** Keys of the body that webhooks and those like them get, in their order. */
export const WEBHOOK_KEYS = [
  'receiver',
  'status',
  'alerts',
  'notification_reason',
  'groupLabels',
  'commonLabels',
  'commonAnnotations',
  'routeLabels',
  'externalURL',
  'version',
  'groupKey',
  'truncatedAlerts',
];
