import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import {
  GoTime,
  TemplateError,
  TemplateSet,
  alertmanagerFunctions,
  checkRuleTemplate,
  expandRuleTemplate,
  fn,
  notificationData,
  type RuleTemplateContext,
  type TemplateSample,
} from '../../../src/template/index.ts';

const NOW_MS = Date.UTC(2024, 4, 1, 10, 0, 0);
const labels = (object: Record<string, string>): Labels => Labels.fromObject(object);

const SET = TemplateSet.parse(
  [
    {
      name: 'one.tmpl',
      text: '{{ define "greeting" }}hello {{ . }}{{ end }}{{ define "kept" }}kept{{ end }}',
    },
    { name: 'two.tmpl', text: '{{ define "greeting" }}hi {{ . }}{{ end }}{{ define "kept" }}  {{ end }}' },
  ],
  { functions: alertmanagerFunctions({ nowMs: NOW_MS }) },
);

const DATA = notificationData({
  receiver: 'team.a+b',
  status: 'firing',
  alerts: [
    {
      status: 'firing',
      labels: labels({ alertname: 'Slow', model: 'm1', zone: 'z' }),
      annotations: labels({ summary: '<slow> & "late"' }),
      startsAtMs: NOW_MS - 90_000,
      generatorUrl: 'http://tocsin/graph?g0.expr=up&g0.tab=1',
      fingerprint: 'abcd',
    },
    {
      status: 'resolved',
      labels: labels({ alertname: 'Slow', model: 'm2' }),
      annotations: Labels.EMPTY,
      startsAtMs: NOW_MS - 90_000,
      endsAtMs: NOW_MS,
      generatorUrl: '',
      fingerprint: 'ef01',
    },
  ],
  groupLabels: labels({ alertname: 'Slow' }),
  commonLabels: labels({ alertname: 'Slow', aa: '1' }),
  commonAnnotations: Labels.EMPTY,
  routeLabels: labels({ team: 'red' }),
  externalUrl: 'http://tocsin',
  notificationReason: 'first notification',
});

