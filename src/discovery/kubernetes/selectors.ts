const QUALIFIED_NAME =
  /^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/**
 * What is wrong with a label selector (`a=b,c in (d,e),!f`), undefined when nothing is.
 *
 * @see k8s.io/apimachinery/pkg/labels selector.go
 */
export function labelSelectorProblem(selector: string): string | undefined {
  if (selector.trim() === '') return undefined;
  for (const part of splitOutsideParentheses(selector)) {
    const problem = requirementProblem(part.trim());
    if (problem !== undefined) return `unable to parse requirement: ${problem}`;
  }
  return undefined;
}

function requirementProblem(part: string): string | undefined {
  const set = /^(\S+)\s+(?:in|notin)\s*\(([^()]*)\)$/.exec(part);
  if (set !== null) return nameProblem(set[1]!) ?? firstValueProblem(set[2]!.split(','));
  const compared = /^([^=!<>\s]+)\s*(==|=|!=|<|>)\s*([^=!<>\s]*)$/.exec(part);
  if (compared !== null) {
    const [, key, operator, value] = compared;
    if ((operator === '<' || operator === '>') && !/^[+-]?\d+$/.test(value!)) {
      return `${JSON.stringify(value)} must be an integer after '${operator}'`;
    }
    return nameProblem(key!) ?? firstValueProblem([value!]);
  }
  const exists = /^!?\s*(\S+)$/.exec(part);
  if (exists !== null) return nameProblem(exists[1]!);
  return `${JSON.stringify(part)} is not understood`;
}

function nameProblem(key: string): string | undefined {
  return QUALIFIED_NAME.test(key) ? undefined : `${JSON.stringify(key)} is not a valid label key`;
}

function firstValueProblem(values: readonly string[]): string | undefined {
  const wrong = values.map((value) => value.trim()).find((value) => !VALUE.test(value));
  return wrong === undefined ? undefined : `${JSON.stringify(wrong)} is not a valid label value`;
}

function splitOutsideParentheses(selector: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < selector.length; i++) {
    if (selector[i] === '(') depth++;
    else if (selector[i] === ')') depth--;
    else if (selector[i] === ',' && depth === 0) {
      parts.push(selector.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(selector.slice(start));
  return parts;
}

/**
 * What is wrong with a field selector (`spec.nodeName=a,status.phase!=Failed`), undefined when nothing is. In values `,`,
 * `=` and `\` are written with a `\` before them.
 *
 * @see k8s.io/apimachinery/pkg/fields selector.go
 */
export function fieldSelectorProblem(selector: string): string | undefined {
  for (const term of selector.match(/(?:[^\\,]|\\[^])+/g) ?? []) {
    const found = /^((?:(?!!=)[^=])*)(?:!=|==|=)([^]*)$/.exec(term);
    if (found === null) return `invalid selector: '${selector}'; can't understand '${term}'`;
    const value = found[2]!;
    const escape = /\\([^\\,=]|$)/.exec(value.replaceAll(/\\[\\,=]/g, ''));
    if (escape !== null) return `invalid field selector: invalid escape sequence: ${escape[0]}`;
    if (value.replaceAll(/\\[^]/g, '').includes('=')) {
      return `invalid field selector: unescaped character in ${JSON.stringify(value)}`;
    }
  }
  return undefined;
}
