import { QueryError } from '../query-engine.ts';
import type { Position } from './ast.ts';

/** One thing wrong with a PromQL text. */
export interface ParseIssue {
  /** Without the position. */
  readonly message: string;
  /** Offsets into the JavaScript string. */
  readonly position: Position;
}

/** `line:column` of an offset, both from 1; the column counts UTF-8 bytes as Prometheus does. */
export function lineColumn(text: string, offset: number): string {
  if (text === '') return 'unknown position';
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf('\n');
  let line = 1;
  for (let at = before.indexOf('\n'); at >= 0; at = before.indexOf('\n', at + 1)) line++;
  return `${line}:${Buffer.byteLength(before.slice(lastBreak + 1)) + 1}`;
}

/** One issue as Prometheus prints it: `1:5: parse error: unexpected …`. */
function issueText(text: string, issue: ParseIssue): string {
  return `${lineColumn(text, issue.position.start)}: parse error: ${issue.message}`;
}

/** Why a PromQL text is not acceptable. `message` is that of the first issue, as in Prometheus. */
export class PromqlParseError extends QueryError {
  readonly text: string;
  /** In the order found, at least one. */
  readonly issues: readonly ParseIssue[];

  constructor(text: string, issues: readonly ParseIssue[]) {
    super('bad_data', issueText(text, issues[0]!));
    this.name = 'PromqlParseError';
    this.text = text;
    this.issues = issues;
  }
}