describe('notification templates', () => {
  it.each([
    ['quotes the receiver', '{{ .Receiver }}', String.raw`team\.a\+b`],
    [
      'filters firing and resolved',
      '{{ len .Alerts.Firing }}{{ (index .Alerts.Resolved 0).Labels.model }}',
      '1m2',
    ],
    [
      'sorts pairs, alertname first',
      '{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}',
      'alertname=Slow aa=1 ',
    ],
    ['removes names', '{{ (.CommonLabels.Remove .GroupLabels.Names).Names | join "," }}', 'aa'],
    ['removes a given list', '{{ (.CommonLabels.Remove (stringSlice "aa" "x")).Values.Join "+" }}', 'Slow'],
    ['prints labels', '{{ .CommonLabels }}', 'alertname=Slow, aa=1'],
    ['has the zero time while firing', '{{ (index .Alerts 0).EndsAt.IsZero }}', 'true'],
    ['formats times', '{{ (index .Alerts 0).StartsAt.Format "15:04:05 MST" }}', '09:58:30 UTC'],
    [
      'shows times in zones',
      '{{ (index .Alerts 0).StartsAt | tz "Europe/Berlin" | date "15:04 MST" }}',
      '11:58 CEST',
    ],
    ['knows how long ago', '{{ since (index .Alerts 0).StartsAt | humanizeDuration }}', '1m 30s'],
    ['knows the duration', '{{ since (index .Alerts 0).StartsAt }}', '1m30s'],
    [
      'reads dates',
      '{{ (toDate "2006-01-02" "2024-02-29").Weekday }} {{ (toDate "2006" "x").IsZero }}',
      'Thursday true',
    ],
    ['gives route labels', '{{ routeLabels "team" }}{{ routeLabels "none" }}', 'red'],
    ['changes text', '{{ "a-b cD" | title }} {{ toUpper "x" }} {{ " y " | trimSpace }}|', 'A-B Cd X y|'],
    [
      'matches unanchored',
      '{{ match "^S" "Slow" }} {{ match "l" "Slow" }} {{ match "x" "Slow" }}',
      'true true false',
    ],
    ['replaces with groups', '{{ reReplaceAll `(\\w)(?P<r>\\w+)` "${r}$1-" "abc de" }}', 'bca- ed-'],
    ['replaces empty matches as Go', '{{ reReplaceAll "a*" "x" "baac" }}', 'xbxcx'],
    ['encodes base64 for URLs', '{{ base64encode "?>~" }} {{ base64decode "Pz5-" }}', 'Pz5- ?>~'],
    [
      'builds lists and dicts',
      '{{ $d := dict "a" 1 "b" (list 1 2) }}{{ $d.a }}{{ len (append $d.b 3 4) }}{{ $d }}',
      '14map[a:1 b:[1 2]]',
    ],
    ['unescapes URLs', '{{ urlUnescape "a%20b+c" }}', 'a b c'],
    ['calls templates; the later definition wins', '{{ template "greeting" .Status }}', 'hi firing'],
    ['an empty definition replaces nothing', '{{ template "kept" }}', 'kept'],
    [
      'writes JSON',
      '{{ toJson .GroupLabels }} {{ toJson (index .Alerts 1).EndsAt }}',
      '{"alertname":"Slow"} "2024-05-01T10:00:00Z"',
    ],
  ])('%s', (_name, template, expected) => {
    expect(SET.executeText(template, DATA)).toBe(expected);
  });

  it.each([
    [
      '{{ tz "Nowhere/City" now }}',
      'template: :1:3: executing "" at <tz "Nowhere/City" now>: error calling tz: unknown time zone Nowhere/City',
    ],
    [
      '{{ mustToDate "2006-01-02" "x" }}',
      'template: :1:3: executing "" at <mustToDate "2006-01-02" "x">: error calling mustToDate: parsing time "x" as "2006-01-02": cannot parse "x" as "2006"',
    ],
    [
      '{{ dict "a" }}',
      'template: :1:3: executing "" at <dict "a">: error calling dict: dict requires an even number of arguments',
    ],
    [
      '{{ .Nope }}',
      `template: :1:3: executing "" at <.Nope>: can't evaluate field Nope in type *template.Data`,
    ],
    [
      '{{ match "[" "x" }}',
      expect.stringMatching(/error calling match: error parsing regexp: missing closing \]/),
    ],
    ['{{ base64decode "a!b" }}', expect.stringContaining('illegal base64 data at input byte 1')],
  ])('%s fails as in Alertmanager', (template, message) => {
    expect(() => SET.executeText(template, DATA)).toThrow(
      expect.objectContaining({ message, code: 'TOCSIN_ERR_TEMPLATE' }),
    );
  });

  it('escapes in html and not in text', () => {
    const template =
      '<a href="{{ (index .Alerts 0).GeneratorURL }}">{{ (index .Alerts 0).Annotations.summary }}</a>';
    expect(SET.executeHtml(template, DATA)).toBe(
      '<a href="http://tocsin/graph?g0.expr=up&amp;g0.tab=1">&lt;slow&gt; &amp; &#34;late&#34;</a>',
    );
    expect(SET.executeText(template, DATA)).toContain('<slow> & "late"');
    expect(SET.executeHtml('{{ safeHtml "<b>" }}<a href="{{ safeUrl "tel:1" }}">', DATA)).toBe(
      '<b><a href="tel:1">',
    );
  });

  it('executes a named template and says when there is none', () => {
    expect(SET.execute('greeting', 'you')).toBe('hi you');
    expect(SET.executeNamedHtml('greeting', '<you>')).toBe('hi &lt;you&gt;');
    expect(() => SET.execute('nope', undefined)).toThrow('no template "nope"');
  });
});

