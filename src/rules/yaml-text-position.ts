import type { Position } from '../core/yaml.ts';

/**
 * Where a character of a YAML scalar stands in the file. `start` is where the scalar begins, `value` its decoded text,
 * `offset` the character's place in it. Exact for literal blocks (`|`) and for scalars that stand in the file as they
 * are, on one line; for others (folded text, escapes) it is the place where the scalar begins.
 */
export function locateInYaml(text: string, start: Position, value: string, offset: number): Position {
  const lines = text.split('\n');
  const first = lines[start.line - 1];
  if (first === undefined) return start;
  const source = first.slice(start.column - 1);
  if (source.startsWith('|')) return inLiteralBlock(lines, start, value, offset) ?? start;
  const quote = /^["']/.test(source) ? 1 : 0;
  if (!value.includes('\n') && source.startsWith(value, quote)) {
    return { line: start.line, column: start.column + quote + offset };
  }
  return start;
}

function inLiteralBlock(
  lines: readonly string[],
  start: Position,
  value: string,
  offset: number,
): Position | undefined {
  const before = value.slice(0, offset).split('\n');
  const line = start.line + before.length;
  const source = lines[line - 1];
  const wanted = value.split('\n')[before.length - 1];
  if (source === undefined || wanted === undefined) return undefined;
  const indent = source.replace(/\r$/, '').length - wanted.length;
  if (indent < 0 || !source.slice(indent).startsWith(wanted)) return undefined;
  return { line, column: indent + before.at(-1)!.length + 1 };
}
