import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Entry, OpenMetricsParser, TextParser } from '../../../src/scrape/index.ts';
import {
  FloatError,
  floatState,
  formatOpenMetricsFloat,
  parseFloatBytes,
} from '../../../src/scrape/parser/float.ts';
import { parseMediaType } from '../../../src/scrape/parser/content-type.ts';
import { scrapeFeatures } from '../../../src/scrape/features.ts';
import { acceptHeader, defaultProtocols } from '../../../src/scrape/protocols.ts';
import { parseExposition } from '../../support/parse-exposition.ts';
import { readOpenMetrics, readText } from '../../support/reference-exposition.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (body: string) => parseExposition(bytes(body), 'text');
const openmetrics = (body: string) => parseExposition(bytes(body), 'openmetrics');
const one = (labels: Record<string, string>, value: number, timestampMs?: number) => ({
  samples: [{ labels, value, timestampMs }],
  ok: true,
  error: '',
});

describe('text: what is read', () => {
  test.each([
    ['a plain sample', 'a 1\n', one({ __name__: 'a' }, 1)],
    ['no newline at the end', 'a 1', one({ __name__: 'a' }, 1)],
    ['labels', 'a{b="c",d="e"} 1\n', one({ __name__: 'a', b: 'c', d: 'e' }, 1)],
    [
      'blanks everywhere',
      ' \ta {  b = "c" , d="e" , } 1  5\t\n',
      one({ __name__: 'a', b: 'c', d: 'e' }, 1, 5),
    ],
    ['no comma between labels', 'a{b="c" d="e"} 1\n', one({ __name__: 'a', b: 'c', d: 'e' }, 1)],
    ['no blank before the value', 'a{b="c"}1\n', one({ __name__: 'a', b: 'c' }, 1)],
    ['escapes', 'a{b="\\"\\\\\\n\\x"} 1\n', one({ __name__: 'a', b: '"\\\n\\x' }, 1)],
    ['a newline inside a value', 'a{b="c\nd"} 1\n', one({ __name__: 'a', b: 'c\nd' }, 1)],
    ['a quoted metric name', '{"my.metric"} 1\n', one({ __name__: 'my.metric' }, 1)],
    [
      'quoted names',
      '{"my.metric","a.b"="x",c="y"} 1\n',
      one({ __name__: 'my.metric', 'a.b': 'x', c: 'y' }, 1),
    ],
    ['the name after labels', '{a="b","my.metric"} 1\n', one({ __name__: 'my.metric', a: 'b' }, 1)],
    ['UTF-8 values', 'a{b="日本"} 1\n', one({ __name__: 'a', b: '日本' }, 1)],
    ['empty labels', 'a{} 1\n', one({ __name__: 'a' }, 1)],
    ['an empty value', 'a{b=""} 1\n', one({ __name__: 'a' }, 1)],
    ['a timestamp in milliseconds', 'a 1 1234567890123\n', one({ __name__: 'a' }, 1, 1234567890123)],
    ['colons', ':a:b 1\n', one({ __name__: ':a:b' }, 1)],
    ['comments', '#\n# x\n#HELP\n# HELPa b\n#TYPE a b\na 1\n', one({ __name__: 'a' }, 1)],
    [
      'le of a histogram',
      '# TYPE a histogram\na_bucket{le="1"} 1\n',
      one({ __name__: 'a_bucket', le: '1.0' }, 1),
    ],
    [
      'quantile of a summary',
      '# TYPE a summary\na{quantile="0.50"} 1\n',
      one({ __name__: 'a', quantile: '0.5' }, 1),
    ],
    ['le of nothing known', 'a_bucket{le="1"} 1\n', one({ __name__: 'a_bucket', le: '1' }, 1)],
    [
      'le that is no number',
      '# TYPE a histogram\na_bucket{le="x"} 1\n',
      one({ __name__: 'a_bucket', le: 'x' }, 1),
    ],
    ['help of any text', '# HELP a b\\\\c\\nd "e"\n# HELP b\na 1\n', one({ __name__: 'a' }, 1)],
    ['NUL ends the body', 'a 1\n\0b 2\n', one({ __name__: 'a' }, 1)],
    ['nothing', '', { samples: [], ok: true, error: '' }],
    ['blank lines', '\n\n \n\t\n', { samples: [], ok: true, error: '' }],
  ])('%s', (_, body, expected) => {
    expect(text(body)).toEqual(expected);
  });

  test.each([
    ['1', 1],
    ['-1', -1],
    ['+1.5', 1.5],
    ['.5', 0.5],
    ['5.', 5],
    ['1e3', 1000],
    ['1E-3', 0.001],
    ['-0', -0],
    ['NaN', NaN],
    ['nan', NaN],
    ['+Inf', Infinity],
    ['-inf', -Infinity],
    ['infinity', Infinity],
    ['0.1', 0.1],
    ['123456789012345678', 123456789012345680],
    ['0.30000000000000004', 0.30000000000000004],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    ['5e-324', 5e-324],
    ['1e-400', 0],
    ['00012', 12],
  ])('the value %s', (shown, value) => {
    expect(text(`a ${shown}\n`)).toEqual(one({ __name__: 'a' }, value));
    expect(openmetrics(`a ${shown}\n# EOF\n`)).toEqual(one({ __name__: 'a' }, value));
  });
});