describe('runaway templates', () => {
  const small = TemplateSet.parse([], {
    functions: { repeat: fn(['string'], (text) => text.repeat(1000)) },
    limits: { maxSteps: 10_000, maxOutputLength: 5000, maxDepth: 50 },
  });

  it.each([
    ['loops', '{{ range 1000000000 }}{{ end }}', 'exceeded the limit of 10000 steps'],
    ['output', '{{ range 1000 }}0123456789{{ end }}', 'output longer than the limit of 5000 characters'],
    [
      'growing text',
      '{{ $x := "0123456789" }}{{ range 100 }}{{ $x = printf "%s%s" $x $x }}{{ end }}',
      'text longer than the limit of 5000',
    ],
    [
      'recursion',
      '{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }}',
      'exceeded maximum template depth (50)',
    ],
    ['functions', '{{ repeat "0123456789" }}', 'text longer than the limit'],
    ['nesting', '{{ if true }}'.repeat(600) + '{{ end }}'.repeat(600), 'max nesting of actions exceeded'],
    ['parentheses', `{{ ${'('.repeat(600)}1${')'.repeat(600)} }}`, 'max expression depth exceeded'],
  ])('%s end with an error', (_name, template, message) => {
    expect(() => small.executeText(template, undefined)).toThrow(message);
  });

  it('allow the nesting that the limits allow', () => {
    const deep = 400;
    const text = `${'{{ if true }}'.repeat(deep)}x${'{{ end }}'.repeat(deep)}{{ ${'('.repeat(deep)}1${')'.repeat(deep)} }}`;
    expect(TemplateSet.parse([], { functions: {} }).executeText(text, undefined)).toBe('x1');
    const chain = `{{ if false }}${'{{ else if false }}'.repeat(400)}{{ else }}y{{ end }}`;
    expect(TemplateSet.parse([], { functions: {} }).executeText(chain, undefined)).toBe('y');
  });

  it('default recursion limit does not exhaust the stack', () => {
    const set = TemplateSet.parse([], { functions: {} });
    const text =
      '{{ define "r" }}{{ if . }}{{ with . }}{{ range . }}{{ template "r" $ }}{{ end }}{{ end }}{{ end }}{{ end }}{{ template "r" . }}';
    expect(() => set.executeText(text, ['x'])).toThrow('exceeded maximum template depth (200)');
  });
});

const UP: readonly TemplateSample[] = [
  { labels: labels({ __name__: 'up', instance: 'b:9100' }), value: 1 },
  { labels: labels({ __name__: 'up', instance: 'a:9100' }), value: 0 },
];

const CONTEXT: RuleTemplateContext = {
  name: 'HighLatency',
  labels: labels({ __name__: 'latency', instance: 'host.example.com:9100', model: 'm1' }),
  value: 1234.5678,
  externalLabels: labels({ cluster: 'c1' }),
  externalUrl: 'https://tocsin.example.com/prefix',
  nowMs: NOW_MS,
  query: (expr) => (expr === 'up' ? Promise.resolve(UP) : Promise.reject(new Error(`bad query ${expr}`))),
};

