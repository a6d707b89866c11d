import { parseDuration } from '../core/duration.ts';
import { toLowerCase, toUpperCase } from '../core/go-case.ts';
import { goQuote } from '../core/go-quote.ts';
import type { Labels } from '../core/labels.ts';
import { compareText } from '../core/labels.ts';
import { queryEscape } from './escape-text.ts';
import { GoDuration } from './go-time.ts';
import {
  floatToTime,
  humanize,
  humanize1024,
  humanizeDuration,
  humanizePercentage,
  humanizeTimestamp,
  toFloat,
} from './humanize.ts';
import { isIpAddress, joinHostPort, splitHostPort } from './host-port.ts';
import { matchString, replaceAll } from './regexp-functions.ts';
import { titleCase } from './title-case.ts';
import {
  GoMap,
  GoSlice,
  GoStruct,
  SafeText,
  asyncFn,
  fn,
  labelsMap,
  variadicFn,
  type FunctionMap,
  type TemplateValue,
} from './value.ts';

/** One element of what `query` gives. */
export interface TemplateSample {
  readonly labels: Labels;
  readonly value: number;
}

/** What the functions of rule templates work with. */
export interface PrometheusFunctionOptions {
  /** Time of the evaluation. */
  readonly nowMs: number;
  /** `--web.external-url`, as configured. */
  readonly externalUrl: string;
  /** Answers PromQL at the evaluation's time; a rejection becomes the template's error. */
  readonly query: (expr: string) => Promise<readonly TemplateSample[]>;
}

/**
 * The functions of Prometheus' rule templates.
 *
 * @see prometheus/prometheus template/template.go
 */
export function prometheusFunctions(options: PrometheusFunctionOptions): FunctionMap {
  return {
    ...FUNCTIONS,
    query: asyncFn(['string'], async (expr) => queryResult(await options.query(expr))),
    now: fn([], () => options.nowMs / 1000),
    externalURL: fn([], () => options.externalUrl),
    pathPrefix: fn([], () => pathOf(options.externalUrl)),
  };
}

function pathOf(url: string): string {
  const path = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#]*([^?#]*)/.exec(url)?.[1];
  return path ?? '';
}

function queryResult(samples: readonly TemplateSample[]): GoSlice {
  const items = samples.map(
    ({ labels, value }) =>
      new GoStruct(
        'template.sample',
        [
          { name: 'Labels', value: labelsMap(labels) },
          { name: 'Value', value },
        ],
        {},
        true,
      ),
  );
  return vector(items);
}

function vector(items: readonly TemplateValue[]): GoSlice {
  return new GoSlice('template.queryResult', 'struct', items);
}

function labelOf(sample: TemplateValue, name: string): string {
  const labels = sample instanceof GoStruct ? sample.get('Labels') : undefined;
  const value = labels instanceof GoMap ? labels.entries.get(name) : undefined;
  return typeof value === 'string' ? value : '';
}

const FUNCTIONS: FunctionMap = {
  first: fn(['vector'], (samples) => {
    if (samples.length === 0) throw new Error('first() called on vector with no elements');
    return samples[0];
  }),
  label: fn(['string', 'sample'], (name, sample) => labelOf(sample, name)),
  value: fn(['sample'], (sample) => sample.get('Value')),
  strvalue: fn(['sample'], (sample) => labelOf(sample, '__value__')),
  args: variadicFn([], 'any', (values) => Object.fromEntries(values.map((value, i) => [`arg${i}`, value]))),
  reReplaceAll: fn(['string', 'string', 'string'], (pattern, replacement, text) =>
    replaceAll(pattern, replacement, text),
  ),
  safeHtml: fn(['string'], (text) => new SafeText('html', text)),
  match: fn(['string', 'string'], (pattern, text) => matchString(pattern, text)),
  title: fn(['string'], (text) => titleCase(text, false)),
  toUpper: fn(['string'], (text) => toUpperCase(text)),
  toLower: fn(['string'], (text) => toLowerCase(text)),
  graphLink: fn(['string'], (expr) => `/graph?g0.expr=${queryEscape(expr)}&g0.tab=0`),
  tableLink: fn(['string'], (expr) => `/graph?g0.expr=${queryEscape(expr)}&g0.tab=1`),
  sortByLabel: fn(['string', 'vector'], (name, samples) =>
    vector([...samples].sort((a, b) => compareText(labelOf(a, name), labelOf(b, name)))),
  ),
  stripPort: fn(['string'], (hostPort) => splitHostPort(hostPort)?.host ?? hostPort),
  stripDomain: fn(['string'], (hostPort) => {
    const split = splitHostPort(hostPort) ?? { host: hostPort, port: '' };
    if (isIpAddress(split.host)) return hostPort;
    const host = split.host.split('.')[0]!;
    return split.port === '' ? host : joinHostPort(host, split.port);
  }),
  humanize: fn(['any'], (value) => humanize(toFloat(value))),
  humanize1024: fn(['any'], (value) => humanize1024(toFloat(value))),
  humanizeDuration: fn(['any'], (value) => humanizeDuration(toFloat(value))),
  humanizePercentage: fn(['any'], (value) => humanizePercentage(toFloat(value))),
  humanizeTimestamp: fn(['any'], (value) => humanizeTimestamp(toFloat(value))),
  toTime: fn(['any'], (value) => floatToTime(toFloat(value))),
  toDuration: fn(['any'], (value) => {
    const seconds = toFloat(value);
    return GoDuration.fromMs(Number.isFinite(seconds) ? seconds * 1000 : 0);
  }),
  parseDuration: fn(['string'], (text) => {
    const negative = text.startsWith('-');
    const durationMs = parseDuration(negative ? text.slice(1) : text);
    if (durationMs !== undefined) return (negative ? -durationMs : durationMs) / 1000;
    throw new Error(text === '' ? 'empty duration string' : `not a valid duration string: ${goQuote(text)}`);
  }),
  urlQueryEscape: fn(['string'], (text) => queryEscape(text)),
};
