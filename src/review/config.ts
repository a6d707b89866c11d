import { z } from 'zod';
import { parseFloatText } from '../core/float-text.ts';
import { errorText } from '../core/errors.ts';
import type { FloatHistogram } from '../core/histogram/float-histogram.ts';
import { Labels } from '../core/labels.ts';
import { durationSchema, filePathSchema, textSchema } from '../core/schema.ts';
import { issueAt, requireYaml } from '../core/validate-yaml.ts';
import { ConfigError, parseYaml } from '../core/yaml.ts';
import type { ConfigIssue, YamlDocument, YamlPath } from '../core/yaml.ts';
import { parseMetricLabels, parseSeriesDescription, PromqlParseError } from '../promql/index.ts';
import type { SequenceValue } from '../promql/index.ts';
import { staleMarker } from '../storage/index.ts';

/** What a rule unit test expects of one alert; `labels` hold `alertname`. */
export interface ExpectedAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
}

/** Which alerts must fire at a time. */
export interface AlertCase {
  readonly evalTimeMs: number;
  readonly alertname: string;
  /** Looks at this group's rules only; '' looks at every group. Not in promtool. */
  readonly groupname: string;
  readonly expected: readonly ExpectedAlert[];
}

/** One element of an expression's value. */
export interface ExpectedSample {
  readonly labels: Labels;
  /** Not looked at when there is a histogram. */
  readonly value: number;
  readonly histogram?: FloatHistogram | undefined;
}

/** What an expression must give at a time. */
export interface ExprCase {
  readonly expr: string;
  readonly evalTimeMs: number;
  readonly expected: readonly ExpectedSample[];
}

/** A series to load: one value a step, undefined where there is no sample; may be {@link staleMarker}. */
export interface InputSeries {
  readonly labels: Labels;
  readonly values: readonly (number | FloatHistogram | undefined)[];
}

/** Series, and what rules and expressions must make of them. Times are counted from `startMs`. */
export interface RuleTest {
  /** '' when it has none. */
  readonly name: string;
  /** Distance of input samples. */
  readonly stepMs: number;
  readonly startMs: number;
  readonly inputSeries: readonly InputSeries[];
  readonly alertCases: readonly AlertCase[];
  readonly exprCases: readonly ExprCase[];
  readonly externalLabels: Labels;
  readonly externalUrl: string;
}

/** A file of rule unit tests. */
export interface RuleTestFile {
  /** Paths and patterns, against the folder that {@link parseRuleTestFile} was given. */
  readonly ruleFiles: readonly string[];
  readonly evaluationIntervalMs: number;
  /** Names of groups in their order of evaluation; for groups that are not among them the order is not settled. */
  readonly groupEvalOrder: readonly string[];
  /** Whether floats that are neighbours count as equal. */
  readonly fuzzyCompare: boolean;
  readonly tests: readonly RuleTest[];
}

const DEFAULT_EVALUATION_INTERVAL_MS = 60_000;

const textsSchema = z.record(z.string(), textSchema).default({});

const YAML_SPECIALS: Readonly<Record<string, number>> = {
  '.nan': NaN,
  '.inf': Infinity,
  '+.inf': Infinity,
  '-.inf': -Infinity,
};

const floatSchema = textSchema.transform((text, context) => {
  const value = YAML_SPECIALS[text.toLowerCase()] ?? parseFloatText(text);
  if (value !== undefined) return value;
  context.addIssue({ code: 'custom', message: `not a number: ${JSON.stringify(text)}` });
  return z.NEVER;
});

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;
const UNIX_SECONDS = /^-?\d+(?:\.\d+)?$/;

const timeSchema = textSchema.transform((text, context) => {
  const timeMs = RFC3339.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  if (UNIX_SECONDS.test(text)) return Math.round(Number(text) * 1000);
  context.addIssue({
    code: 'custom',
    message: `not a time: ${JSON.stringify(text)} (write 2026-01-31T12:00:00Z or Unix seconds)`,
  });
  return z.NEVER;
});

const alertCaseSchema = z.strictObject({
  eval_time: durationSchema.default(0),
  alertname: textSchema.default(''),
  groupname: textSchema.default(''),
  exp_alerts: z.array(z.strictObject({ exp_labels: textsSchema, exp_annotations: textsSchema })).default([]),
});

const exprCaseSchema = z.strictObject({
  expr: textSchema.default(''),
  eval_time: durationSchema.default(0),
  exp_samples: z
    .array(
      z.strictObject({
        labels: z.string().default(''),
        value: floatSchema.default(0),
        histogram: textSchema.default(''),
      }),
    )
    .default([]),
});

const testSchema = z.strictObject({
  name: textSchema.default(''),
  interval: durationSchema.default(0),
  start_timestamp: timeSchema.default(0),
  input_series: z.array(z.strictObject({ series: z.string(), values: textSchema.default('') })).default([]),
  alert_rule_test: z.array(alertCaseSchema).default([]),
  promql_expr_test: z.array(exprCaseSchema).default([]),
  external_labels: textsSchema,
  external_url: textSchema.default(''),
});

const fileSchema = z.strictObject({
  rule_files: z.array(filePathSchema).default([]),
  evaluation_interval: durationSchema.default(0),
  group_eval_order: z.array(textSchema).default([]),
  fuzzy_compare: z.boolean().default(false),
  tests: z.array(testSchema).default([]),
});

type RawTest = z.infer<typeof testSchema>;

/**
 * Reads a file of rule unit tests; `baseFolder` is what paths in it are relative to. Throws {@link ConfigError} with
 * everything that is wrong, each at its place.
 *
 * @see prometheus docs/configuration/unit_testing_rules.md
 */