describe("text: what is refused, in Prometheus' words", () => {
  test.each([
    ['<html>\n', 'expected a valid start token, got "<" ("INVALID") while parsing: "<"'],
    ['a\n', 'expected value after metric, got "\\n" ("INVALID") while parsing: "a\\n"'],
    ['a{b="c"}\n', 'expected value after metric, got "\\n" ("INVALID") while parsing: "a{b=\\"c\\"}\\n"'],
    [
      'a{b="c"} {d="e"} 1\n',
      'expected value after metric, got "{d" ("BOPEN") while parsing: "a{b=\\"c\\"} {d"',
    ],
    ['a b\n', 'strconv.ParseFloat: parsing "b": invalid syntax while parsing: "a b"'],
    ['a 1_0\n', 'unsupported character in float while parsing: "a 1_0"'],
    ['a 0x1p-2\n', 'unsupported character in float while parsing: "a 0x1p-2"'],
    ['a 0x12\n', 'strconv.ParseFloat: parsing "0x12": invalid syntax while parsing: "a 0x12"'],
    ['a 1e\n', 'strconv.ParseFloat: parsing "1e": invalid syntax while parsing: "a 1e"'],
    ['a .\n', 'strconv.ParseFloat: parsing ".": invalid syntax while parsing: "a ."'],
    ['a +NaN\n', 'strconv.ParseFloat: parsing "+NaN": invalid syntax while parsing: "a +NaN"'],
    ['a 1e999\n', 'strconv.ParseFloat: parsing "1e999": value out of range while parsing: "a 1e999"'],
    ['a 1\r\n', 'strconv.ParseFloat: parsing "1\\r": invalid syntax while parsing: "a 1\\r"'],
    ['a 1 -5\n', 'expected timestamp or new record, got "-" ("INVALID") while parsing: "a 1 -"'],
    ['a 1 1.5\n', 'expected next entry after timestamp, got "." ("INVALID") while parsing: "a 1 1."'],
    [
      'a 1 1 1\n',
      'expected next entry after timestamp, got "1\\n" ("TIMESTAMP") while parsing: "a 1 1 1\\n"',
    ],
    [
      'a 1 99999999999999999999\n',
      'strconv.ParseInt: parsing "99999999999999999999": value out of range while parsing: "a 1 99999999999999999999"',
    ],
    ['a{b} 1\n', 'expected equal, got "} " ("BCLOSE") while parsing: "a{b} "'],
    ['a{b=c} 1\n', 'expected label value, got "c" ("INVALID") while parsing: "a{b=c"'],
    ['a{,} 1\n', 'expected label name, got ",}" ("COMMA") while parsing: "a{,}"'],
    ['a{b="c\n', 'expected label value, got "\\"c\\n\\n" ("INVALID") while parsing: "a{b=\\"c\\n\\n"'],
    ['{b="c"} 1\n', 'metric name not set while parsing: "{b=\\"c\\"}"'],
    ['a{"b"} 1\n', 'metric name already set while parsing: "a{\\"b\\"}"'],
    ['a{b="c",b="d"} 1\n', 'label name "b" is not unique: invalid sample'],
    ['# TYPE a wibble\n', 'invalid metric type "wibble"'],
    ['# TYPE a  counter\n', 'invalid metric type " counter"'],
    ['# TYPE 9 counter\n', 'expected metric name after TYPE, got "9" ("INVALID") while parsing: "# TYPE 9"'],
  ])('%j', (body, error) => {
    expect(text(body).error).toBe(error);
  });

  test('invalid UTF-8 in a label value and in help', () => {
    const value = Buffer.concat([bytes('a{b="'), Buffer.from([0xff]), bytes('"} 1\n')]);
    expect(parseExposition(value, 'text').error).toBe('invalid UTF-8 label value: "\\"\\xff\\""');
    const help = Buffer.concat([bytes('# HELP a '), Buffer.from([0xc3]), bytes('\n')]);
    expect(parseExposition(help, 'text').error).toBe('help text "\\xc3" is not a valid utf8 string');
  });

  test('samples before the error count', () => {
    expect(text('a 1\nb 2\nc\n').samples).toHaveLength(2);
  });
});

