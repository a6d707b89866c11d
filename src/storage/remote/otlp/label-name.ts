import { goQuote } from '../../../core/go-quote.ts';
import { TranslationError } from './metric-name.ts';

/** How attribute names become label names. */
export interface LabelRules {
  readonly escape: boolean;
  /** `key` is put before a name that begins with one underscore. */
  readonly underscoreSanitization: boolean;
  /** Runs of underscores stay. */
  readonly preserveMultipleUnderscores: boolean;
}

/**
 * The name of the label that an attribute becomes. Throws {@link TranslationError} when nothing is left of it.
 *
 * @see prometheus/otlptranslator label_namer.go
 */
export function labelName(attribute: string, rules: LabelRules): string {
  if (attribute === '') throw new TranslationError('label name is empty');
  if (!rules.escape) {
    if (/^_*$/.test(attribute)) {
      throw new TranslationError(`label name ${goQuote(attribute)} contains only underscores`);
    }
    return attribute;
  }
  let name = escaped(attribute, rules.preserveMultipleUnderscores);
  if (/^[0-9]/.test(name)) name = `key_${name}`;
  else if (rules.underscoreSanitization && /^_(?!_)/.test(name)) name = `key${name}`;
  if (/^_*$/.test(name)) {
    throw new TranslationError(
      `normalization for label name ${goQuote(attribute)} resulted in invalid name ${goQuote(name)}`,
    );
  }
  return name;
}

function escaped(attribute: string, preserveMultiple: boolean): string {
  if (preserveMultiple) return attribute.replaceAll(/[^a-zA-Z0-9]/gu, '_');
  const isReserved = attribute.length >= 4 && attribute.startsWith('__') && attribute.endsWith('__');
  const inner = isReserved ? attribute.slice(2, -2) : attribute;
  const name = inner.replaceAll(/[^a-zA-Z0-9]+/gu, '_');
  return isReserved ? `__${name}__` : name;
}