export function parseRuleTestFile(text: string, file: string, baseFolder: string): RuleTestFile {
  const document = parseYaml(text, file);
  const raw = requireYaml(emptyAsObject(document, file), fileSchema, baseFolder);
  const reader = new TestReader(document);
  raw.group_eval_order.forEach((name, i) => {
    if (raw.group_eval_order.indexOf(name) === i) return;
    reader.refuse(['group_eval_order', i], `group name repeated in evaluation order: ${name}`);
  });
  const evaluationIntervalMs = raw.evaluation_interval || DEFAULT_EVALUATION_INTERVAL_MS;
  const tests = raw.tests.map((test, i) => reader.test(test, evaluationIntervalMs, ['tests', i]));
  if (reader.issues.length > 0) throw new ConfigError(reader.issues);
  return {
    ruleFiles: raw.rule_files,
    evaluationIntervalMs,
    groupEvalOrder: raw.group_eval_order,
    fuzzyCompare: raw.fuzzy_compare,
    tests,
  };
}

/** An empty file is one without tests, as in promtool. */
function emptyAsObject(document: YamlDocument, file: string): YamlDocument {
  return document.value === null || document.value === undefined ? parseYaml('{}', file) : document;
}

class TestReader {
  readonly issues: ConfigIssue[] = [];
  readonly #document: YamlDocument;

  constructor(document: YamlDocument) {
    this.#document = document;
  }

  refuse(path: YamlPath, message: string): void {
    this.issues.push(issueAt(this.#document, path, message));
  }

  test(raw: RawTest, evaluationIntervalMs: number, path: YamlPath): RuleTest {
    return {
      name: raw.name,
      stepMs: raw.interval === 0 ? evaluationIntervalMs : raw.interval,
      startMs: raw.start_timestamp,
      inputSeries: this.#input(raw.input_series, [...path, 'input_series']),
      alertCases: raw.alert_rule_test.map((alert, i) => this.#alert(alert, [...path, 'alert_rule_test', i])),
      exprCases: raw.promql_expr_test.map((expr, i) => this.#expr(expr, [...path, 'promql_expr_test', i])),
      externalLabels: Labels.fromObject(raw.external_labels),
      externalUrl: raw.external_url,
    };
  }

  #input(raw: RawTest['input_series'], path: YamlPath): InputSeries[] {
    const seen = new Set<string>();
    return raw.flatMap((written, i) => {
      const series = this.#series(written, [...path, i]);
      if (series === undefined) return [];
      if (seen.has(series.labels.key)) {
        this.refuse([...path, i, 'series'], `series ${series.labels.toString()} is there twice in this test`);
      }
      seen.add(series.labels.key);
      return [series];
    });
  }

  #series(raw: RawTest['input_series'][number], path: YamlPath): InputSeries | undefined {
    const labels = this.#parse([...path, 'series'], () => parseMetricLabels(raw.series));
    if (labels === undefined) return undefined;
    const valuesPath = [...path, 'values'];
    const values = this.#parse(
      valuesPath,
      () => parseSeriesDescription(`${raw.series} ${raw.values}`).values,
    );
    if (values === undefined) return undefined;
    return { labels, values: values.map(sampleValue) };
  }

  #alert(raw: RawTest['alert_rule_test'][number], path: YamlPath): AlertCase {
    const { alertname, groupname } = raw;
    if (alertname === '') {
      this.refuse(path, 'an item under alert_rule_test misses required attribute alertname');
    }
    const expected = raw.exp_alerts.map(({ exp_labels: labels, exp_annotations: annotations }) => ({
      labels: Labels.fromObject({ ...labels, alertname }),
      annotations: Labels.fromObject(annotations),
    }));
    return { evalTimeMs: raw.eval_time, alertname, groupname, expected };
  }

  #expr(raw: RawTest['promql_expr_test'][number], path: YamlPath): ExprCase {
    const expected = raw.exp_samples.flatMap((sample, i) => {
      const samplePath = [...path, 'exp_samples', i];
      const labels =
        sample.labels === ''
          ? Labels.EMPTY
          : this.#parse([...samplePath, 'labels'], () => parseMetricLabels(sample.labels));
      if (labels === undefined) return [];
      if (sample.histogram === '') return [{ labels, value: sample.value }];
      const histogram = this.#histogram(sample.histogram, [...samplePath, 'histogram']);
      return histogram === undefined ? [] : [{ labels, value: 0, histogram }];
    });
    return { expr: raw.expr, evalTimeMs: raw.eval_time, expected };
  }

  /** One histogram in the notation of series. */
  #histogram(text: string, path: YamlPath): FloatHistogram | undefined {
    const values = this.#parse(path, () => parseSeriesDescription(`{} ${text}`).values);
    if (values === undefined) return undefined;
    const [value] = values;
    if (value?.kind === 'histogram' && values.length === 1) return value.histogram;
    this.refuse(path, `one histogram is expected here, like {{count:2 sum:3 buckets:[2]}}; got ${text}`);
    return undefined;
  }

  #parse<T>(path: YamlPath, parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof PromqlParseError)) throw error;
      this.refuse(path, errorText(error));
      return undefined;
    }
  }
}

function sampleValue(value: SequenceValue): number | FloatHistogram | undefined {
  switch (value.kind) {
    case 'number':
      return value.value;
    case 'stale':
      return staleMarker;
    case 'omitted':
      return undefined;
    case 'histogram':
      return value.histogram;
  }
}
