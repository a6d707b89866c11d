import { z } from 'zod';
import { errorText } from '../core/errors.ts';
import { goQuote } from '../core/go-quote.ts';
import { METRIC_NAME, compareText, isValidLabelName, isValidMetricName } from '../core/labels.ts';
import { durationSchema, textSchema } from '../core/schema.ts';
import { issueAt, notInVersion, validateYaml } from '../core/validate-yaml.ts';
import { ConfigError, parseYaml } from '../core/yaml.ts';
import type { ConfigIssue, IssueExcerpt, Position, YamlDocument, YamlPath } from '../core/yaml.ts';
import { parseExpr, printExpr, PromqlParseError } from '../promql/index.ts';
import type { ParseOptions } from '../promql/index.ts';
import { checkRuleTemplate } from '../template/index.ts';
import { locateInYaml } from './yaml-text-position.ts';

/** Labels or annotations of a rule, sorted by name; values are templates in alerting rules and may be empty. */
export type RuleTexts = readonly (readonly [name: string, text: string])[];

interface RuleConfigBase {
  /** The expression as Prometheus prints it. */
  readonly query: string;
  /** The group's labels and the rule's over them. */
  readonly labels: RuleTexts;
}

/** A rule that stores its result under a new name. */
export interface RecordingRuleConfig extends RuleConfigBase {
  readonly kind: 'recording';
  readonly record: string;
}

/** A rule whose result are alerts. */
export interface AlertingRuleConfig extends RuleConfigBase {
  readonly kind: 'alerting';
  readonly alert: string;
  /** How long an element must be there before its alert fires. */
  readonly forMs: number;
  /** How long an alert keeps firing after its element is gone. */
  readonly keepFiringForMs: number;
  readonly annotations: RuleTexts;
}

/** One rule. */
export type RuleConfig = RecordingRuleConfig | AlertingRuleConfig;

/** One group of a rule file. */
export interface RuleGroupConfig {
  /** The file's path as the API shows it. */
  readonly file: string;
  /** Unique within its file. */
  readonly name: string;
  /** undefined stands for the global evaluation interval. */
  readonly intervalMs: number | undefined;
  /** undefined stands for the global rule_query_offset. */
  readonly queryOffsetMs: number | undefined;
  /** Most series a recording rule may give, most active alerts an alerting rule may have; 0 is no limit. */
  readonly limit: number;
  readonly rules: readonly RuleConfig[];
}

/** What reading rule files needs from outside. */
export interface RuleFileOptions {
  /** Functions and features that expressions may use. */
  readonly promql?: ParseOptions;
  /** Throws when a template of the named alert cannot be parsed; {@link checkRuleTemplate} when absent. */
  readonly checkTemplate?: (alertName: string, text: string) => void;
}

const textsSchema = z.record(z.string(), textSchema).default({});

/** Keys of the contract that alerting rules will have. */
const FUTURE_RULE_KEYS = ['on_missing', 'min_samples', 'clear_when', 'mode'];

const ruleSchema = notInVersion(
  z.strictObject({
    record: textSchema.default(''),
    alert: textSchema.default(''),
    expr: textSchema.default(''),
    for: durationSchema.default(0),
    keep_firing_for: durationSchema.default(0),
    labels: textsSchema,
    annotations: textsSchema,
  }),
  FUTURE_RULE_KEYS,
);

const groupSchema = z.strictObject({
  name: textSchema.default(''),
  interval: durationSchema.default(0),
  query_offset: durationSchema.optional(),
  limit: z.int().default(0),
  labels: textsSchema,
  rules: z.array(ruleSchema).default([]),
});

/** The schema of a rule file; {@link parseRuleFile} makes the checks that a schema cannot. */
const ruleFileSchema = z.strictObject({ groups: z.array(groupSchema).default([]) });

type RawGroup = z.infer<typeof groupSchema>;
type RawRule = z.infer<typeof ruleSchema>;

/**
 * Reads a rule file. Throws {@link ConfigError} with everything that is wrong, each at its place: what is wrong with an
 * expression at the character within it.
 *
 * @see prometheus model/rulefmt/rulefmt.go
 */
export function parseRuleFile(text: string, file: string, options: RuleFileOptions = {}): RuleGroupConfig[] {
  const document = parseYaml(text, file);
  if (document.value === null || document.value === undefined) return [];
  const result = validateYaml(document, ruleFileSchema);
  if (!result.ok) throw new ConfigError(result.issues);
  const reader = new RuleFileReader(document, text, options);
  const groups = result.value.groups.map((group, i) => reader.group(group, i));
  if (reader.issues.length > 0) throw new ConfigError(reader.issues);
  return groups;
}

function sortTexts(...layers: readonly Readonly<Record<string, string>>[]): RuleTexts {
  const merged = new Map(layers.flatMap((layer) => Object.entries(layer)));
  return [...merged].sort((a, b) => compareText(a[0], b[0]));
}

class RuleFileReader {
  readonly issues: ConfigIssue[] = [];
  readonly #document: YamlDocument;
  readonly #text: string;
  readonly #options: RuleFileOptions;
  readonly #names = new Set<string>();

  constructor(document: YamlDocument, text: string, options: RuleFileOptions) {
    this.#document = document;
    this.#text = text;
    this.#options = options;
  }