describe('OpenMetrics', () => {
  test.each([
    ['a sample', 'a_total 1\n# EOF\n', one({ __name__: 'a_total' }, 1)],
    ['no newline after EOF', 'a 1\n# EOF', one({ __name__: 'a' }, 1)],
    ['seconds', 'a 1 1.5\n# EOF\n', one({ __name__: 'a' }, 1, 1500)],
    ['negative seconds', 'a 1 -1\n# EOF\n', one({ __name__: 'a' }, 1, -1000)],
    ['an exemplar', 'a 1 # {id="x"} 2 3\n# EOF\n', one({ __name__: 'a' }, 1)],
    ['an exemplar after a time', 'a 1 2 # {} 2\n# EOF\n', one({ __name__: 'a' }, 1, 2000)],
    [
      'all meta lines',
      '# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# HELP a_seconds x\na_seconds 1\n# EOF\n',
      one({ __name__: 'a_seconds' }, 1),
    ],
    [
      'quoted names',
      '# TYPE "a.b" counter\n{"a.b","c.d"="e"} 1\n# EOF\n',
      one({ __name__: 'a.b', 'c.d': 'e' }, 1),
    ],
  ])('reads %s', (_, body, expected) => {
    expect(openmetrics(body)).toEqual(expected);
  });

  test.each([
    ['', 'data does not end with # EOF'],
    ['a 1\n', 'data does not end with # EOF'],
    ['a 1', 'data does not end with # EOF'],
    ['a 1\n# EOF\nb 1\n', 'unexpected data after # EOF'],
    ['\n# EOF\n', 'expected a valid start token, got "\\n" ("INVALID") while parsing: "\\n"'],
    ['# a comment\n# EOF\n', 'expected a valid start token, got "# a" ("INVALID") while parsing: "# a"'],
    ['#EOF\n', 'expected a valid start token, got "#E" ("INVALID") while parsing: "#E"'],
    ['a  1\n# EOF\n', 'expected value after metric, got "  " ("INVALID") while parsing: "a  "'],
    [
      'a{b="c" } 1\n# EOF\n',
      'expected comma or brace close, got " " ("INVALID") while parsing: "a{b=\\"c\\" "',
    ],
    ['a{b="c"}1\n# EOF\n', 'expected value after metric, got "1" ("INVALID") while parsing: "a{b=\\"c\\"}1"'],
    ['a 1 NaN\n# EOF\n', 'invalid timestamp NaN'],
    ['# UNIT a seconds\n# EOF\n', 'unit "seconds" not a suffix of metric "a"'],
    ['# TYPE a\n# EOF\n', 'expected text in TYPE'],
    ['# TYPE a untyped\n# EOF\n', 'invalid metric type "untyped"'],
    ['a 1 # {"x"} 1\n# EOF\n', 'expected label name, got "} " ("BCLOSE") while parsing: "a 1 # {\\"x\\"} "'],
  ])('refuses %j', (body, error) => {
    expect(openmetrics(body).error).toBe(error);
  });
});

const BITS = [
  'a',
  'b_total',
  'x:y',
  '{',
  '}',
  '"',
  '=',
  ',',
  ' ',
  '  ',
  '\t',
  '\n',
  '\\',
  '\\n',
  '\\"',
  '#',
  '# ',
  '# TYPE ',
  '# HELP ',
  '# UNIT ',
  '# EOF\n',
  ' # {',
  'counter',
  'histogram',
  'summary',
  'le="1"',
  'quantile="0.5"',
  '1',
  '2.5',
  'NaN',
  '-Inf',
  '1e3',
  '1_0',
  '0x1',
  '9',
  'é',
  '日',
  '\0',
  '\r',
  '"m.n"',
  'a{b="c"} 1\n',
  'a 1 2\n',
];
const soup = fc.array(fc.constantFrom(...BITS), { maxLength: 24 }).map((parts) => parts.join(''));

