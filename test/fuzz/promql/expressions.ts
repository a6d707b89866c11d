import type { SeededRandom } from '../../../src/core/seeded-random.ts';

/** What the expressions are for. */
export interface ExpressionOptions {
  readonly random: SeededRandom;
  /**
   * Everything PromQL has. Off for Prometheus 2.42: the language that it shares with 3.x, with ranges and steps such
   * that no sample and no subquery step lies on a window's edge, as 2.42 still counted those in.
   */
  readonly full: boolean;
}

const MATH =
  'abs ceil floor sqrt sgn round exp ln log2 log10 sin cos tan atan sinh tanh deg rad timestamp sort'.split(
    ' ',
  );
const MATH_FULL = 'acos acosh asin asinh atanh cosh sort_desc'.split(' ');
const CALENDAR = 'minute hour day_of_week day_of_month day_of_year days_in_month month year'.split(' ');
const OVER_RANGE =
  'rate increase irate delta idelta deriv changes resets avg_over_time min_over_time max_over_time sum_over_time count_over_time stddev_over_time stdvar_over_time last_over_time present_over_time absent_over_time'.split(
    ' ',
  );
const OVER_RANGE_FULL =
  'first_over_time mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_min_over_time ts_of_max_over_time'.split(
    ' ',
  );
const GIVING_HISTOGRAMS =
  'rate increase irate delta idelta avg_over_time sum_over_time last_over_time first_over_time'.split(' ');
const FLOAT_METRICS = ['gauge', 'gauge', 'c_total', 'odd', 'gappy', 'sparse', 'one'];
const HISTOGRAM_METRICS = ['nh', 'nh', 'nh_gauge', 'nhcb', 'mixed'];

/** Random well-typed PromQL over the series of data.ts. */
export class ExpressionMaker {
  readonly #random: SeededRandom;
  readonly #full: boolean;
  #inSubquery = false;

  constructor({ random, full }: ExpressionOptions) {
    this.#random = random;
    this.#full = full;
  }

  /** An expression of at most `depth` levels: an instant vector, at times a scalar. */
  any(depth: number): string {
    return this.#chance(0.04) ? this.scalar(depth) : this.vector(depth);
  }

