import { gzipSync } from 'node:zlib';

/** A page that both sides are asked to scrape, with what is special about it. */
export interface ScrapeCase {
  readonly page: string;
  readonly body: string | Buffer;
  /** Content-Type; Prometheus' text when absent, '' is none. */
  readonly type?: string;
  readonly encoding?: string;
  readonly status?: number;
  readonly location?: string;
  /** Lines of a job of its own, each with its indentation of four. */
  readonly job?: string;
  /** How many targets that job has of this page; one when absent. */
  readonly targets?: number;
}

const OM = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const THREE = 'a{x="1"} 1\na{x="2"} 2\nb 3\n';
const NOW_S = Math.floor(Date.now() / 1000);

function job(...lines: readonly string[]): string {
  return lines.map((line) => `    ${line}\n`).join('');
}

function rules(...list: readonly string[]): string {
  return `    metric_relabel_configs:\n${list.map((rule) => `      - ${rule}\n`).join('')}`;
}

const LIMITS: readonly ScrapeCase[] = [
  { page: 'samples-at-limit', body: THREE, job: job('sample_limit: 3') },
  { page: 'samples-over-limit', body: THREE, job: job('sample_limit: 2') },
  {
    page: 'samples-dropped-to-limit',
    body: THREE,
    job: job('sample_limit: 1') + rules('{ source_labels: [__name__], regex: a, action: drop }'),
  },
  { page: 'samples-twice-at-limit', body: `${THREE}b 3\n`, job: job('sample_limit: 3') },
  { page: 'labels-at-limit', body: THREE, job: job('label_limit: 5') },
  { page: 'labels-over-limit', body: THREE, job: job('label_limit: 4') },
  {
    page: 'labels-dropped-to-limit',
    body: THREE,
    job: job('label_limit: 4') + rules('{ regex: x, action: labeldrop }'),
  },
  { page: 'label-name-at-limit', body: 'a{abcdefgh="1"} 1\n', job: job('label_name_length_limit: 8') },
  {
    page: 'label-name-over-limit',
    body: 'b 1\na{abcdefghi="1"} 1\n',
    job: job('label_name_length_limit: 8'),
  },
  {
    page: 'label-value-over-limit',
    body: `a{x="${'ü'.repeat(20)}"} 1\n`,
    job: job('label_value_length_limit: 39'),
  },
  {
    page: 'label-value-at-limit',
    body: `a{x="${'ü'.repeat(20)}"} 1\n`,
    job: job('label_value_length_limit: 40'),
  },
  { page: 'body-under-limit', body: 'a 1\n', job: job('body_size_limit: 5B') },
  { page: 'body-at-limit', body: 'a 1\n', job: job('body_size_limit: 4B') },
  {
    page: 'body-over-limit-unpacked',
    body: gzipSync('a 1\n'.repeat(1000)),
    encoding: 'gzip',
    job: job('body_size_limit: 1KB'),
  },
  { page: 'targets-at-limit', body: 'a 1\n', job: job('target_limit: 2'), targets: 2 },
  { page: 'targets-over-limit', body: 'a 1\n', job: job('target_limit: 2'), targets: 3 },
];

const TRANSFER: readonly ScrapeCase[] = [
  { page: 'gzip-cut', body: gzipSync(THREE.repeat(40)).subarray(0, 40), encoding: 'gzip' },
  { page: 'gzip-no-header', body: 'a 1\n', encoding: 'gzip' },
  { page: 'gzip-empty', body: '', encoding: 'gzip' },
  { page: 'gzip-of-nothing', body: gzipSync(''), encoding: 'gzip' },
  { page: 'gzip-bad-sum', body: withBadSum(gzipSync(THREE)), encoding: 'gzip' },
  { page: 'gzip-twice', body: gzipSync(gzipSync('a 1\n')), encoding: 'gzip' },
  { page: 'gzip-two-members', body: Buffer.concat([gzipSync('a 1\n'), gzipSync('b 1\n')]), encoding: 'gzip' },
  { page: 'gzip-not-said', body: gzipSync('a 1\n') },
  { page: 'identity', body: 'a 1\n', encoding: 'identity' },
  { page: 'status-201', body: 'a 1\n', status: 201 },
  { page: 'status-204', body: '', status: 204 },
  { page: 'status-404', body: 'a 1\n', status: 404 },
  { page: 'redirect', body: '', status: 302, location: '/honored-times' },
  {
    page: 'redirect-not-followed',
    body: '',
    status: 302,
    location: '/honored-times',
    job: job('follow_redirects: false'),
  },
  { page: 'redirect-loop', body: '', status: 302, location: '/redirect-loop' },
  { page: 'no-body', body: '' },
  { page: 'type-bare', body: 'a 1\n', type: 'text/plain' },
  { page: 'type-upper', body: 'a 1\n', type: 'TEXT/PLAIN; VERSION=0.0.4' },
  { page: 'type-quoted', body: 'a 1\n', type: 'text/plain; version="0.0.4"; charset=utf-8' },
  { page: 'type-om-old', body: 'a 1\n# EOF\n', type: 'application/openmetrics-text; version=0.0.1' },
  { page: 'type-om-bare', body: 'a 1\n# EOF\n', type: 'application/openmetrics-text' },
  { page: 'type-om-of-text', body: 'a 1\n', type: OM },
  { page: 'type-html', body: 'a 1\n', type: 'text/html' },
  { page: 'type-none', body: 'a 1\n', type: '' },
];

