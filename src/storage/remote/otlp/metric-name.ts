import { goQuote } from '../../../core/go-quote.ts';
import { unitParts, withoutInvalid } from './unit-name.ts';

/** What of a metric decides its name besides the name. */
export interface NamedMetric {
  readonly name: string;
  readonly unit: string;
  readonly isGauge: boolean;
  readonly isMonotonicSum: boolean;
}

/** How names are translated; see `otlp.translation_strategy`. */
export interface NameRules {
  readonly addSuffixes: boolean;
  readonly escape: boolean;
}

/** Why something of a request cannot become a series. */
export class TranslationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TranslationError';
  }
}

/**
 * The name of a metric in Prometheus. Throws {@link TranslationError} when nothing is left of it.
 *
 * @see prometheus/otlptranslator metric_namer.go
 */
export function metricName(metric: NamedMetric, rules: NameRules): string {
  if (!rules.escape) return rules.addSuffixes ? suffixedName(metric) : metric.name;
  const name = rules.addSuffixes ? escapedSuffixedName(metric) : escapedName(metric.name);
  if (name === '') {
    throw new TranslationError(`normalization for metric ${goQuote(metric.name)} resulted in empty name`);
  }
  if (name !== metric.name && /^_*$/.test(name)) {
    throw new TranslationError(
      `normalization for metric ${goQuote(metric.name)} resulted in invalid name ${goQuote(name)}`,
    );
  }
  return name;
}

/** With underscores for what is not allowed in names; runs of such become one. */
function escapedName(name: string): string {
  return withoutDigitFirst(
    name
      .split(/[^a-zA-Z0-9:_]/u)
      .filter((part) => part !== '')
      .join('_'),
  );
}

function withoutDigitFirst(name: string): string {
  return /^[0-9]/.test(name) ? `_${name}` : name;
}

function escapedSuffixedName({ name, unit, isGauge, isMonotonicSum }: NamedMetric): string {
  let tokens = name.split(/[^a-zA-Z0-9:]/u).filter((token) => token !== '');
  const [main, per] = unitParts(unit);
  addUnit(tokens, withoutInvalid(main), withoutInvalid(per));
  if (isMonotonicSum) tokens = [...tokens.filter((token) => token !== 'total'), 'total'];
  if (isGauge && unit === '1') tokens = [...tokens.filter((token) => token !== 'ratio'), 'ratio'];
  return withoutDigitFirst(tokens.join('_'));
}

/** Adds the parts of a unit that a name does not have yet. */
function addUnit(tokens: string[], mainUnit: string, perUnit: string): void {
  let main = tokens.includes(mainUnit) ? '' : mainUnit;
  let per = perUnit === 'per_' ? '' : perUnit.replace(/_$/, '');
  if (tokens.includes(per)) per = '';
  if (per !== '') main = main.replace(/_$/, '');
  if (main !== '') tokens.push(main);
  if (per !== '') tokens.push(per);
}

/** With unit and type behind it, and all else as it is. */
function suffixedName({ name, unit, isGauge, isMonotonicSum }: NamedMetric): string {
  const isRatio = isGauge && unit === '1';
  let out = name;
  if (isRatio) out = withoutSuffix(out, 'ratio');
  if (isMonotonicSum) out = withoutSuffix(out, 'total');
  const [main, per] = unitParts(unit);
  if (per !== '') out = withoutSuffix(out, per);
  if (main !== '' && !out.endsWith(main)) out += `_${main}`;
  if (per !== '') out += `_${per}`;
  if (isMonotonicSum) out += '_total';
  return isRatio ? `${out}_ratio` : out;
}

/** Without a suffix and the character before it. */
function withoutSuffix(name: string, suffix: string): string {
  return name.endsWith(suffix) && name.length > suffix.length + 1 ? name.slice(0, -suffix.length - 1) : name;
}