  /** An instant vector; in full data it may have native histograms in it. */
  vector(depth: number): string {
    if (this.#full && this.#chance(0.22)) return this.histograms(depth);
    if (depth <= 1) return this.#selector(this.#pick(FLOAT_METRICS));
    const below = depth - 1;
    return this.#pick([
      () => this.#selector(this.#pick(FLOAT_METRICS)),
      () => this.#mapped(below),
      () => this.#overRange(),
      () => this.#overRange(),
      () => (this.#inSubquery && !this.#full ? this.#overRange() : this.#overSubquery(below)),
      () => this.#aggregated(below),
      () => this.#aggregated(below),
      () => this.#withScalar(below),
      () => this.#joined(below),
      () => this.#joined(below),
      () => this.#setOperation(below),
      () => this.#relabelled(below),
      () => this.#ofClassic(),
      () => this.#ofNative(below),
      () => `absent(${this.vector(below)})`,
      () => `-${this.#parenthesised(below)}`,
      () => (this.#full ? this.#experimental(below) : this.#aggregated(below)),
    ])();
  }

  /** An instant vector of native histograms for the most part. */
  histograms(depth: number): string {
    const name = this.#pick(HISTOGRAM_METRICS);
    if (depth <= 1) return this.#selector(name);
    const below = depth - 1;
    return this.#pick([
      () => this.#selector(name),
      () => `${this.#pick(GIVING_HISTOGRAMS)}(${this.#windowOf(name)})`,
      () => `${this.#pick(GIVING_HISTOGRAMS)}(${this.#windowOf(name)})`,
      () => `${this.#pick(['sum', 'avg'])}${this.#grouping()} (${this.histograms(below)})`,
      () => `(${this.histograms(below)}) ${this.#pick(['*', '/'])} ${this.scalar(below)}`,
      () => `(${this.histograms(below)}) ${this.#pick(['+', '-', '==', '!='])} (${this.histograms(below)})`,
      () =>
        `${this.#parenthesisedHistograms(below)} ${this.#pick(['>/', '</'])} ${this.#pick(['0', '1', '-0.5', '3', 'scalar(one)'])}`,
      () => `-${this.#parenthesisedHistograms(below)}`,
      () => `limitk${this.#grouping()} (2, ${this.#named(name)})`,
      () =>
        `${this.#pick(GIVING_HISTOGRAMS)}(${this.#parenthesisedHistograms(below)}[${this.#pick(['3m', '10m'])}:${this.#pick(['30s', '1m'])}])`,
    ])();
  }

  /** A scalar. */
  scalar(depth: number): string {
    const plain = ['2', '0', '-1.5', '100', 'scalar(one)', 'scalar(sum(gauge))', 'pi()', '(time() - 600)'];
    if (this.#full)
      plain.push(
        'NaN',
        'Inf',
        'step()',
        'range()',
        '(end() - start())',
        'min_of(3, step())',
        '1m30s',
        '0x1f',
      );
    if (depth <= 1 || this.#chance(0.7)) return this.#pick(plain);
    const below = depth - 1;
    return this.#pick([
      () => `scalar(${this.vector(below)})`,
      () => `(${this.scalar(below)} ${this.#arithmetic()} ${this.scalar(below)})`,
      () => `(${this.scalar(below)} ${this.#pick(['<', '>=', '==', '!='])} bool ${this.scalar(below)})`,
      () => `-${this.#pick(plain)}`,
    ])();
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random.next() * choices.length)]!;
  }

  #chance(share: number): boolean {
    return this.#random.next() < share;
  }

  #parenthesised(depth: number): string {
    return `(${this.vector(depth)})`;
  }

  #parenthesisedHistograms(depth: number): string {
    return `(${this.histograms(depth)})`;
  }

  #matchers(): string {
    return this.#pick([
      '',
      '',
      '{i="1"}',
      '{i!="1"}',
      '{i=~"1|2"}',
      '{g=~"a.*"}',
      '{g!~"a.*", i!=""}',
      '{absent=""}',
    ]);
  }

  #modifiers(): string {
    const some = ['', '', '', '', ' offset 7m', ' offset -3m', ' @ end()', ' @ start() offset 2m'];
    if (this.#full) some.push(' offset (step() * 2)', ' @ 3600', ' @ 1800.5 offset 15s');
    return this.#pick(some);
  }

  #selector(name: string): string {
    if (this.#full && this.#chance(0.05))
      return this.#pick(['{__name__=~"gauge|c_total"}', '{g="a", i="1"}', '{"gauge", i="1"}']);
    const smoothed = this.#full && this.#chance(0.06) && FLOAT_METRICS.includes(name) ? ' smoothed' : '';
    return `${name}${this.#matchers()}${smoothed}${this.#modifiers()}`;
  }

  /** Of one metric: the order of its series is known, and so is which of equal values is taken. */
  #named(name: string): string {
    return `${name}${this.#matchers()}${this.#modifiers()}`;
  }

  #range(): string {
    const some = ['[50s]', '[2m]', '[5m]', '[11m]', '[1h]'];
    if (this.#full) some.push('[15s]', '[1ms]', '[45s]', '[step() + 1m]', '[max_of(step(), 3m)]');
    return this.#pick(some);
  }

  #windowOf(name: string): string {
    return `${name}${this.#matchers()}${this.#range()}${this.#modifiers()}`;
  }

  #phi(): string {
    const some = ['0', '0.25', '0.5', '0.9', '0.99', '1', '1.5', '-1'];
    if (this.#full) some.push('NaN', 'scalar(one) / 3');
    return this.#pick(some);
  }

  #buckets(): string {
    return this.#pick([
      'h_bucket',
      'h_bucket{i="1"}',
      'rate(h_bucket[5m])',
      'sum by (le) (rate(h_bucket[5m]))',
      'sum by (le, i) (h_bucket)',
    ]);
  }

  #ofClassic(): string {
    if (this.#full && this.#chance(0.3))
      return `histogram_fraction(${this.#pick(['0', '-Inf', '0.3'])}, ${this.#pick(['1', '+Inf', '0.2', 'NaN'])}, ${this.#buckets()})`;
    if (this.#full && this.#chance(0.2))
      return `histogram_quantiles(${this.#buckets()}, "q", ${this.#phi()}, 0.75)`;
    return `histogram_quantile(${this.#phi()}, ${this.#buckets()})`;
  }

  #ofNative(depth: number): string {
    if (!this.#full) {
      const inner = this.#pick([
        `nh${this.#matchers()}`,
        `rate(nh${this.#matchers()}[5m])`,
        `increase(nh[11m])`,
        `sum by (g) (nh)`,
        `sum (rate(nh[5m]))`,
      ]);
      return `${this.#pick(['histogram_count', 'histogram_sum'])}(${inner})`;
    }
    const inner = this.histograms(depth);
    const counted = this.#countingHistograms();
    return this.#pick([
      `histogram_quantile(${this.#phi()}, ${counted})`,
      `histogram_fraction(${this.#pick(['0', '-Inf', '-1', '0.3'])}, ${this.#pick(['1', '+Inf', '0.5', '3'])}, ${counted})`,
      `histogram_quantiles(${counted}, "q", 0.1, ${this.#phi()})`,
      ...'count sum avg stddev stdvar'.split(' ').map((part) => `histogram_${part}(${inner})`),
    ]);
  }

  /**
   * Histograms without negative counts: in those a quantile is the bound of the last bucket, and which empty one that
   * is depends on the neighbours in a chunk.
   */
  #countingHistograms(): string {
    const window = this.#windowOf(this.#pick(HISTOGRAM_METRICS));
    const inner = this.#pick([
      this.#selector(this.#pick(HISTOGRAM_METRICS)),
      `${this.#pick(['rate', 'increase', 'irate', 'sum_over_time', 'avg_over_time', 'last_over_time'])}(${window})`,
    ]);
    return this.#pick([
      inner,
      inner,
      `${this.#pick(['sum', 'avg'])}${this.#grouping()} (${inner})`,
      `(${inner}) ${this.#pick(['>/', '</'])} ${this.#pick(['0', '1', '-0.5', '3'])}`,
      `(${inner}) * 2`,
    ]);
  }

  #mapped(depth: number): string {
    const inner = this.vector(depth);
    const call = this.#pick(this.#full ? [...MATH, ...MATH_FULL] : MATH);
    return this.#pick([
      `${call}(${inner})`,
      `${call}(${inner})`,
      `${this.#pick(CALENDAR)}(gauge * 1e6)`,
      `round(${inner}, ${this.#full ? this.scalar(1) : '0.5'})`,
      `clamp(${inner}, -10, ${this.#full ? this.scalar(1) : '50'})`,
      `clamp_min(${inner}, 3)`,
      `clamp_max(${inner}, 3)`,
      `vector(scalar(${inner}))`,
      ...(this.#full ? [`vector(${this.scalar(depth)})`, `${this.#pick(CALENDAR)}()`] : []),
    ]);
  }

  #rangeCall(range: string): string {
    const call = this.#pick(this.#full ? [...OVER_RANGE, ...OVER_RANGE, ...OVER_RANGE_FULL] : OVER_RANGE);
    return this.#pick([
      `${call}(${range})`,
      `${call}(${range})`,
      `${call}(${range})`,
      `quantile_over_time(${this.#phi()}, ${range})`,
      `predict_linear(${range}, ${this.#full ? this.scalar(1) : '600'})`,
      ...(this.#full ? [`double_exponential_smoothing(${range}, 0.3, ${this.#pick(['0.5', '0.9'])})`] : []),
    ]);
  }

  #overRange(): string {
    const metrics = this.#full ? [...FLOAT_METRICS, 'mixed', 'nh', 'nhcb'] : FLOAT_METRICS;
    const name = this.#pick(metrics);
    if (this.#full && this.#chance(0.12)) {
      const [calls, word] = this.#chance(0.5)
        ? ['rate increase delta changes resets', 'anchored']
        : ['rate increase delta', 'smoothed'];
      return `${this.#pick(calls.split(' '))}(${name}${this.#matchers()}${this.#range()} ${word}${this.#modifiers()})`;
    }
    return this.#rangeCall(this.#windowOf(name));
  }

  #overSubquery(depth: number): string {
    const resolution = this.#pick(this.#full ? ['10s', '30s', '1m', '', '7s'] : ['10s', '30s', '1m']);
    const range = this.#pick(['2m', '5m', '13m']);
    // For 2.42 not one in another: the inner one's window edges would lie on its steps.
    const outer = this.#inSubquery;
    this.#inSubquery = true;
    const inner = this.#parenthesised(depth);
    this.#inSubquery = outer;
    return this.#rangeCall(`${inner}[${range}:${resolution}]${this.#modifiers()}`);
  }

  #grouping(): string {
    return this.#pick(['', ' by (g)', ' by (i)', ' by (g, i)', ' without (i)', ' without (g)', ' by ()']);
  }

  #aggregated(depth: number): string {
    const inner = this.vector(depth);
    const grouping = this.#grouping();
    const plain = this.#pick('sum avg min max count group stddev stdvar'.split(' '));
    const ranked =
      this.#full && this.#chance(0.5)
        ? this.#named(this.#pick(['odd', 'gauge', 'sparse']))
        : this.#withoutTies();
    const counted = this.#full && this.#chance(0.3) ? inner : `floor(${this.#withoutTies()} / 50)`;
    return this.#pick([
      `${plain}${grouping} (${inner})`,
      `${plain}${grouping} (${inner})`,
      `${plain}${grouping} (${inner})`,
      `quantile${grouping} (${this.#phi()}, ${inner})`,
      `${this.#pick(['topk', 'bottomk'])}${grouping} (${this.#full ? this.#pick(['1', '2', '3', '0', 'scalar(one) + 1']) : this.#pick(['1', '2', '3'])}, ${ranked})`,
      `count_values${grouping} ("v", ${counted})`,
      ...(this.#full
        ? [
            // Of anything else Prometheus takes which a hash table has first.
            `limitk${grouping} (${this.#pick(['1', '2', '5'])}, ${this.#named(this.#pick(FLOAT_METRICS))})`,
            `limit_ratio${grouping} (${this.#pick(['0.5', '-0.3', '0', '1', '-1', '1.5'])}, ${inner})`,
          ]
        : []),
    ]);
  }

  /** Which of equal values topk takes has changed since 2.42. */
  #withoutTies(): string {
    return this.#pick([
      `gauge${this.#matchers()}${this.#modifiers()}`,
      `avg_over_time(gauge${this.#matchers()}${this.#range()})`,
      `sum${this.#grouping()} (gauge)`,
    ]);
  }

  #arithmetic(): string {
    return this.#pick(['+', '-', '*', '/', '%', '^', 'atan2']);
  }

  #comparison(): string {
    return this.#pick(['==', '!=', '<', '<=', '>', '>=']) + (this.#chance(0.4) ? ' bool' : '');
  }

  #operator(): string {
    return this.#chance(0.6) ? this.#arithmetic() : this.#comparison();
  }

  #withScalar(depth: number): string {
    const inner = this.#parenthesised(depth);
    const scalar = this.scalar(depth);
    return this.#chance(0.5)
      ? `${inner} ${this.#operator()} ${scalar}`
      : `${scalar} ${this.#operator()} ${inner}`;
  }

  #joined(depth: number): string {
    const left = this.#parenthesised(depth);
    const right = this.#parenthesised(depth);
    const fills =
      this.#full && this.#chance(0.2)
        ? this.#pick([' fill (0)', ' fill_left (1)', ' fill_right (-2)', ' fill_left (1) fill_right (NaN)'])
        : '';
    const matching = this.#pick([
      '',
      '',
      ' on (i)',
      ' on (g, i)',
      ' ignoring (g)',
      ' on (i) group_left ()',
      ' on (i) group_left (g)',
      ' ignoring (g) group_right ()',
      ' on (g) group_left ()',
      ' on ()',
    ]);
    return `${left} ${this.#operator()}${matching}${fills} ${right}`;
  }

  #setOperation(depth: number): string {
    const op = this.#pick(['and', 'or', 'unless']);
    const matching = this.#pick(['', '', ' on (i)', ' ignoring (g)', ' on ()']);
    return `${this.#parenthesised(depth)} ${op}${matching} ${this.#parenthesised(depth)}`;
  }

  #relabelled(depth: number): string {
    const inner = this.vector(depth);
    return this.#pick([
      `label_replace(${inner}, "n", "$1-$2", "g", "(.)(.*)")`,
      `label_replace(${inner}, "i", "", "i", "2")`,
      `label_join(${inner}, "both", "/", "g", "i")`,
      ...(this.#full ? [`label_replace(${inner}, "__name__", "renamed_$1", "g", "(.*)")`] : []),
    ]);
  }

  #experimental(depth: number): string {
    return this.#pick([
      () => `info(${this.#pick(['up', 'rate(up[5m])', 'up == 1', '{__name__=~"up|one"}'])})`,
      () =>
        `info(up, {${this.#pick(['version=~".+"', '__name__="build_info"', '__name__=~".*_info", build!=""', 'version="v1"'])}})`,
      () => `sort_by_label${this.#pick(['', '_desc'])}(${this.vector(depth)}, "g", "i")`,
      () => `start_timestamp(${this.#selector(this.#pick(FLOAT_METRICS))})`,
      () => `absent_over_time(${this.#pick(['nothing{a="b"}', 'gappy{i="1"}', 'odd'])}${this.#range()})`,
    ])();
  }
}
