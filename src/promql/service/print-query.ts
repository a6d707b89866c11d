import { parseExpr, prettifyExpr, translateAst, type ParseOptions } from '../parser/index.ts';
import type { PrintForm } from './query-service.ts';

const encoder = new TextEncoder();

/**
 * An expression without evaluating it, as the JSON of `/api/v1/format_query` or `/api/v1/parse_query`. Throws QueryError
 * when it can't be parsed. Takes up to seconds where regular expressions are large.
 */
export function printQuery(query: string, form: PrintForm, options?: ParseOptions): Uint8Array<ArrayBuffer> {
  const expr = parseExpr(query, options);
  return encoder.encode(JSON.stringify(form === 'text' ? prettifyExpr(expr) : translateAst(expr)));
}
