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