const TIMES: readonly ScrapeCase[] = [
  { page: 'honored-times', body: `a 1 ${NOW_S - 5}000\nb 2\n` },
  { page: 'times-not-honored', body: 'a 1 1000\nb 2 -5\n', job: job('honor_timestamps: false') },
  { page: 'times-far-ahead', body: `a 1 ${NOW_S + 3600}000\nb 2\n` },
  { page: 'times-long-ago', body: 'a 1 1000\nb 2\n' },
  { page: 'times-twice', body: `a 1 ${NOW_S - 9}000\na 2 ${NOW_S - 8}000\n` },
  { page: 'times-backwards', body: `a 1 ${NOW_S - 8}000\na 2 ${NOW_S - 9}000\n` },
  { page: 'times-same', body: `a 1 ${NOW_S - 8}000\na 2 ${NOW_S - 8}000\n` },
  { page: 'times-mixed', body: `a 1\na 2 ${NOW_S - 8}000\n` },
  { page: 'times-om', body: `a 1 ${NOW_S - 8}.25\n# EOF\n`, type: OM },
  { page: 'times-om-nan', body: 'a 1 NaN\n# EOF\n', type: OM },
];

const LABELS: readonly ScrapeCase[] = [
  { page: 'same-twice', body: 'a{x="1"} 1\nb 2\na{x="1"} 3\n' },
  { page: 'same-respelt', body: 'a{x="1",y="2"} 1\na{y="2",x="1"} 3\n' },
  { page: 'exported', body: 'a{job="mine",page="x",instance="y"} 1\n' },
  { page: 'exported-twice', body: 'a{job="mine",exported_job="other"} 1\n' },
  { page: 'honored-labels', body: 'a{job="mine",page="honored-labels"} 1\n', job: job('honor_labels: true') },
  { page: 'honored-empty', body: 'a{job="",x="1"} 1\n', job: job('honor_labels: true') },
  { page: 'exported-empty', body: 'a{job="",x=""} 1\n' },
  { page: 'all-dropped', body: THREE, job: rules('{ action: drop }') },
  {
    page: 'renamed',
    body: THREE,
    job: rules('{ source_labels: [__name__], target_label: __name__, replacement: "n_$1" }'),
  },
  { page: 'renamed-away', body: THREE, job: rules('{ target_label: __name__, replacement: "" }') },
  { page: 'two-become-one', body: THREE, job: rules('{ regex: x, action: labeldrop }') },
  {
    page: 'label-mapped',
    body: THREE,
    job: rules('{ regex: "(x)", action: labelmap, replacement: "m_$1" }'),
  },
  { page: 'labels-kept', body: THREE, job: rules('{ regex: "__name__|x|page", action: labelkeep }') },
  {
    page: 'hashed',
    body: THREE,
    job: rules('{ source_labels: [x, __name__], modulus: 7, target_label: h, action: hashmod }'),
  },
  {
    page: 'cased',
    body: 'a{x="aÄß"} 1\n',
    job: rules(
      '{ source_labels: [x], target_label: u, action: uppercase }',
      '{ source_labels: [x], target_label: l, action: lowercase }',
    ),
  },
  {
    page: 'kept-equal',
    body: 'a{x="1",y="1"} 1\na{x="1",y="2"} 2\n',
    job: rules('{ source_labels: [x], target_label: y, action: keepequal }'),
  },
  { page: 'bad-name-made', body: THREE, job: rules('{ target_label: __name__, replacement: "a b" }') },
  { page: 'reserved-made', body: THREE, job: rules('{ target_label: __tmp_x, replacement: y }') },
  { page: 'target-label-dropped', body: THREE, job: rules('{ regex: "job|instance", action: labeldrop }') },
];

