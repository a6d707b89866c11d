import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Labels } from '../../src/core/labels.ts';
import {
  TemplateSet,
  alertmanagerFunctions,
  expandRuleTemplate,
  notificationData,
  type RuleTemplateContext,
} from '../../src/template/index.ts';

const run = promisify(execFile);

async function hasProgram(name: string): Promise<boolean> {
  try {
    await run(name, ['--version']);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}

const missing: string[] = [];
for (const name of ['promtool', 'amtool']) if (!(await hasProgram(name))) missing.push(name);
const skip = missing.length > 0 && process.env['CI'] === undefined;
if (skip) console.warn(`template oracle skipped: ${missing.join(' and ')} not installed`);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tocsin-template-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const LABELS = { __name__: 'latency', instance: 'host.example.com:9100', model: 'm"1<>', version: '2' };
const EXTERNAL = { cluster: 'c1' };

const RULE_TEMPLATES = [
  '{{ $labels.instance }} {{ $labels.nope }} {{ $value }}',
  '{{ .Labels.model }} {{ .Value }} {{ .ExternalLabels.cluster }} {{ $externalLabels.cluster }}',
  '{{ $value | humanize }} {{ $value | humanize1024 }} {{ $value | humanizeDuration }} {{ $value | humanizePercentage }}',
  '{{ $value | humanizeTimestamp }}',
  '{{ printf "%.2f|%8.3f|%-8d|%q|%v" $value $value 12 $labels.model $labels }}',
  '{{ $labels }}',
  '{{ range $name, $text := $labels }}{{ $name }}={{ $text }};{{ end }}',
  '{{ if gt $value 100.0 }}high{{ else if gt $value 10.0 }}mid{{ else }}low{{ end }}',
  '{{ query "latency" | first | value }} {{ range query "latency" | sortByLabel "version" }}{{ .Labels.version }}:{{ .Value }} {{ end }}',
  '{{ query "nothing" | first | value }}',
  '{{ with query "latency{version=\\"2\\"}" }}{{ . | first | label "instance" }}{{ end }}',
  '{{ query "((" }}',
  '{{ title "hello wORLD" }} {{ toUpper "a" }} {{ reReplaceAll "(.)o" "$1" "foo" }} {{ match "^h" $labels.instance }}',
  '{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }}',
  '{{ graphLink "up == 1" }} {{ tableLink "up" }} {{ safeHtml "<b>" }} {{ args 1 "a" }}',
  '{{ parseDuration "1h30m" }} {{ ($value | toTime).Year }}',
  '{{ humanize "abc" }}',
  '{{ $labels.instance | first }}',
  '{{ template "x" }}',
  '{{- " trim " -}}  {{- /* c */ -}} x',
  '{{ index $labels "model" }} {{ len $labels }} {{ and $labels.model "y" }} {{ not $value }}',
];

describe.skipIf(skip)('rule templates expand as promtool expands them', () => {
  it('every template of the table', async () => {
    const context: RuleTemplateContext = {
      name: 'A',
      labels: Labels.fromObject(LABELS),
      value: 1234.5678,
      externalLabels: Labels.fromObject(EXTERNAL),
      externalUrl: '',
      nowMs: 60_000,
      query: (expr) => {
        if (expr === '((') {
          return Promise.reject(new Error('1:3: parse error: unclosed left parenthesis'));
        }
        return Promise.resolve(
          expr.startsWith('latency') ? [{ labels: Labels.fromObject(LABELS), value: 1234.5678 }] : [],
        );
      },
    };
    const annotations: Record<string, string> = {};
    const expected: Record<string, string> = {};
    for (const [i, template] of RULE_TEMPLATES.entries()) {
      annotations[`t${i}`] = template;
      expected[`t${i}`] = await expandRuleTemplate(template, context);
    }
    const { __name__: _name, ...alertLabels } = LABELS;
    const files = {
      'rules.yml': {
        groups: [{ name: 'g', rules: [{ alert: 'A', expr: 'latency', annotations }] }],
      },
      'test.yml': {
        rule_files: ['rules.yml'],
        evaluation_interval: '1m',
        tests: [
          {
            interval: '1m',
            external_labels: EXTERNAL,
            input_series: [
              { series: Labels.fromObject(LABELS).toString(), values: '1234.5678 1234.5678 1234.5678' },
            ],
            alert_rule_test: [
              {
                eval_time: '1m',
                alertname: 'A',
                exp_alerts: [{ exp_labels: alertLabels, exp_annotations: expected }],
              },
            ],
          },
        ],
      },
    };
    for (const [name, content] of Object.entries(files)) {
      await writeFile(path.join(folder, name), JSON.stringify(content));
    }
    const outcome = await run('promtool', ['test', 'rules', path.join(folder, 'test.yml')]).then(
      ({ stdout }) => stdout,
      (error: { stdout: string; stderr: string }) => `${error.stdout}${error.stderr}`,
    );
    expect(outcome).toContain('SUCCESS');
  });
});

const NOTIFICATION_DATA = {
  receiver: 'team',
  status: 'firing',
  alerts: [
    {
      status: 'firing',
      labels: { alertname: 'Slow', model: 'm1' },
      annotations: { summary: '<b>&"late"' },
      startsAt: '2024-05-01T10:00:00.5Z',
      endsAt: '0001-01-01T00:00:00Z',
      generatorURL: 'http://t/graph?a=1&b=2',
      fingerprint: 'ab',
    },
    {
      status: 'resolved',
      labels: { alertname: 'Slow', model: 'm2' },
      annotations: {},
      startsAt: '2024-05-01T10:00:00Z',
      endsAt: '2024-05-01T11:00:00Z',
      generatorURL: '',
      fingerprint: 'cd',
    },
  ],
  groupLabels: { alertname: 'Slow' },
  commonLabels: { alertname: 'Slow', aa: '1', zz: 'x' },
  commonAnnotations: {},
  externalURL: 'http://am',
};

/** Printing of label sets is left out: it changed between Alertmanager 0.25, the oracle, and today's. */
const NOTIFICATION_TEMPLATES = [
  '{{ .Status | toUpper }} {{ .Receiver }} {{ .ExternalURL }} {{ .Alerts.Firing | len }}/{{ len .Alerts }}',
  '{{ range .Alerts }}{{ .Labels.model }} {{ .Annotations.summary }} {{ .StartsAt }} {{ .EndsAt.IsZero }} {{ .Fingerprint }};{{ end }}',
  '{{ (index .Alerts 1).EndsAt.Format "Mon, 02 Jan 2006 15:04:05 MST" }} {{ (index .Alerts 0).StartsAt.Format "15:04:05.000" }} {{ ((index .Alerts 1).EndsAt.Sub (index .Alerts 1).StartsAt) }}',
  '{{ .CommonLabels.SortedPairs.Values | join " " }} {{ .CommonLabels.Names }}',
  '{{ with .CommonLabels.Remove .GroupLabels.Names }}{{ if gt (len .) 0 }}({{ .Values | join " " }}){{ end }}{{ end }}',
  '{{ range .CommonLabels.SortedPairs }} - {{ .Name }} = {{ .Value }}\n{{ end }}',
  '{{ title "aB cd" }} {{ reReplaceAll "l+" "L" "hello" }} {{ match "S.*w" .CommonLabels.alertname }} {{ stringSlice "a" "b" }}',
  '{{ .Alerts.Firing | len | printf "%03d" }} {{ printf "%v %q" .Status .Receiver }} {{ printf "%d %s" 1 "a" }}',
  '{{ .CommonAnnotations.none }}|{{ define "x" }}[{{ . }}]{{ end }}{{ template "x" .Status }}',
  '{{ .GroupLabels.Nope.x }}',
  '{{ index .Alerts 7 }}',
  '{{ .Status.Foo }}',
  '{{ join "," .Status }}',
  '{{ template "missing" . }}',
  '{{ nofunc }}',
  '{{ if .Status }}',
];

const HTML_TEMPLATES = [
  '<a href="{{ (index .Alerts 0).GeneratorURL }}" title="{{ (index .Alerts 0).Annotations.summary }}">{{ (index .Alerts 0).Annotations.summary }}</a>',
  '<p style="color: {{ .Status }}">{{ safeHtml "<i>" }}{{ .CommonLabels.Names }}</p><script>var x = {{ .GroupLabels }}</script>',
];

describe.skipIf(skip)('notification templates render as amtool renders them', () => {
  const set = TemplateSet.parse([], { functions: alertmanagerFunctions({ nowMs: 0 }) });
  const data = notificationData({
    ...NOTIFICATION_DATA,
    status: 'firing',
    alerts: NOTIFICATION_DATA.alerts.map((alert, i) => ({
      status: i === 0 ? 'firing' : 'resolved',
      labels: Labels.fromObject(alert.labels),
      annotations: Labels.fromEntries(Object.entries(alert.annotations)),
      startsAtMs: Date.parse(alert.startsAt),
      ...(i === 0 ? {} : { endsAtMs: Date.parse(alert.endsAt) }),
      generatorUrl: alert.generatorURL,
      fingerprint: alert.fingerprint,
    })),
    groupLabels: Labels.fromObject(NOTIFICATION_DATA.groupLabels),
    commonLabels: Labels.fromObject(NOTIFICATION_DATA.commonLabels),
    commonAnnotations: Labels.EMPTY,
    routeLabels: Labels.EMPTY,
    externalUrl: NOTIFICATION_DATA.externalURL,
    notificationReason: 'first notification',
  });

  async function byAmtool(template: string, type: 'text' | 'html'): Promise<string> {
    const dataFile = path.join(folder, 'data.json');
    const empty = path.join(folder, 'empty.tmpl');
    await writeFile(dataFile, JSON.stringify(NOTIFICATION_DATA));
    await writeFile(empty, '');
    const args = ['template', 'render', `--template.glob=${empty}`, `--template.text=${template}`];
    try {
      const { stdout } = await run('amtool', [
        ...args,
        `--template.type=${type}`,
        `--template.data=${dataFile}`,
      ]);
      return stdout;
    } catch (error) {
      return (error as { stderr: string }).stderr;
    }
  }

  function byTocsin(template: string, type: 'text' | 'html'): string {
    try {
      return type === 'text' ? set.executeText(template, data) : set.executeHtml(template, data);
    } catch (error) {
      return `amtool: error: ${(error as Error).message}`;
    }
  }

  const table = [
    ...NOTIFICATION_TEMPLATES.map((template) => ['text', template] as const),
    ...HTML_TEMPLATES.map((template) => ['html', template] as const),
  ];
  it.each(table)('%s: %s', async (type, template) => {
    expect(byTocsin(template, type).trim()).toBe((await byAmtool(template, type)).trim());
  });
});
