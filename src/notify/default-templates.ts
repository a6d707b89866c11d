/**
 * The templates that are there without any configuration: the names and output of Alertmanager's, in own words. Users
 * redefine single ones in their `.tmpl` files. Names of receiver kinds that this version does not have are kept, because
 * templates written for Alertmanager include them.
 */

const COMMON = String.raw`
{{- define "__alertmanager" }}Alertmanager{{ end -}}
{{- define "__alertmanagerURL" }}{{ .ExternalURL }}/#/alerts?receiver={{ urlquery .Receiver }}{{ end -}}
{{- define "__subject" -}}
[{{ toUpper .Status }}
{{- if eq .Status "firing" }}:{{ len .Alerts.Firing }}{{ end -}}
] {{ join " " .GroupLabels.SortedPairs.Values }} {{ if gt (len .CommonLabels) (len .GroupLabels) -}}
({{ with .CommonLabels.Remove .GroupLabels.Names }}{{ join " " .Values }}{{ end }})
{{- end }}
{{- end -}}
{{- define "__description" }}{{ end -}}
{{- define "__text_alert_list" }}
{{- range . }}Labels:
{{ range .Labels.SortedPairs }} - {{ .Name }} = {{ .Value }}
{{ end }}Annotations:
{{ range .Annotations.SortedPairs }} - {{ .Name }} = {{ .Value }}
{{ end }}Source: {{ .GeneratorURL }}
{{ end }}
{{- end -}}
{{- define "__text_alert_list_markdown" }}
{{- range . }}
Labels:
{{ range .Labels.SortedPairs }}  - {{ .Name }} = {{ .Value }}
{{ end }}
Annotations:
{{ range .Annotations.SortedPairs }}  - {{ .Name }} = {{ .Value }}
{{ end }}
Source: {{ .GeneratorURL }}
{{ end }}
{{ end -}}
`;

const SLACK = String.raw`
{{- define "slack.default.title" }}{{ template "__subject" . }}{{ end -}}
{{- define "slack.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end -}}
{{- define "slack.default.fallback" }}{{ template "slack.default.title" . }} | {{ template "slack.default.titlelink" . }}{{ end -}}
{{- define "slack.default.username" }}{{ template "__alertmanager" . }}{{ end -}}
{{- define "slack.default.color" }}{{ if ne .Status "firing" }}good{{ else }}danger{{ end }}{{ end -}}
{{- define "slack.default.text" }}{{ end -}}
{{- define "slack.default.pretext" }}{{ end -}}
{{- define "slack.default.footer" }}{{ end -}}
{{- define "slack.default.callbackid" }}{{ end -}}
{{- define "slack.default.iconemoji" }}{{ end -}}
{{- define "slack.default.iconurl" }}{{ end -}}
`;

const EMAIL = String.raw`
{{- define "email.default.subject" }}{{ template "__subject" . }}{{ end -}}
{{- define "email.tocsin.alert" -}}
<tr><td style="padding:12px 24px;border-top:1px solid #e5e5e5">
<strong>Labels</strong><br>
{{ range .Labels.SortedPairs }}{{ .Name }} = {{ .Value }}<br>
{{ end }}{{ if .Annotations }}<strong>Annotations</strong><br>
{{ range .Annotations.SortedPairs }}{{ .Name }} = {{ .Value }}<br>
{{ end }}{{ end }}<a href="{{ .GeneratorURL }}" style="color:#2563a8">Source</a>
</td></tr>
{{- end -}}
{{- define "email.default.html" -}}
<!DOCTYPE html>
<html>
<head>
<meta http-equiv="Content-Type" content="text/html; charset=UTF-8">
<meta name="viewport" content="width=device-width">
<title>{{ template "__subject" . }}</title>
</head>
<body style="margin:0;padding:16px;background:#f4f4f4;color:#222;font:14px/1.5 Helvetica,Arial,sans-serif">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:640px;margin:0 auto;background:#fff;border:1px solid #e5e5e5">
{{ if .Alerts.Firing -}}
<tr><td style="padding:16px 24px;background:#b3261e;color:#fff;font-size:16px;font-weight:bold">
{{- else -}}
<tr><td style="padding:16px 24px;background:#2e7d32;color:#fff;font-size:16px;font-weight:bold">
{{- end }}
{{ len .Alerts }} alert{{ if gt (len .Alerts) 1 }}s{{ end }} for {{ range .GroupLabels.SortedPairs }}
{{ .Name }}={{ .Value }}
{{ end }}
</td></tr>
<tr><td style="padding:16px 24px"><a href="{{ template "__alertmanagerURL" . }}" style="color:#2563a8">View in {{ template "__alertmanager" . }}</a></td></tr>
{{ if .Alerts.Firing -}}
<tr><td style="padding:8px 24px"><strong>[{{ len .Alerts.Firing }}] Firing</strong></td></tr>
{{ range .Alerts.Firing }}{{ template "email.tocsin.alert" . }}
{{ end }}{{ end -}}
{{ if .Alerts.Resolved -}}
<tr><td style="padding:8px 24px"><strong>[{{ len .Alerts.Resolved }}] Resolved</strong></td></tr>
{{ range .Alerts.Resolved }}{{ template "email.tocsin.alert" . }}
{{ end }}{{ end -}}
</table>
<p style="text-align:center;color:#777;font-size:12px"><a href="{{ .ExternalURL }}" style="color:#777">Sent by {{ template "__alertmanager" . }}</a></p>
</body>
</html>
{{ end -}}
`;