  group(raw: RawGroup, index: number): RuleGroupConfig {
    const path = ['groups', index];
    if (raw.name === '') this.#issue(path, 'Groupname must not be empty');
    if (this.#names.has(raw.name)) {
      this.#issue(path, `groupname: "${raw.name}" is repeated in the same file`);
    }
    this.#names.add(raw.name);
    this.#checkLabels(raw.labels, [...path, 'labels'], '');
    const rules = raw.rules.map((rule, i) => this.#rule(rule, raw, [...path, 'rules', i], i + 1));
    return {
      file: this.#document.fileName,
      name: raw.name,
      intervalMs: raw.interval === 0 ? undefined : raw.interval,
      queryOffsetMs: raw.query_offset,
      limit: raw.limit,
      rules,
    };
  }

  #issue(path: YamlPath, message: string, of: 'key' | 'value' = 'value'): void {
    this.issues.push(issueAt(this.#document, path, message, of));
  }

  #rule(raw: RawRule, group: RawGroup, path: YamlPath, number: number): RuleConfig {
    const name = raw.alert === '' ? raw.record : raw.alert;
    const prefix = `group ${goQuote(group.name)}, rule ${number}, ${goQuote(name)}: `;
    if (raw.record !== '' && raw.alert !== '') {
      this.#issue([...path, 'record'], `${prefix}only one of 'record' and 'alert' must be set`);
    }
    if (name === '') this.#issue(path, `${prefix}one of 'record' or 'alert' must be set`);
    const query = this.#query(raw.expr, path, prefix);
    if (raw.record !== '') this.#checkRecording(raw, path, prefix);
    this.#checkLabels(raw.labels, [...path, 'labels'], prefix);
    for (const annotation of Object.keys(raw.annotations)) {
      if (!isValidLabelName(annotation)) {
        this.#issue([...path, 'annotations'], `${prefix}invalid annotation name: ${annotation}`);
      }
    }
    const labels = sortTexts(group.labels, raw.labels);
    if (raw.alert === '') return { kind: 'recording', record: raw.record, query, labels };
    this.#checkTemplates(raw, path, prefix);
    return {
      kind: 'alerting',
      alert: raw.alert,
      query,
      labels,
      annotations: sortTexts(raw.annotations),
      forMs: raw.for,
      keepFiringForMs: raw.keep_firing_for,
    };
  }

  #query(expr: string, path: YamlPath, prefix: string): string {
    if (expr === '') {
      this.#issue([...path, 'expr'], `${prefix}field 'expr' must be set in rule`);
      return '';
    }
    try {
      return printExpr(parseExpr(expr, this.#options.promql));
    } catch (error) {
      if (!(error instanceof PromqlParseError)) throw error;
      const where = [...path, 'expr'];
      const message = `${prefix}could not parse expression: ${error.message}`;
      const place = this.#placeInExpr(expr, error.issues[0]!.position, this.#document.position(where));
      this.issues.push({ file: this.#document.fileName, path: where, message, ...place });
      return '';
    }
  }

  /** Where a part of an expression stands, and its line: the file's, or the expression's where they can't be matched. */
  #placeInExpr(
    expr: string,
    part: { readonly start: number; readonly end: number },
    exprStart: Position,
  ): Position & { readonly excerpt: IssueExcerpt } {
    const found = locateInYaml(this.#text, exprStart, expr, part.start);
    const source = found === undefined ? expr : this.#text;
    const before = expr.slice(0, part.start).split('\n');
    const inExpr = { line: before.length, column: before.at(-1)!.length + 1 };
    const { line, column } = found ?? inExpr;
    const text = (source.split('\n')[line - 1] ?? '').replace(/\r$/, '');
    const length = expr.slice(part.start, part.end).split('\n')[0]!.trimEnd().length;
    return { ...(found ?? exprStart), excerpt: { text, column, length } };
  }

  #checkRecording(raw: RawRule, path: YamlPath, prefix: string): void {
    const refuse = (message: string): void => this.#issue([...path, 'record'], `${prefix}${message}`);
    if (Object.keys(raw.annotations).length > 0) refuse("invalid field 'annotations' in recording rule");
    if (raw.for !== 0) refuse("invalid field 'for' in recording rule");
    if (raw.keep_firing_for !== 0) refuse("invalid field 'keep_firing_for' in recording rule");
    if (!isValidMetricName(raw.record)) refuse(`invalid recording rule name: ${raw.record}`);
    if (/[{}]/.test(raw.record)) {
      refuse(`braces present in the recording rule name; should it be in expr?: ${raw.record}`);
    }
  }

  #checkLabels(labels: Readonly<Record<string, string>>, path: YamlPath, prefix: string): void {
    for (const [name, value] of Object.entries(labels)) {
      if (!isValidLabelName(name) || name === METRIC_NAME) {
        this.#issue([...path, name], `${prefix}invalid label name: ${name}`, 'key');
      }
      if (!value.isWellFormed()) this.#issue([...path, name], `${prefix}invalid label value: ${value}`);
    }
  }

  #checkTemplates(raw: RawRule, path: YamlPath, prefix: string): void {
    const checkTemplate = this.#options.checkTemplate ?? checkRuleTemplate;
    const check = (key: 'labels' | 'annotations', noun: string): void => {
      for (const [name, text] of Object.entries(raw[key])) {
        try {
          checkTemplate(raw.alert, text);
        } catch (error) {
          this.#issue([...path, key, name], `${prefix}${noun} ${goQuote(name)}: ${errorText(error)}`);
        }
      }
    };
    check('labels', 'label');
    check('annotations', 'annotation');
  }
}
