import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  GoDuration,
  GoTime,
  SafeText,
  TemplateError,
  TemplateSet,
  fn,
  stringMap,
  stringSlice,
  variadicFn,
  type TemplateValue,
} from '../../../src/template/index.ts';

/** What Go 1.26 made of each template: its output or its error. Data and functions as below. */
interface GoResult {
  readonly template: string;
  readonly html?: boolean;
  readonly out?: string;
  readonly err?: string;
}

const RESULTS = JSON.parse(readFileSync(new URL('go-results.json', import.meta.url), 'utf8')) as GoResult[];

const DATA: TemplateValue = {
  s: 'text',
  e: '',
  u: 'héllo',
  n: 42n,
  z: 0n,
  neg: -7n,
  f: 1.5,
  big: 1234567,
  nan: NaN,
  inf: Infinity,
  t: true,
  no: false,
  list: ['a', 1n, 2.5, true, undefined],
  strs: stringSlice(['x', 'y', 'z']),
  none: stringSlice([]),
  m: stringMap([
    ['b', '2'],
    ['a', '1'],
    ['k', 'v<>'],
  ]),
  any: { x: 1n, y: { z: 'deep' }, nil: undefined },
  time: new GoTime(1_714_557_845_123_456_789n),
  dur: GoDuration.fromMs(5_400_500),
  html: `<b>&"'x'</b>`,
  url: 'http://h/p?a=1&b=2 3',
  js: `</script>"'\n`,
};

const SET = TemplateSet.parse([], {
  functions: {
    join: fn(['string', 'strings'], (separator, items) => items.join(separator)),
    toUpper: fn(['string'], (text) => text.toUpperCase()),
    safeHtml: fn(['string'], (text) => new SafeText('html', text)),
    safeUrl: fn(['string'], (text) => new SafeText('url', text)),
    list: variadicFn([], 'any', (items) => items),
    fail: fn([], () => {
      throw new Error('file does not exist');
    }),
  },
});

function render(result: GoResult): { out?: string; err?: string } {
  try {
    const out =
      result.html === true
        ? SET.executeHtml(result.template, DATA, 't')
        : SET.executeText(result.template, DATA, 't');
    return out === '' ? {} : { out };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { err: error.message };
  }
}

describe('templates give what Go gives', () => {
  it.each(RESULTS)('$template', (result) => {
    const { template: _template, html: _html, ...expected } = result;
    expect(render(result)).toEqual(expected);
  });
});
