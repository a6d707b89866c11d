import { hash } from 'node:crypto';
import { z } from 'zod';
import { toLowerCase, toUpperCase } from './go-case.ts';
import { LabelsBuilder } from './labels-builder.ts';
import { isValidLabelName } from './labels.ts';
import type { Labels } from './labels.ts';
import { AnchoredRegexp, ReplacementTemplate } from './regexp.ts';
import type { Submatches } from './regexp.ts';
import { labelNameSchema, regexpSchema, textSchema } from './schema.ts';

/** What a relabel rule does, as it is written in lower case. */
export const RELABEL_ACTIONS = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const;

/** One of {@link RELABEL_ACTIONS}. */
export type RelabelAction = (typeof RELABEL_ACTIONS)[number];

/** One checked relabel rule, ready to run. */
export interface RelabelConfig {
  readonly action: RelabelAction;
  readonly sourceLabels: readonly string[];
  readonly separator: string;
  readonly regex: AnchoredRegexp;
  /** 0 when not given. */
  readonly modulus: bigint;
  /** '' when not given. */
  readonly targetLabel: ReplacementTemplate;
  readonly replacement: ReplacementTemplate;
  /** Which names `replace` may make of its target label; it does nothing where the name is another. */
  readonly nameScheme: 'utf8' | 'legacy';
}

const DEFAULT_SEPARATOR = ';';
const DEFAULT_REPLACEMENT = '$1';
const DEFAULT_REGEX_SOURCE = '(.*)';
const DEFAULT_REGEX = new AnchoredRegexp(DEFAULT_REGEX_SOURCE);
const MAX_UINT64 = 18_446_744_073_709_551_615n;

/** Actions that need a target label. */
const NEEDS_TARGET: ReadonlySet<RelabelAction> = new Set([
  'replace',
  'keepequal',
  'dropequal',
  'hashmod',
  'lowercase',
  'uppercase',
]);
/** Actions whose `replacement` has no meaning. */
const NO_REPLACEMENT: ReadonlySet<RelabelAction> = new Set([
  'lowercase',
  'uppercase',
  'keepequal',
  'dropequal',
]);

const modulusSchema = z.union([z.number(), z.string()]).transform((value, context) => {
  const text = String(value);
  const modulus = /^\d+$/.test(text) ? BigInt(text) : undefined;
  if (modulus === undefined || modulus > MAX_UINT64) {
    context.addIssue({
      code: 'custom',
      message: `must be a whole number from 0 on, not ${JSON.stringify(text)}`,
    });
    return z.NEVER;
  }
  return modulus;
});

const actionSchema = z
  .string()
  .transform((text) => text.toLowerCase())
  .pipe(z.enum(RELABEL_ACTIONS));

const fieldsSchema = z.strictObject({
  source_labels: z.array(labelNameSchema).optional(),
  separator: textSchema.optional(),
  regex: regexpSchema.optional(),
  modulus: modulusSchema.optional(),
  target_label: z.string().optional(),
  replacement: textSchema.optional(),
  action: actionSchema.default('replace'),
});
type Fields = z.output<typeof fieldsSchema>;

/** What is wrong with a rule as a whole, in Prometheus' words (model/relabel Config.Validate). */
function* problemsOf(fields: Fields): Generator<{ key: string; message: string }> {
  const { action, target_label: target = '' } = fields;
  const modulus = fields.modulus ?? 0n;
  const replacement = fields.replacement ?? DEFAULT_REPLACEMENT;
  if (action === 'hashmod' && modulus === 0n) {
    yield { key: 'modulus', message: 'relabel configuration for hashmod requires non-zero modulus' };
  }
  if (NEEDS_TARGET.has(action) && target === '') {
    const message = `relabel configuration for ${action} action requires 'target_label' value`;
    yield { key: 'target_label', message };
  } else if (NEEDS_TARGET.has(action) && !isValidLabelName(target)) {
    yield {
      key: 'target_label',
      message: `${JSON.stringify(target)} is invalid 'target_label' for ${action} action`,
    };
  }
  if (NO_REPLACEMENT.has(action) && replacement !== DEFAULT_REPLACEMENT) {
    yield { key: 'replacement', message: `'replacement' can not be set for ${action} action` };
  }
  if (action === 'labelmap' && !isValidLabelName(replacement)) {
    yield {
      key: 'replacement',
      message: `${JSON.stringify(replacement)} is invalid 'replacement' for labelmap action`,
    };
  }
  const isBare =
    modulus === 0n &&
    (fields.separator ?? DEFAULT_SEPARATOR) === DEFAULT_SEPARATOR &&
    replacement === DEFAULT_REPLACEMENT;
  if (action === 'keepequal' || action === 'dropequal') {
    if (!isBare || (fields.regex?.source ?? DEFAULT_REGEX_SOURCE) !== DEFAULT_REGEX_SOURCE) {
      const message = `${action} action requires only 'source_labels' and 'target_label', and no other fields`;
      yield { key: 'action', message };
    }
  }
  if (action === 'labeldrop' || action === 'labelkeep') {
    if (!isBare || fields.source_labels !== undefined || target !== '') {
      yield { key: 'action', message: `${action} action requires only 'regex', and no other fields` };
    }
  }
}

/** `<relabel_config>` of Prometheus. */
export const relabelConfigSchema: z.ZodType<RelabelConfig> = fieldsSchema
  .superRefine((fields, context) => {
    for (const { key, message } of problemsOf(fields)) {
      context.addIssue({ code: 'custom', path: [key], message });
    }
  })
  .transform((fields) => ({
    action: fields.action,
    sourceLabels: fields.source_labels ?? [],
    separator: fields.separator ?? DEFAULT_SEPARATOR,
    regex:
      fields.regex === undefined || fields.regex.source === DEFAULT_REGEX_SOURCE
        ? DEFAULT_REGEX
        : fields.regex,
    modulus: fields.modulus ?? 0n,
    targetLabel: new ReplacementTemplate(fields.target_label ?? ''),
    replacement: new ReplacementTemplate(fields.replacement ?? DEFAULT_REPLACEMENT),
    nameScheme: 'utf8',
  }));