describe('rule templates', () => {
  it.each([
    ['text', 'no action', 'no action'],
    [
      'labels',
      '{{ $labels.model }} {{ .Labels.model }} {{ $labels.none }}|{{ $labels.__name__ }}',
      'm1 m1 |latency',
    ],
    ['value', '{{ $value }} {{ .Value }} {{ printf "%.2f" $value }}', '1234.5678 1234.5678 1234.57'],
    [
      'external',
      '{{ $externalLabels.cluster }} {{ $externalURL }} {{ externalURL }} {{ pathPrefix }}',
      'c1 https://tocsin.example.com/prefix https://tocsin.example.com/prefix /prefix',
    ],
    [
      'query',
      '{{ query "up" | first | value }} {{ range query "up" | sortByLabel "instance" }}{{ .Labels.instance }}={{ .Value }} {{ end }}',
      '1 a:9100=0 b:9100=1 ',
    ],
    [
      'query twice',
      '{{ with query "up" }}{{ . | first | label "instance" }}{{ end }}{{ len (query "up") }}',
      'b:91002',
    ],
    [
      'humanize',
      '{{ humanize 1234567.0 }} {{ humanize 0.00123 }} {{ humanize 0 }} {{ humanize "12" }} {{ humanize1024 1048576 }}',
      '1.235M 1.23m 0 12 1Mi',
    ],
    [
      'humanizeDuration',
      '{{ humanizeDuration 3661 }} {{ humanizeDuration 0.5 }} {{ humanizeDuration 90061.5 }} {{ humanizeDuration -65 }} {{ humanizeDuration 0.0000001 }}',
      '1h 1m 1s 500ms 1d 1h 1m 1s -1m 5s 100ns',
    ],
    ['humanizePercentage', '{{ humanizePercentage 0.12345 }}', '12.35%'],
    ['humanizeTimestamp', '{{ humanizeTimestamp 1435065584.128 }}', '2015-06-23 13:19:44.128 +0000 UTC'],
    [
      'toTime',
      '{{ (1435065584 | toTime).Format "2006" }} {{ toDuration 90 }} {{ parseDuration "1h30m" }}',
      '2015 1m30s 5400',
    ],
    [
      'hosts',
      '{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }} {{ stripDomain "10.0.0.1:80" }} {{ stripPort "[::1]:9090" }} {{ stripDomain "a.b" }}',
      'host.example.com host:9100 10.0.0.1:80 ::1 a',
    ],
    [
      'links',
      '{{ graphLink "up == 0" }} {{ tableLink "a&b" }}',
      '/graph?g0.expr=up+%3D%3D+0&g0.tab=0 /graph?g0.expr=a%26b&g0.tab=1',
    ],
    [
      'text functions',
      '{{ title "aa bB" }} {{ toUpper "x" }} {{ reReplaceAll "a(.)" "$1" "ab" }} {{ match "a" "b" }} {{ urlQueryEscape "a b" }}',
      'Aa BB X b false a+b',
    ],
    ['args', '{{ with args 1 "b" }}{{ .arg0 }}{{ .arg1 }}{{ end }}', '1b'],
    ['now', '{{ now | humanizeTimestamp }}', '2024-05-01 10:00:00 +0000 UTC'],
  ])('%s', async (_name, template, expected) => {
    expect(await expandRuleTemplate(template, CONTEXT)).toBe(expected);
  });

  it('a failing template says so in its place, and the alert goes on', async () => {
    const failures: string[] = [];
    const text = await expandRuleTemplate('{{ query "x" }}', {
      ...CONTEXT,
      onError: (error) => failures.push(error.message),
    });
    const message =
      'error executing template __alert_HighLatency: template: __alert_HighLatency:1:115: executing "__alert_HighLatency" at <query "x">: error calling query: bad query x';
    expect(text).toBe(`<error expanding template: ${message}>`);
    expect(failures).toEqual([message]);
  });

  it('first() of nothing is an error', async () => {
    const text = await expandRuleTemplate('{{ query "up" | first | value }}', {
      ...CONTEXT,
      query: () => Promise.resolve([]),
    });
    expect(text).toContain('error calling first: first() called on vector with no elements');
  });

  it('asks each query once, in order', async () => {
    const asked: string[] = [];
    const query = (expr: string): Promise<readonly TemplateSample[]> => {
      asked.push(expr);
      return Promise.resolve(UP);
    };
    await expandRuleTemplate(
      '{{ range query "a" }}{{ range query "b" }}{{ end }}{{ end }}{{ query "c" | len }}',
      { ...CONTEXT, query },
    );
    expect(asked).toEqual(['a', 'b', 'b', 'c']);
  });

  it('checks templates when a rule file is loaded', () => {
    checkRuleTemplate('A', '{{ $labels.x | humanize }}');
    expect(() => checkRuleTemplate('A', '{{ $labels.x | nope }}')).toThrow(
      'template: __alert_A:1: function "nope" not defined',
    );
    expect(() => checkRuleTemplate('A', '{{ if }}')).toThrow(TemplateError);
  });
});

