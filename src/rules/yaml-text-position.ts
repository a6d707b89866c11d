import type { Position } from '../core/yaml.ts';

const SPACE = /[ \t\r\n]/;
/** The head of a block scalar: `|`, `>-`, `|2+ # comment`. */
const BLOCK_HEAD = /[|>][-+0-9]*[ \t]*(?:#[^\n]*)?\r?\n/y;

/**
 * Where a character of a YAML scalar stands in the file. `start` is where the scalar begins, `value` its decoded text,
 * `offset` the character's place in it (its length: the end). Works for plain and quoted scalars and for blocks, over
 * several lines too; undefined where the file does not have the text as it is (escapes other than `\"`, `\\` and `''`).
 */
export function locateInYaml(
  text: string,
  start: Position,
  value: string,
  offset: number,
): Position | undefined {
  const begin = offsetOf(text, start);
  if (begin === undefined) return undefined;
  const { at, quote } = contentStart(text, begin);
  const found = align(text, at, quote, value, Math.min(offset, value.trimEnd().length));
  return found === undefined ? undefined : positionOf(text, found);
}

function contentStart(text: string, begin: number): { readonly at: number; readonly quote: string } {
  BLOCK_HEAD.lastIndex = begin;
  if (BLOCK_HEAD.test(text)) return { at: BLOCK_HEAD.lastIndex, quote: '' };
  const first = text.charAt(begin);
  return first === '"' || first === "'" ? { at: begin + 1, quote: first } : { at: begin, quote: '' };
}

/** Walks file and value side by side: runs of white space stand for each other, as folding only changes those. */
function align(
  text: string,
  begin: number,
  quote: string,
  value: string,
  offset: number,
): number | undefined {
  let at = skipSpace(text, begin);
  let i = skipSpace(value, 0);
  if (offset < i) return at;
  while (i < offset) {
    if (SPACE.test(value.charAt(i))) {
      const end = skipSpace(value, i);
      const next = skipSpace(text, at);
      if (next === at) return undefined;
      if (offset < end) return at + Math.min(offset - i, next - at);
      i = end;
      at = next;
      continue;
    }
    const isEscape =
      (quote === '"' && /^\\["\\]/.test(text.slice(at, at + 2))) ||
      (quote === "'" && text.startsWith("''", at));
    if (isEscape) at++;
    else if (quote === '"' && text.charAt(at) === '\\') return undefined;
    if (text.charAt(at) !== value.charAt(i)) return undefined;
    at++;
    i++;
  }
  return at;
}

function skipSpace(text: string, at: number): number {
  let end = at;
  while (end < text.length && SPACE.test(text.charAt(end))) end++;
  return end;
}

function offsetOf(text: string, { line, column }: Position): number | undefined {
  let at = 0;
  for (let i = 1; i < line; i++) {
    at = text.indexOf('\n', at) + 1;
    if (at === 0) return undefined;
  }
  return at + column - 1;
}

function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