/** A list of relabel rules; empty when the key is absent. */
export const relabelConfigsSchema = z.array(relabelConfigSchema).default([]);

/** Old label names, with references to groups among their letters. */
const LEGACY_TEMPLATE = /^(?:[a-zA-Z_]|\$\{\w+\}|\$\w)(?:\w|\$\{\w+\}|\$\w)*$/;

/**
 * The rule where label names must be of the old characters; what is wrong when it would make others.
 *
 * @see prometheus model/relabel/relabel.go Validate
 */
export function legacyRelabelConfig(
  config: RelabelConfig,
): RelabelConfig | { readonly key: string; readonly message: string } {
  const { action, targetLabel, replacement } = config;
  const target = targetLabel.source;
  const hasReferences = target.includes('$');
  const isTargetValid =
    action === 'replace' && hasReferences ? LEGACY_TEMPLATE.test(target) : isValidLabelName(target, 'legacy');
  if (NEEDS_TARGET.has(action) && !isTargetValid) {
    const shown = JSON.stringify(target);
    return { key: 'target_label', message: `${shown} is invalid 'target_label' for ${action} action` };
  }
  if (action === 'labelmap' && !LEGACY_TEMPLATE.test(replacement.source)) {
    const shown = JSON.stringify(replacement.source);
    return { key: 'replacement', message: `${shown} is invalid 'replacement' for labelmap action` };
  }
  return { ...config, nameScheme: 'legacy' };
}

/** A rule made in code; throws a ZodError when it is not valid. */
export function makeRelabelConfig(fields: z.input<typeof fieldsSchema>): RelabelConfig {
  return relabelConfigSchema.parse(fields);
}

/**
 * Applies rules in order. Gives the changed labels, or undefined when a rule dropped them. Returns `labels` itself when
 * nothing changed.
 *
 * @see prometheus model/relabel/relabel.go
 */
export function relabel(labels: Labels, configs: readonly RelabelConfig[]): Labels | undefined {
  if (configs.length === 0) return labels;
  const builder = new LabelsBuilder(labels);
  return relabelBuilder(builder, configs) ? builder.labels() : undefined;
}

/** {@link relabel} on a builder; false when a rule dropped the labels. */
export function relabelBuilder(builder: LabelsBuilder, configs: readonly RelabelConfig[]): boolean {
  for (const config of configs) if (!applyRule(builder, config)) return false;
  return true;
}

function sourceValue(builder: LabelsBuilder, config: RelabelConfig): string {
  const names = config.sourceLabels;
  if (names.length === 1) return builder.get(names[0]!);
  let value = '';
  for (let i = 0; i < names.length; i++) {
    if (i > 0) value += config.separator;
    value += builder.get(names[i]!);
  }
  return value;
}

function applyRule(builder: LabelsBuilder, config: RelabelConfig): boolean {
  switch (config.action) {
    case 'drop':
      return !config.regex.test(sourceValue(builder, config));
    case 'keep':
      return config.regex.test(sourceValue(builder, config));
    case 'dropequal':
      return builder.get(config.targetLabel.source) !== sourceValue(builder, config);
    case 'keepequal':
      return builder.get(config.targetLabel.source) === sourceValue(builder, config);
    case 'replace':
      applyReplace(builder, config);
      return true;
    case 'lowercase':
      builder.set(config.targetLabel.source, toLowerCase(sourceValue(builder, config)));
      return true;
    case 'uppercase':
      builder.set(config.targetLabel.source, toUpperCase(sourceValue(builder, config)));
      return true;
    case 'hashmod':
      builder.set(config.targetLabel.source, hashModulo(sourceValue(builder, config), config.modulus));
      return true;
    case 'labelmap':
      applyLabelMap(builder, config);
      return true;
    case 'labeldrop':
    case 'labelkeep':
      for (const name of builder.labels().names()) {
        if (config.regex.test(name) === (config.action === 'labeldrop')) builder.delete(name);
      }
      return true;
  }
}

function applyReplace(builder: LabelsBuilder, config: RelabelConfig): void {
  const { regex, targetLabel, replacement } = config;
  const value = sourceValue(builder, config);
  if (targetLabel.literal !== undefined && replacement.literal !== undefined) {
    if (regex.test(value)) builder.set(targetLabel.literal, replacement.literal);
    return;
  }
  const groups = regex.exec(value);
  if (groups === undefined) return;
  const target = expand(targetLabel, regex, groups);
  if (!isValidLabelName(target, config.nameScheme)) return;
  builder.set(target, expand(replacement, regex, groups));
}

function applyLabelMap(builder: LabelsBuilder, config: RelabelConfig): void {
  for (const [name, value] of builder.labels()) {
    const groups = config.regex.exec(name);
    if (groups === undefined) continue;
    const target = expand(config.replacement, config.regex, groups);
    if (target !== '') builder.set(target, value);
  }
}

function expand(template: ReplacementTemplate, regex: AnchoredRegexp, groups: Submatches): string {
  return template.literal ?? template.expand(groups, (name) => regex.groupNumber(name));
}

/** The last eight bytes of the MD5 as a big-endian number, modulo `modulus`. */
function hashModulo(value: string, modulus: bigint): string {
  return (BigInt(`0x${hash('md5', value, 'hex').slice(16)}`) % modulus).toString();
}