describe('properties', () => {
  const pieces = fc.constantFrom(
    '{{',
    '}}',
    '{{-',
    '-}}',
    ' ',
    '\n',
    'if',
    'else',
    'end',
    'range',
    'with',
    'define',
    'template',
    'block',
    'break',
    '"x"',
    '`r`',
    "'c'",
    '$x',
    ':=',
    '=',
    '.',
    '.Status',
    '|',
    '(',
    ')',
    'len',
    'printf',
    'index',
    '1',
    '-2.5',
    '0x',
    'nil',
    'true',
    '/*',
    '*/',
    ',',
    'text',
    '<a href="',
    '">',
    '<script>',
    '\u{1f600}',
    '\\',
  );

  it('parsing and executing arbitrary text throws nothing but TemplateError', () => {
    const bounded = TemplateSet.parse([], {
      functions: alertmanagerFunctions({ nowMs: 0 }),
      limits: { maxSteps: 2000 },
    });
    const run = (text: string): void => {
      for (const execute of [() => bounded.executeText(text, DATA), () => bounded.executeHtml(text, DATA)]) {
        try {
          execute();
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
        }
      }
    };
    fc.assert(
      fc.property(
        fc.array(pieces, { maxLength: 25 }).map((list) => list.join('')),
        run,
      ),
      { numRuns: 1500 },
    );
    fc.assert(
      fc.property(
        fc.array(pieces, { maxLength: 12 }).map((list) => `{{ ${list.join(' ')} }}`),
        run,
      ),
      { numRuns: 1000 },
    );
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), run), { numRuns: 500 });
  });

  it('text without actions comes out as it went in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!text.includes('{{'));
        expect(SET.executeText(text, undefined)).toBe(text);
      }),
    );
  });

  it('no value ends a tag, an attribute, a string or a script that it stands in', () => {
    const set = TemplateSet.parse([], { functions: {} });
    const nasty = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(
          fc.constantFrom(
            '<',
            '>',
            '"',
            "'",
            '`',
            '/',
            '\\',
            '</script>',
            '<!--',
            '-->',
            'javascript:',
            '${',
            '}',
            '\n',
            '\u2028',
            ')',
            ';',
            '*/',
          ),
          { maxLength: 8 },
        )
        .map((list) => list.join('')),
    );
    fc.assert(
      fc.property(nasty, (value) => {
        expect(set.executeHtml('<p>{{ . }}</p>', value).slice(3, -4)).not.toMatch(/[<>"']/);
        expect(set.executeHtml('<p title="{{ . }}">', value).slice(10, -2)).not.toMatch(/["<>]/);
        expect(set.executeHtml('<p title={{ . }}>', value).slice(9, -1)).not.toMatch(/[ \t\n\f\r"'<>=`]/);
        const script = set.executeHtml('<script>x("{{ . }}")</script>', value).slice(11, -11);
        expect(script).not.toMatch(/["<\n\u2028]|(?<!\\)(?:\\\\)*\\$/);
        expect(set.executeHtml('<script>x({{ . }})</script>', value).slice(10, -10)).not.toMatch(/[<>]/);
        expect(set.executeHtml('<a href="{{ . }}">', value)).not.toMatch(/^<a href="\s*javascript:/i);
        expect(set.executeHtml('<style>a{b:{{ . }}}</style>', value).slice(11, -9)).not.toMatch(
          /[<>"'(){};]/,
        );
      }),
      { numRuns: 300 },
    );
  });

  it('formatted times are read back', () => {
    const layout = '2006-01-02T15:04:05.000000000Z07:00';
    fc.assert(
      fc.property(
        fc.bigInt({ min: -62_135_596_800n * 1_000_000_000n, max: 253_402_300_799n * 1_000_000_000n }),
        (ns) => {
          const text = new GoTime(ns).format(layout);
          expect(SET.executeText('{{ (mustToDate .layout .text).UnixNano }}', { layout, text })).toBe(
            String(ns),
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});