const labelName = fc.constantFrom('a', 'b', 'le', 'quantile', 'code', '"x.y"');
const labelValue = fc.string({
  unit: fc.constantFrom('x', '1', '.', 'é', '\\\\', '\\"', '\\n', ' ', '{', '#'),
  maxLength: 5,
});
const number = fc.oneof(
  fc.double().map(String),
  fc.integer().map(String),
  fc.constantFrom('+Inf', '-Inf', 'NaN', '1e5'),
);
const pair = fc.tuple(labelName, labelValue).map(([name, value]) => `${name}="${value}"`);
const series = fc
  .tuple(
    fc.constantFrom('a', 'b_bucket', 'c:d'),
    fc.uniqueArray(pair, { maxLength: 3, selector: (p) => p.split('=')[0]! }),
  )
  .map(([name, pairs]) => (pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`));
const line = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(series, number).map(([s, n]) => `${s} ${n}\n`) },
  { weight: 1, arbitrary: fc.tuple(series, number, fc.nat()).map(([s, n, t]) => `${s} ${n} ${t}\n`) },
  { weight: 1, arbitrary: fc.constantFrom('# TYPE b histogram\n', '# TYPE a summary\n', '# HELP a x y\n') },
);
const wellFormed = fc.array(line, { maxLength: 12 }).map((lines) => lines.join(''));

describe('parsers against the plain reference', () => {
  const same = (body: Uint8Array, format: 'text' | 'openmetrics'): void => {
    const { samples, ok } = parseExposition(body, format);
    expect({ samples, ok }).toEqual(format === 'text' ? readText(body) : readOpenMetrics(body));
  };

  test('text soup', () => {
    fc.assert(
      fc.property(soup, (body) => {
        same(bytes(body), 'text');
      }),
      { numRuns: 3000 },
    );
  });

  test.each(['a 1\0', 'a 1 2\0', 'a 1 # {} 1\0', 'a{b="c"} 1\0\n'])(
    'OpenMetrics with a NUL byte: %j',
    (body) => {
      same(bytes(`${body}# EOF\n`), 'openmetrics');
    },
  );

  test('OpenMetrics soup', () => {
    fc.assert(
      fc.property(soup, (body) => {
        same(bytes(`${body}# EOF\n`), 'openmetrics');
      }),
      { numRuns: 3000 },
    );
  });

  test('well-formed bodies', () => {
    fc.assert(
      fc.property(wellFormed, (body) => {
        expect(text(body).ok).toBe(true);
        same(bytes(body), 'text');
        same(bytes(`${body}# EOF\n`), 'openmetrics');
      }),
      { numRuns: 500 },
    );
  });

  test('any bytes: no error but its own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (body) => {
        same(body, 'text');
        same(body, 'openmetrics');
      }),
      { numRuns: 3000 },
    );
  });

  test('a hint that is wrong in one byte is not taken', () => {
    fc.assert(
      fc.property(series, fc.nat(), fc.integer({ min: 1, max: 255 }), (text, place, change) => {
        const right = new Uint8Array(Buffer.from(text));
        const wrong = right.slice();
        wrong[place % wrong.length]! ^= change;
        for (const hint of [right, wrong]) {
          const parser = new TextParser(bytes(`${text} 1\n`));
          // Not at the start of its memory, as those of a cache are not.
          const shifted = new Uint8Array([0, ...hint, 0]);
          parser.hint(shifted, 1, hint.length);
          expect(parser.next()).toBe(Entry.series);
          expect(parser.hinted).toBe(hint === right);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('a hint, right or wrong, changes nothing', () => {
    fc.assert(
      fc.property(fc.oneof(soup, wellFormed), series, fc.boolean(), (body, other, om) => {
        const full = bytes(om ? `${body}# EOF\n` : body);
        const plain = om ? new OpenMetricsParser(full) : new TextParser(full);
        const hinted = om ? new OpenMetricsParser(full) : new TextParser(full);
        const wrong = bytes(other);
        for (;;) {
          const expected = tryNext(plain);
          const start = plain.seriesStart;
          if (expected === Entry.series) hinted.hint(full, start, plain.seriesEnd - start);
          else if (expected === Entry.meta)
            hinted.hint(full, plain.lineStart, plain.lineEnd - plain.lineStart);
          else hinted.hint(wrong, 0, wrong.length);
          const found = tryNext(hinted);
          expect(found).toBe(expected);
          if (typeof expected === 'string' || expected === Entry.end) return;
          if (expected === Entry.series) {
            expect(sampleOf(hinted)).toEqual(sampleOf(plain));
          }
          hinted.metricType = plain.metricType;
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function tryNext(parser: TextParser | OpenMetricsParser): Entry | string {
  try {
    return parser.next();
  } catch (error) {
    return (error as Error).message;
  }
}

function sampleOf(parser: TextParser | OpenMetricsParser): unknown {
  const { seriesStart, seriesEnd, value, timestampMs } = parser;
  return { series: Buffer.from(parser.body.subarray(seriesStart, seriesEnd)).toString(), value, timestampMs };
}

describe('floats', () => {
  test('any decimal text is read as Number reads it', () => {
    const digits = fc.string({
      unit: fc.constantFrom('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'),
      maxLength: 22,
    });
    const decimal = fc
      .tuple(
        fc.constantFrom('', '-', '+'),
        digits,
        fc.option(digits),
        fc.option(fc.integer({ min: -330, max: 310 })),
      )
      .map(
        ([sign, whole, fraction, exponent]) =>
          `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`,
      );
    // What programs print: doubles of everyday size with 15 to 19 digits.
    const printed = fc
      .tuple(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), fc.integer({ min: 15, max: 19 }))
      .map(([value, precision]) => value.toPrecision(precision));
    fc.assert(
      fc.property(fc.oneof(decimal, fc.double().map(String), printed), (shown) => {
        const value = parseFloatBytes(bytes(shown), 0, shown.length);
        const valid = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/.test(shown);
        if (!valid) return;
        const expected = Number(shown);
        if (Number.isFinite(expected)) expect(value).toBe(expected);
        else expect(floatState.error).toBe(FloatError.range);
      }),
      { numRuns: 20_000 },
    );
  });

  test.each([
    [1, '1.0'],
    [0, '0.0'],
    [-0, '0.0'],
    [-1, '-1.0'],
    [0.5, '0.5'],
    [100, '100.0'],
    [999999, '999999.0'],
    [1e6, '1e+06'],
    [1234567, '1.234567e+06'],
    [1e21, '1e+21'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
    [NaN, 'NaN'],
  ])('%d is written %s', (value, shown) => {
    expect(formatOpenMetricsFloat(value)).toBe(shown);
  });
});

describe('content negotiation', () => {
  test.each([
    ['text/plain', 'text/plain'],
    ['Text/Plain; version=0.0.4; charset=utf-8', 'text/plain'],
    ['application/openmetrics-text; version=1.0.0; escaping="allow-utf-8"', 'application/openmetrics-text'],
    ['text/plain;', 'text/plain'],
    ['text/plain; =x', undefined],
    ['text/plain; a=1; a=2', undefined],
    ['te xt/plain', undefined],
    ['/', undefined],
  ])('%j', (header, mediaType) => {
    expect(parseMediaType(header)).toBe(mediaType);
  });

  test('Accept names what was asked for, most wanted first', () => {
    expect(acceptHeader(['PrometheusText0.0.4', 'OpenMetricsText1.0.0'], 'underscores')).toBe(
      'text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.5,*/*;q=0.4',
    );
    expect(acceptHeader(defaultProtocols(true, scrapeFeatures(new Set())), 'values')).toBe(
      'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,' +
        'application/openmetrics-text;version=1.0.0;escaping=values;q=0.5,' +
        'application/openmetrics-text;version=0.0.1;q=0.4,' +
        'text/plain;version=1.0.0;escaping=values;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
    );
    for (const feature of ['st-storage', 'created-timestamp-zero-ingestion'])
      expect(defaultProtocols(false, scrapeFeatures(new Set([feature])))[0]).toBe('PrometheusProto');
    expect(defaultProtocols(false, scrapeFeatures(new Set()))).toEqual([
      'OpenMetricsText1.0.0',
      'OpenMetricsText0.0.1',
      'PrometheusText1.0.0',
      'PrometheusText0.0.4',
    ]);
  });
});
