import { describe, expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { DEFAULT_TEMPLATES, NotificationTemplates, commonLabels } from '../../../src/notify/index.ts';
import { START_MS, alertOf, notificationOf } from './helpers.ts';

const FIRING = alertOf(
  { alertname: 'HighLatency', model: 'm1', severity: 'critical', instance: 'a:1' },
  { annotations: Labels.fromObject({ summary: 'p99', value: '2.1' }) },
);
const RESOLVED = alertOf(
  { alertname: 'HighLatency', model: 'm1', severity: 'warning', instance: 'b:1' },
  { annotations: Labels.fromObject({ summary: 'p99' }), endsAtMs: START_MS - 1 },
);

function render(template: string, alerts = [FIRING, RESOLVED], own = ''): string {
  const templates = new NotificationTemplates([{ name: 'own.tmpl', text: own }], 'http://am.example');
  return templates.rendering(notificationOf(alerts)).text(template);
}

/** The texts are those that Alertmanager's own templates give for the same data. */
describe('default templates', () => {
  it.each([
    ['__subject', '[FIRING:1] m1 (HighLatency)'],
    ['slack.default.title', '[FIRING:1] m1 (HighLatency)'],
    ['slack.default.titlelink', 'http://am.example/#/alerts?receiver=team'],
    ['slack.default.fallback', '[FIRING:1] m1 (HighLatency) | http://am.example/#/alerts?receiver=team'],
    ['slack.default.color', 'danger'],
    ['email.default.subject', '[FIRING:1] m1 (HighLatency)'],
    ['jira.default.priority', 'High'],
  ])('%s', (name, text) => {
    expect(render(`{{ template "${name}" . }}`)).toBe(text);
  });

  it('__subject of resolved alerts, and where nothing but the group labels is common', () => {
    expect(render('{{ template "__subject" . }}', [RESOLVED])).toBe(
      '[RESOLVED] m1 (HighLatency b:1 warning)',
    );
    expect(render('{{ template "__subject" . }}', [alertOf({ model: 'm1' })])).toBe('[FIRING:1] m1 ');
  });

  it('__text_alert_list', () => {
    expect(render('{{ template "__text_alert_list" .Alerts.Firing }}')).toBe(
      [
        'Labels:',
        ' - alertname = HighLatency',
        ' - instance = a:1',
        ' - model = m1',
        ' - severity = critical',
        'Annotations:',
        ' - summary = p99',
        ' - value = 2.1',
        'Source: http://tocsin.example/graph',
        '',
      ].join('\n'),
    );
  });

  it('__text_alert_list_markdown', () => {
    expect(render('{{ template "__text_alert_list_markdown" .Alerts.Resolved }}')).toBe(
      '\nLabels:\n  - alertname = HighLatency\n  - instance = b:1\n  - model = m1\n  - severity = warning\n\n' +
        'Annotations:\n  - summary = p99\n\nSource: http://tocsin.example/graph\n\n',
    );
  });

  it('opsgenie.default.description trims, discord.default.message does not', () => {
    const opsgenie = render('{{ template "opsgenie.default.description" . }}');
    expect(opsgenie).toMatch(
      /^p99\nAlerts Firing:\nLabels:[^]*graph\n\nAlerts Resolved:\nLabels:[^]*graph\n$/,
    );
    const discord = render('{{ template "discord.default.message" . }}');
    expect(discord).toMatch(/^\n\nAlerts Firing:\n[^]*graph\n\n\n\nAlerts Resolved:\n[^]*graph\n\n\n$/);
  });

  it('every one of them renders', () => {
    const names = DEFAULT_TEMPLATES.flatMap(({ text }) => [...text.matchAll(/define "([^"]+)"/g)]).map(
      ([, name]) => name!,
    );
    expect(names.length).toBeGreaterThan(60);
    for (const name of names) {
      if (name === 'email.tocsin.alert') continue;
      const data = /alert_list|instances/.test(name) ? '.Alerts' : '.';
      expect(() => render(`{{ template "${name}" ${data} }}`), name).not.toThrow();
    }
  });
});

describe('NotificationTemplates', () => {
  it('files redefine single templates', () => {
    const own = '{{ define "__subject" }}own {{ .Status }}{{ end }}';
    expect(render('{{ template "slack.default.title" . }}', [FIRING], own)).toBe('own firing');
  });

  it('a file that does not parse is an error that names it', () => {
    expect(() => new NotificationTemplates([{ name: 'bad.tmpl', text: '{{ if }}' }], '')).toThrow(
      /bad\.tmpl/,
    );
  });

  it('now is the time of the request', () => {
    expect(render('{{ now.Unix }} {{ (since (index .Alerts 0).StartsAt).Seconds }}')).toBe(
      `${START_MS / 1000} 60`,
    );
  });

  it('html is escaped', () => {
    const nasty = alertOf({ alertname: '<script>' });
    const templates = new NotificationTemplates([], 'http://am.example');
    const html = templates.rendering(notificationOf([nasty])).html('{{ template "email.default.html" . }}');
    expect(html).toContain('alertname = &lt;script&gt;');
    expect(html).not.toContain('<script>');
  });

  it('commonLabels keeps what all have', () => {
    const a = Labels.fromObject({ x: '1', y: '2' });
    expect(commonLabels([a, Labels.fromObject({ x: '1', y: '3' })]).toObject()).toEqual({ x: '1' });
    expect(commonLabels([]).size).toBe(0);
  });
});
