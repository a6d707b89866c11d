import { RE2JS } from 're2js';
import { isValidLabelName, type Labels } from '../../core/labels.ts';
import { QueryError } from '../query-engine.ts';

/** Makes a series' labels of what they were. */
export type LabelEdit = (labels: Labels) => Labels;

/**
 * A replacement with `$1`, `${name}`, `$$`, as Go's regexp.Expand reads it: a reference to what isn't there is empty,
 * a name reaches as far as letters, digits and underscores do, and a `$` that begins no reference is itself.
 */
function expand(template: string, group: (name: string) => string): string {
  return template.replaceAll(
    /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu,
    (whole, braced: string | undefined, bare: string | undefined) =>
      whole === '$$' ? '$' : group((braced ?? bare)!),
  );
}

function requireLabelName(name: string, role: string, call: string): void {
  if (isValidLabelName(name)) return;
  throw new QueryError('execution', `invalid ${role} label name in ${call}(): ${name}`);
}

/** `label_replace(v, destination, replacement, source, expression)`. Throws QueryError. */
export function labelReplace(
  destination: string,
  replacement: string,
  source: string,
  expression: string,
): LabelEdit {
  const pattern = compileWhole(expression);
  requireLabelName(destination, 'destination', 'label_replace');
  const names = pattern.namedGroups();
  return (labels) => {
    const matcher = pattern.matcher(labels.get(source));
    if (!matcher.matches()) return labels;
    const group = (name: string): string => {
      const index = /^\d+$/.test(name) ? Number(name) : names[name];
      if (index === undefined || index > matcher.groupCount()) return '';
      return matcher.group(index) ?? '';
    };
    return labels.with(destination, expand(replacement, group));
  };
}

function compileWhole(expression: string): RE2JS {
  try {
    return RE2JS.compile(`^(?s:${expression})$`);
  } catch (error) {
    throw new QueryError('execution', `invalid regular expression in label_replace(): ${expression}`, {
      cause: error,
    });
  }
}

/** `label_join(v, destination, separator, source…)`. Throws QueryError. */
export function labelJoin(destination: string, separator: string, sources: readonly string[]): LabelEdit {
  for (const source of sources) requireLabelName(source, 'source', 'label_join');
  requireLabelName(destination, 'destination', 'label_join');
  return (labels) => labels.with(destination, sources.map((source) => labels.get(source)).join(separator));
}
