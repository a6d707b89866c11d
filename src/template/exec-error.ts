import { goQuote } from '../core/go-quote.ts';
import { nodeText, type Node, type Tree } from './ast.ts';
import { TemplateError } from './errors.ts';
import { byteLength } from './kinds.ts';

/** What Go says of an execution that failed at a node: where it is, by line and bytes, and its text. */
export function executionError(
  tree: Tree,
  node: Node | undefined,
  message: string,
  cause?: unknown,
): TemplateError {
  const options = cause === undefined ? undefined : { cause };
  const { name, parseName, text } = tree;
  if (node === undefined) return new TemplateError(`template: ${name}: ${message}`, options);
  const before = text.slice(0, node.pos);
  const lineStart = before.lastIndexOf('\n') + 1;
  const line = 1 + (before.match(/\n/g)?.length ?? 0);
  const where = `${parseName}:${line}:${byteLength(before.slice(lineStart))}`;
  const at = `executing ${goQuote(name)} at <${nodeText(node)}>`;
  return new TemplateError(`template: ${where}: ${at}: ${message}`, options);
}
