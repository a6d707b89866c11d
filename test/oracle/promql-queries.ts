import type { SeededRandom } from '../../src/core/seeded-random.ts';

/**
 * Random PromQL over the series of promql-data.ts, of the language that Prometheus 2.42 and 3.x share. Ranges and steps
 * are such that no sample and no subquery step lies on a window's edge, as 2.42 still counted those in.
 */
export class QueryGenerator {
  readonly #random: SeededRandom;
  #inSubquery = false;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** An instant vector expression of at most `depth` levels. */
  vector(depth: number): string {
    if (depth <= 0) return this.#selector();
    return this.#pick([
      () => this.#selector(),
      () => this.#mapped(depth),
      () => this.#overRange(),
      () => this.#overRange(),
      () => (this.#inSubquery ? this.#overRange() : this.#overSubquery(depth)),
      () => this.#aggregated(depth),
      () => this.#aggregated(depth),
      () => this.#withScalar(depth),
      () => this.#joined(depth),
      () => this.#joined(depth),
      () => this.#setOperation(depth),
      () => this.#relabelled(depth),
      () => `histogram_quantile(${this.#phi()}, ${this.#buckets()})`,
      () => `absent(${this.vector(depth - 1)})`,
      () => `-${this.#parenthesised(depth - 1)}`,
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
    return this.#pick(['', '', '', '', ' offset 7m', ' offset -3m', ' @ end()', ' @ start() offset 2m']);
  }

  #name(): string {
    return this.#pick(['gauge', 'gauge', 'c_total', 'odd', 'gappy', 'one']);
  }

  #selector(): string {
    return `${this.#name()}${this.#matchers()}${this.#modifiers()}`;
  }

  #range(): string {
    return this.#pick(['[50s]', '[2m]', '[5m]', '[11m]', '[1h]']);
  }

  #phi(): string {
    return this.#pick(['0', '0.25', '0.5', '0.9', '0.99', '1', '1.5', '-1']);
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

  #mapped(depth: number): string {
    const inner = this.vector(depth - 1);
    const call = this.#pick([
      'abs ceil floor exp sqrt ln log2 log10 sgn round sin cos tan atan sinh tanh deg rad timestamp sort'.split(
        ' ',
      ),
    ]);
    return this.#pick([
      `${this.#pick(call)}(${inner})`,
      `${this.#pick(call)}(${inner})`,
      `${this.#pick('minute hour day_of_week day_of_month day_of_year days_in_month month year'.split(' '))}(gauge * 1e6)`,
      `round(${inner}, 0.5)`,
      `clamp(${inner}, -10, 50)`,
      `clamp_min(${inner}, 3)`,
      `clamp_max(${inner}, 3)`,
      `vector(scalar(${inner}))`,
    ]);
  }

  #rangeCall(range: string): string {
    const call = this.#pick(
      (
        'rate increase irate delta idelta deriv changes resets avg_over_time min_over_time max_over_time sum_over_time ' +
        'count_over_time stddev_over_time stdvar_over_time last_over_time present_over_time absent_over_time'
      ).split(' '),
    );
    return this.#pick([
      `${call}(${range})`,
      `${call}(${range})`,
      `${call}(${range})`,
      `quantile_over_time(${this.#phi()}, ${range})`,
      `predict_linear(${range}, 600)`,
    ]);
  }

  #overRange(): string {
    return this.#rangeCall(`${this.#name()}${this.#matchers()}${this.#range()}${this.#modifiers()}`);
  }

  #overSubquery(depth: number): string {
    const resolution = this.#pick(['10s', '30s', '1m']);
    const range = this.#pick(['2m', '5m', '13m']);
    // Not one in another: the inner one's window edges would lie on its steps.
    this.#inSubquery = true;
    const inner = this.#parenthesised(depth - 1);
    this.#inSubquery = false;
    return this.#rangeCall(`${inner}[${range}:${resolution}]${this.#modifiers()}`);
  }

  #grouping(): string {
    return this.#pick(['', ' by (g)', ' by (i)', ' by (g, i)', ' without (i)', ' without (g)', ' by ()']);
  }

  #aggregated(depth: number): string {
    const inner = this.vector(depth - 1);
    const grouping = this.#grouping();
    const plain = this.#pick('sum avg min max count group stddev stdvar'.split(' '));
    return this.#pick([
      `${plain}${grouping} (${inner})`,
      `${plain}${grouping} (${inner})`,
      `${plain}${grouping} (${inner})`,
      `quantile${grouping} (${this.#phi()}, ${inner})`,
      `${this.#pick(['topk', 'bottomk'])}${grouping} (${this.#pick(['1', '2', '3'])}, ${this.#withoutTies()})`,
      `count_values${grouping} ("v", floor(${this.#withoutTies()} / 50))`,
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

  #scalar(): string {
    return this.#pick([
      '2',
      '0',
      '-1.5',
      '100',
      'scalar(one)',
      'scalar(sum(gauge))',
      'pi()',
      '(time() - 1.7e9)',
    ]);
  }

  #withScalar(depth: number): string {
    const inner = this.#parenthesised(depth - 1);
    return this.#chance(0.5)
      ? `${inner} ${this.#operator()} ${this.#scalar()}`
      : `${this.#scalar()} ${this.#operator()} ${inner}`;
  }

  #joined(depth: number): string {
    const left = this.#parenthesised(depth - 1);
    const right = this.#parenthesised(depth - 1);
    const matching = this.#pick([
      '',
      '',
      ' on (i)',
      ' on (g, i)',
      ' ignoring (g)',
      ' on (i) group_left',
      ' on (i) group_left (g)',
      ' ignoring (g) group_right',
      ' on (g) group_left',
      ' on ()',
    ]);
    return `${left} ${this.#operator()}${matching} ${right}`;
  }

  #setOperation(depth: number): string {
    const op = this.#pick(['and', 'or', 'unless']);
    const matching = this.#pick(['', '', ' on (i)', ' ignoring (g)', ' on ()']);
    return `${this.#parenthesised(depth - 1)} ${op}${matching} ${this.#parenthesised(depth - 1)}`;
  }

  #relabelled(depth: number): string {
    const inner = this.vector(depth - 1);
    return this.#pick([
      `label_replace(${inner}, "n", "$1-$2", "g", "(.)(.*)")`,
      `label_replace(${inner}, "i", "", "i", "2")`,
      `label_join(${inner}, "both", "/", "g", "i")`,
    ]);
  }
}