const TEXT: readonly ScrapeCase[] = [
  { page: 'only-newline', body: '\n' },
  { page: 'only-eof', body: '# EOF\n', type: OM },
  { page: 'eof-twice', body: 'a 1\n# EOF\n# EOF\n', type: OM },
  { page: 'eof-without-newline', body: 'a 1\n# EOF', type: OM },
  { page: 'no-labels-in-braces', body: 'a{} 1\n' },
  { page: 'blank-before-braces', body: 'a {x="1"} 1\n' },
  { page: 'comma-at-end', body: 'a{x="1",} 1\n' },
  { page: 'comma-alone', body: 'a{,} 1\n' },
  { page: 'no-comma', body: 'a{x="1"y="2"} 1\n' },
  { page: 'equals-missing', body: 'a{x"1"} 1\n' },
  { page: 'escapes-unknown', body: 'a{x="\\t\\\\t\\q"} 1\n' },
  { page: 'single-quotes', body: "a{x='1'} 1\n" },
  { page: 'brace-behind', body: 'a{x="1"}} 1\n' },
  { page: 'value-missing', body: 'a\n' },
  { page: 'value-word', body: 'a one\n' },
  { page: 'value-infinite', body: 'a +Inf\nb -inf\nc Infinity\nd nan\n' },
  { page: 'value-signs', body: 'a +1\nb -0\nc .5\nd 5.\ne 1E3\n' },
  { page: 'value-double-sign', body: 'a --1\n' },
  { page: 'value-too-large', body: 'a 1e309\n' },
  { page: 'value-tiny', body: 'a 1e-400\nb 4.9e-324\n' },
  { page: 'value-digits', body: `a ${'9'.repeat(400)}e-390\n` },
  { page: 'digit-first', body: '1a 1\n' },
  { page: 'digit-first-label', body: 'a{1="x"} 1\n' },
  { page: 'colon-label', body: 'a{x:y="1"} 1\n' },
  { page: 'type-twice', body: '# TYPE a counter\n# TYPE a gauge\na 1\n' },
  { page: 'type-behind', body: 'a 1\n# TYPE a counter\n' },
  { page: 'type-missing', body: '# TYPE a\na 1\n' },
  { page: 'help-missing', body: '# HELP a\na 1\n' },
  { page: 'comment-unspaced', body: '#comment\n#HELP a x\na 1\n' },
  { page: 'comment-unit', body: '# UNIT a seconds\na 1\n' },
  { page: 'tabs', body: 'a\t{x="1"}\t1\t\n' },
  { page: 'om-exemplar-of-gauge', body: '# TYPE a gauge\na 1 # {x="y"} 1\n# EOF\n', type: OM },
  { page: 'om-exemplar-broken', body: 'a_total 1 # {x=y} 1\n# EOF\n', type: OM },
  {
    page: 'om-info',
    body: '# TYPE a info\na_info{x="y"} 1\n# TYPE s stateset\ns{s="x"} 1\n# EOF\n',
    type: OM,
  },
  { page: 'om-created', body: '# TYPE a counter\na_total 1\na_created 5\n# EOF\n', type: OM },
  { page: 'om-bad-type', body: '# TYPE a wibble\na 1\n# EOF\n', type: OM },
  { page: 'om-leading-blank', body: ' a 1\n# EOF\n', type: OM },
  { page: 'om-comment', body: '# just words\na 1\n# EOF\n', type: OM },
];

/** Pages of their own besides the corpus. */
export const SCRAPE_CASES: readonly ScrapeCase[] = [...LIMITS, ...TRANSFER, ...TIMES, ...LABELS, ...TEXT];

function withBadSum(bytes: Buffer): Buffer {
  const broken = Buffer.from(bytes);
  broken[broken.length - 6]! ^= 255;
  return broken;
}
