import { toLowerCase, toUpperCase } from '../core/go-case.ts';
import { goQuote } from '../core/go-quote.ts';
import { queryUnescape } from './escape-text.ts';
import { goJson } from './go-json.ts';
import { GoDuration, GoTime } from './go-time.ts';
import { humanizeDuration, toFloat } from './humanize.ts';
import { parseTime } from './time-parse.ts';
import { matchString, replaceAll } from './regexp-functions.ts';
import { titleCase } from './title-case.ts';
import {
  GoMap,
  GoStruct,
  SafeText,
  fn,
  stringSlice,
  variadicFn,
  type FunctionMap,
  type TemplateFunction,
  type TemplateValue,
} from './value.ts';

/** What the functions know of the moment. */
export interface AlertmanagerFunctionOptions {
  /** What `now` gives. */
  readonly nowMs: number;
}

/** `routeLabels "team"`: looks into the RouteLabels of the data, which are rendered already. */
const ROUTE_LABELS: TemplateFunction = {
  params: ['string'],
  call([name], data) {
    const labels = data instanceof GoStruct ? data.get('RouteLabels') : undefined;
    return labels instanceof GoMap && typeof name === 'string' ? (labels.entries.get(name) ?? '') : '';
  },
};

/**
 * The functions of Alertmanager's notification templates.
 *
 * @see prometheus/alertmanager template/template.go DefaultFuncs
 */
export function alertmanagerFunctions(options: AlertmanagerFunctionOptions): FunctionMap {
  const now = GoTime.fromMs(options.nowMs);
  return {
    ...TEXT_FUNCTIONS,
    ...COLLECTION_FUNCTIONS,
    routeLabels: ROUTE_LABELS,
    date: fn(['string', 'time'], (layout, time) => time.format(layout)),
    tz: fn(['string', 'time'], (zone, time) => {
      const shown = time.inZone(zone);
      if (shown === undefined) throw new Error(`unknown time zone ${zone}`);
      return shown;
    }),
    now: fn([], () => now),
    since: fn(['time'], (time) => new GoDuration(now.ns - time.ns)),
    humanizeDuration: fn(['any'], (value) => humanizeDuration(toFloat(value))),
    toDate: fn(['string', 'string'], (layout, text) => {
      const parsed = parseTime(layout, text);
      return 'time' in parsed ? parsed.time : GoTime.ZERO;
    }),
    mustToDate: fn(['string', 'string'], (layout, text) => {
      const parsed = parseTime(layout, text);
      if ('time' in parsed) return parsed.time;
      throw new Error(parsed.error);
    }),
  };
}

const TEXT_FUNCTIONS: FunctionMap = {
  toUpper: fn(['string'], (text) => toUpperCase(text)),
  toLower: fn(['string'], (text) => toLowerCase(text)),
  title: fn(['string'], (text) => titleCase(text, true)),
  trimSpace: fn(['string'], (text) => text.trim()),
  match: fn(['string', 'string'], (pattern, text) => matchString(pattern, text)),
  safeHtml: fn(['string'], (text) => new SafeText('html', text)),
  safeUrl: fn(['string'], (text) => new SafeText('url', text)),
  urlUnescape: fn(['string'], (text) => {
    const result = queryUnescape(text);
    if ('text' in result) return result.text;
    throw new Error(`invalid URL escape ${goQuote(result.badEscape)}`);
  }),
  reReplaceAll: fn(['string', 'string', 'string'], (pattern, replacement, text) =>
    replaceAll(pattern, replacement, text),
  ),
  base64encode: fn(['string'], (text) => {
    const encoded = Buffer.from(text, 'utf8').toString('base64url');
    return encoded.padEnd(Math.ceil(encoded.length / 4) * 4, '=');
  }),
  base64decode: fn(['string'], (text) => {
    const bad = /[^-_A-Za-z0-9]/.exec(text.replace(/={1,2}$/, ''));
    if (bad !== null) throw new Error(`illegal base64 data at input byte ${bad.index}`);
    if (text.length % 4 !== 0) throw new Error(`illegal base64 data at input byte ${text.length}`);
    return Buffer.from(text, 'base64url').toString('utf8');
  }),
  toJson: fn(['any'], (value) => goJson(value)),
};

const COLLECTION_FUNCTIONS: FunctionMap = {
  join: fn(['string', 'strings'], (separator, items) => items.join(separator)),
  stringSlice: variadicFn([], 'string', (items) => stringSlice(items)),
  list: variadicFn([], 'any', (items) => items),
  append: variadicFn(['list'], 'any', (list, items) => [...list, ...items]),
  dict: variadicFn([], 'any', (values) => {
    if (values.length % 2 !== 0) throw new Error('dict requires an even number of arguments');
    const entries: [string, TemplateValue][] = [];
    for (let i = 0; i < values.length; i += 2) {
      const key = values[i];
      if (typeof key !== 'string') throw new Error('dict keys must be strings');
      entries.push([key, values[i + 1]]);
    }
    return Object.fromEntries(entries);
  }),
};