/** The message that several kinds share: what fires, then what is resolved. `trim` leaves out the blank lines around. */
function listing(heading: string, list: string, trim = false): string {
  const part = (title: string): string => `{{ if gt (len .Alerts.${title}) 0 ${trim ? '-' : ''}}}
${heading}Alerts ${title}:
{{ template "${list}" .Alerts.${title} }}
{{${trim ? '-' : ''} end }}`;
  return `${part('Firing')}\n${part('Resolved')}`;
}

const TRIMMED = listing('', '__text_alert_list', true);
const SPACED = listing('', '__text_alert_list');
const MARKDOWN = listing('# ', '__text_alert_list_markdown');
const ANNOTATIONS = '{{ join " " .CommonAnnotations.SortedPairs.Values }}';

function define(name: string, body: string): string {
  return `{{- define "${name}" }}${body}{{ end -}}\n`;
}

const SUBJECT = '{{ template "__subject" . }}';
const URL = '{{ template "__alertmanagerURL" . }}';
const NAME = '{{ template "__alertmanager" . }}';

/** The highest severity among what fires, else (none of these) among what is resolved, as Jira's names of priorities. */
const JIRA_RANK = (
  alerts: string,
): string => `{{ range ${alerts} }}{{ $severity := index .Labels "severity" -}}
{{ if eq $severity "critical" }}{{ $rank = 3 }}{{ else if and (eq $severity "warning") (lt $rank 3) }}{{ $rank = 2 -}}
{{ else if and (eq $severity "info") (lt $rank 2) }}{{ $rank = 1 }}{{ end }}{{ end }}`;
const JIRA_PRIORITY = `{{ $rank := 0 }}${JIRA_RANK('.Alerts.Firing')}{{ if eq $rank 0 }}${JIRA_RANK('.Alerts.Resolved')}{{ end -}}
{{ if eq $rank 3 }}High{{ else if eq $rank 2 }}Medium{{ else if eq $rank 1 }}Low{{ end }}`;

const OTHERS = [
  define('pagerduty.default.description', SUBJECT),
  define('pagerduty.default.client', NAME),
  define('pagerduty.default.clientURL', URL),
  define('pagerduty.default.instances', '{{ template "__text_alert_list" . }}'),
  define('opsgenie.default.message', SUBJECT),
  define('opsgenie.default.description', `${ANNOTATIONS}\n${TRIMMED}\n{{- "" }}`),
  define('opsgenie.default.source', URL),
  define(
    'wechat.default.message',
    `${SUBJECT}\n${ANNOTATIONS}\n${TRIMMED}\nAlertmanagerUrl:\n${URL}\n{{- "" }}`,
  ),
  ...['to_user', 'to_party', 'to_tag', 'agent_id'].map((name) => define(`wechat.default.${name}`, '')),
  define('victorops.default.state_message', `${ANNOTATIONS}\n${TRIMMED}\n{{- "" }}`),
  define('victorops.default.entity_display_name', SUBJECT),
  define('victorops.default.monitoring_tool', NAME),
  define('pushover.default.title', SUBJECT),
  define('pushover.default.message', `${ANNOTATIONS}\n${SPACED}\n`),
  define('pushover.default.url', URL),
  define('sns.default.subject', SUBJECT),
  define('sns.default.message', `${ANNOTATIONS}\n${SPACED}\n`),
  define('telegram.default.message', `\n${SPACED}\n`),
  define('discord.default.content', ''),
  define('discord.default.title', SUBJECT),
  define('discord.default.message', `\n${SPACED}\n`),
  define('webex.default.message', `${ANNOTATIONS}\n${SPACED}\n`),
  define('msteams.default.summary', SUBJECT),
  define('msteams.default.title', SUBJECT),
  define('msteams.default.text', `\n${MARKDOWN}\n`),
  define('msteamsv2.default.title', SUBJECT),
  define('msteamsv2.default.text', `\n${MARKDOWN}\n`),
  define('jira.default.summary', SUBJECT),
  define('jira.default.description', `\n${MARKDOWN}\n`),
  define('jira.default.priority', JIRA_PRIORITY),
  define('rocketchat.default.title', SUBJECT),
  define('rocketchat.default.alias', NAME),
  define('rocketchat.default.titlelink', URL),
  ...['emoji', 'iconurl', 'text'].map((name) => define(`rocketchat.default.${name}`, '')),
  define('mattermost.default.color', '{{ if ne .Status "firing" }}good{{ else }}danger{{ end }}'),
  define('mattermost.default.username', NAME),
  define('mattermost.default.title', SUBJECT),
  define('mattermost.default.titlelink', URL),
  define(
    'mattermost.default.fallback',
    '{{ template "mattermost.default.title" . }} | {{ template "mattermost.default.titlelink" . }}',
  ),
  define('mattermost.default.text', `\n${MARKDOWN}\n`),
].join('');

/** In the order in which they are parsed, before any file of the configuration. */
export const DEFAULT_TEMPLATES: readonly { readonly name: string; readonly text: string }[] = [
  { name: 'default.tmpl', text: COMMON + SLACK + OTHERS },
  { name: 'email.tmpl', text: EMAIL },
];
