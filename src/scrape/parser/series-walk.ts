import {
  BACKSLASH,
  BRACE_CLOSE,
  BRACE_OPEN,
  CLASSES,
  COMMA,
  EQUAL,
  NAME_PART,
  QUOTE,
  SPACE,
  TAB,
} from './bytes.ts';

/** Takes the parts of a series' raw bytes; positions are in those bytes, quotes are left out. */
export interface SeriesVisitor {
  /** The metric name; called once, but not before labels that stand before it. */
  name(start: number, end: number, quoted: boolean): void;
  label(nameStart: number, nameEnd: number, quoted: boolean, valueStart: number, valueEnd: number): void;
}

/** Walks over the name and the labels of a series that a parser has accepted. Linear; makes nothing. */
export function walkSeries(source: Uint8Array, visitor: SeriesVisitor): void {
  let at = bareEnd(source, 0);
  if (at > 0) visitor.name(0, at, false);
  at = skipBlanks(source, at);
  if (source[at] !== BRACE_OPEN) return;
  at = skipBlanks(source, at + 1);
  while (source[at] !== BRACE_CLOSE) {
    const quotes = source[at] === QUOTE ? 1 : 0;
    const nameStart = at + quotes;
    const end = quotes === 1 ? quotedEnd(source, at) : bareEnd(source, at);
    at = skipBlanks(source, end);
    if (source[at] === EQUAL) {
      const valueStart = skipBlanks(source, at + 1);
      const valueEnd = quotedEnd(source, valueStart);
      visitor.label(nameStart, end - quotes, quotes === 1, valueStart + 1, valueEnd - 1);
      at = skipBlanks(source, valueEnd);
    } else {
      visitor.name(nameStart, end - quotes, true);
    }
    if (source[at] === COMMA) at = skipBlanks(source, at + 1);
  }
}

function skipBlanks(source: Uint8Array, from: number): number {
  let at = from;
  while (source[at] === SPACE || source[at] === TAB) at++;
  return at;
}

function bareEnd(source: Uint8Array, from: number): number {
  let at = from;
  while (at < source.length && (CLASSES[source[at]!]! & NAME_PART) !== 0) at++;
  return at;
}

function quotedEnd(source: Uint8Array, from: number): number {
  let at = from + 1;
  while (at < source.length && source[at] !== QUOTE) at += source[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}
