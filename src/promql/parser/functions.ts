import type { FunctionSignature, ValueType } from './ast.ts';

/** Function signatures by name; what a parser is told it may accept. */
export type FunctionTable = ReadonlyMap<string, FunctionSignature>;

type Row = readonly [
  names: string,
  argTypes: readonly ValueType[],
  returnType: ValueType,
  options?: { readonly variadic?: number; readonly experimental?: boolean },
];

const EXPERIMENTAL = { experimental: true } as const;

/** Functions that share a signature share a row. */
const ROWS: readonly Row[] = [
  ['abs ceil floor exp ln log2 log10 sqrt sgn', ['vector'], 'vector'],
  ['acos acosh asin asinh atan atanh cos cosh sin sinh tan tanh deg rad', ['vector'], 'vector'],
  ['absent sort sort_desc timestamp', ['vector'], 'vector'],
  ['histogram_avg histogram_count histogram_sum histogram_stddev histogram_stdvar', ['vector'], 'vector'],
  ['round', ['vector', 'scalar'], 'vector', { variadic: 1 }],
  ['clamp', ['vector', 'scalar', 'scalar'], 'vector'],
  ['clamp_min clamp_max', ['vector', 'scalar'], 'vector'],
  ['rate increase irate delta idelta deriv changes resets', ['matrix'], 'vector'],
  ['predict_linear', ['matrix', 'scalar'], 'vector'],
  [
    'avg_over_time min_over_time max_over_time sum_over_time count_over_time stddev_over_time stdvar_over_time ' +
      'last_over_time first_over_time present_over_time absent_over_time',
    ['matrix'],
    'vector',
  ],
  ['quantile_over_time', ['scalar', 'matrix'], 'vector'],
  ['histogram_quantile', ['scalar', 'vector'], 'vector'],
  ['histogram_fraction', ['scalar', 'scalar', 'vector'], 'vector'],
  ['label_replace', ['vector', 'string', 'string', 'string', 'string'], 'vector'],
  ['label_join', ['vector', 'string', 'string', 'string'], 'vector', { variadic: -1 }],
  ['scalar', ['vector'], 'scalar'],
  ['vector', ['scalar'], 'vector'],
  ['pi time', [], 'scalar'],
  [
    'minute hour day_of_week day_of_month day_of_year days_in_month month year',
    ['vector'],
    'vector',
    { variadic: 1 },
  ],
  [
    'mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_min_over_time ts_of_max_over_time',
    ['matrix'],
    'vector',
    EXPERIMENTAL,
  ],
  ['double_exponential_smoothing', ['matrix', 'scalar', 'scalar'], 'vector', EXPERIMENTAL],
  ['sort_by_label sort_by_label_desc', ['vector', 'string'], 'vector', { variadic: -1, experimental: true }],
  [
    'histogram_quantiles',
    ['vector', 'string', 'scalar', 'scalar'],
    'vector',
    { variadic: 9, experimental: true },
  ],
  ['info', ['vector', 'vector'], 'vector', { variadic: 1, experimental: true }],
  ['start_timestamp', ['vector'], 'vector', EXPERIMENTAL],
  ['start end step range', [], 'scalar', EXPERIMENTAL],
  ['min_of max_of', ['scalar', 'scalar'], 'scalar', EXPERIMENTAL],
];

/**
 * The 90 functions of Prometheus.
 *
 * @see prometheus promql/parser/functions.go
 */
export const PROMQL_FUNCTIONS: FunctionTable = new Map(
  ROWS.flatMap(([names, argTypes, returnType, options]) =>
    names.split(' ').map((name): [string, FunctionSignature] => [
      name,
      {
        name,
        argTypes,
        variadic: options?.variadic ?? 0,
        returnType,
        experimental: options?.experimental ?? false,
      },
    ]),
  ),
);
