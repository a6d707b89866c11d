import { formatDuration } from '../core/duration.ts';
import { formatFloatExponent } from '../core/float-text.ts';
import { goQuote } from '../core/go-quote.ts';
import { testText } from '../core/histogram/text.ts';
import type { Labels } from '../core/labels.ts';
import type { ExpectedAlert, ExpectedSample } from './config.ts';

interface FailureBase {
  /** Name of the test; '' when it has none. */
  readonly test: string;
  /** Time since the start of the test. */
  readonly timeMs: number;
}

/** Why a rule unit test did not pass. */
export type RuleTestFailure =
  | (FailureBase & {
      readonly kind: 'alerts';
      readonly alertname: string;
      readonly expected: readonly ExpectedAlert[];
      readonly got: readonly ExpectedAlert[];
    })
  | (FailureBase & {
      readonly kind: 'samples';
      readonly expr: string;
      readonly expected: readonly ExpectedSample[];
      readonly got: readonly ExpectedSample[];
    })
  /** An expression could not be evaluated. */
  | (FailureBase & { readonly kind: 'expr'; readonly expr: string; readonly message: string })
  /** A rule could not be evaluated; the test ended there. */
  | (FailureBase & { readonly kind: 'rule'; readonly rule: string; readonly message: string })
  /** An input sample was not taken. */
  | (FailureBase & { readonly kind: 'input'; readonly series: string; readonly message: string });

/** What became of one file of rule unit tests. */
export interface RuleTestReport {
  readonly file: string;
  /** How many tests ran. */
  readonly testCount: number;
  /** Patterns of rule files that match nothing. */
  readonly warnings: readonly string[];
  /** Empty when everything passed. */
  readonly failures: readonly RuleTestFailure[];
}

const LIST_INDENT = ' '.repeat(12);

/**
 * A failure as promtool writes it, without a newline at its end.
 *
 * @see prometheus cmd/promtool/unittest.go
 */
export function formatRuleTestFailure(failure: RuleTestFailure): string {
  const time = `time: ${formatDuration(failure.timeMs)}`;
  const name = failure.test === '' ? '' : `    name: ${failure.test},\n`;
  switch (failure.kind) {
    case 'alerts': {
      const head = `${name}    alertname: ${failure.alertname}, ${time}, \n`;
      return `${head}        exp:${alertsText(failure.expected)}, \n        got:${alertsText(failure.got)}`;
    }
    case 'samples': {
      const head = `${name}    expr: ${goQuote(failure.expr)}, ${time},\n`;
      return `${head}        exp: ${samplesText(failure.expected)}\n        got: ${samplesText(failure.got)}`;
    }
    case 'expr':
      return `${name}    expr: ${goQuote(failure.expr)}, ${time}, err: ${failure.message}`;
    case 'rule':
      return `${name}    rule: ${failure.rule}, ${time}, err: ${failure.message}`;
    case 'input':
      return `${name}    series: ${failure.series}, ${time}, err: ${failure.message}`;
  }
}

function alertsText(alerts: readonly ExpectedAlert[]): string {
  if (alerts.length === 0) return '[]';
  const lines = alerts.flatMap(({ labels, annotations }, i) => [
    `${i}:`,
    `  Labels:${labelsText(labels)}`,
    `  Annotations:${labelsText(annotations)}${i === alerts.length - 1 ? '' : ','}`,
  ]);
  return ['[', ...[...lines, ']'].map((line) => LIST_INDENT + line)].join('\n');
}

function samplesText(samples: readonly ExpectedSample[]): string {
  if (samples.length === 0) return 'nil';
  return samples.map((sample) => `${labelsText(sample.labels)} ${valueText(sample)}`).join(', ');
}

function valueText({ value, histogram }: ExpectedSample): string {
  return histogram === undefined ? formatFloatExponent(value).replace('e', 'E') : testText(histogram);
}

/** All labels in braces, the metric name among them: Go's labels.Labels.String. */
function labelsText(labels: Labels): string {
  return `{${[...labels].map(([name, value]) => `${name}=${goQuote(value)}`).join(', ')}}`;
}
