import type { LocalQueryEngineOptions } from './engine.ts';
import type { ParserFeatures } from './parser/parse-expr.ts';

/** What `--enable-feature` says about PromQL; plain data, so that threads can be told. */
export interface PromqlFeatures {
  readonly parser: ParserFeatures;
  readonly delayedNameRemoval: boolean;
  /** Statistics per step for who asks for them with `stats=all`. */
  readonly perStepStats: boolean;
}

/** Features by the names that Prometheus gives them; names of other parts of the program are passed over. */
export function promqlFeatures(names: ReadonlySet<string>): PromqlFeatures {
  return {
    parser: {
      experimentalFunctions: names.has('promql-experimental-functions'),
      // Always there in Prometheus 3.14; its flag is still accepted.
      durationExpressions: true,
      extendedRangeSelectors: names.has('promql-extended-range-selectors'),
      fillModifiers: names.has('promql-binop-fill-modifiers'),
    },
    delayedNameRemoval: names.has('promql-delayed-name-removal'),
    perStepStats: names.has('promql-per-step-stats'),
  };
}

/** The options of an engine that has these features. */
export function engineFeatures(
  features: PromqlFeatures,
): Pick<LocalQueryEngineOptions, 'parseOptions' | 'delayedNameRemoval'> {
  return {
    parseOptions: { features: features.parser },
    delayedNameRemoval: features.delayedNameRemoval,
  };
}
