import type { LocalQueryEngineOptions } from './engine.ts';
import { OWN_FUNCTIONS } from './functions/own-functions.ts';
import type { ParserFeatures } from './parser/parse-expr.ts';
import type { ParseOptions } from './parser/parse.ts';

/** What `--enable-feature` says about PromQL; plain data, so that threads can be told. */
export interface PromqlFeatures {
  readonly parser: ParserFeatures;
  readonly delayedNameRemoval: boolean;
  readonly typeAndUnitLabels: boolean;
  readonly useStartTimestamps: boolean;
  /** Functions that Prometheus doesn't have. */
  readonly ownFunctions: boolean;
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
    typeAndUnitLabels: names.has('type-and-unit-labels'),
    useStartTimestamps: names.has('use-start-timestamps'),
    ownFunctions: names.has('tocsin-functions'),
    perStepStats: names.has('promql-per-step-stats'),
  };
}

/** What a parser accepts that has these features. */
export function parseOptionsOf(features: PromqlFeatures): ParseOptions {
  if (!features.ownFunctions) return { features: features.parser };
  return { features: features.parser, functions: OWN_FUNCTIONS.signatures };
}

/** The options of an engine that has these features. */
export function engineFeatures(
  features: PromqlFeatures,
): Pick<
  LocalQueryEngineOptions,
  | 'parseOptions'
  | 'delayedNameRemoval'
  | 'typeAndUnitLabels'
  | 'useStartTimestamps'
  | 'ownFunctions'
  | 'perStepStats'
> {
  const { delayedNameRemoval, typeAndUnitLabels, useStartTimestamps, ownFunctions, perStepStats } = features;
  return {
    parseOptions: parseOptionsOf(features),
    delayedNameRemoval,
    typeAndUnitLabels,
    useStartTimestamps,
    perStepStats,
    ...(ownFunctions && { ownFunctions: OWN_FUNCTIONS }),
  };
}
