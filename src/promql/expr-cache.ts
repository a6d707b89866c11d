import type { Expr } from './parser/ast.ts';

/** Characters of all texts together: some thousand rules, and no more than about 40 MiB whatever they are. */
const MAX_CHARACTERS = 512 * 1024;
/** Longer texts are parsed each time. */
const MAX_LENGTH = 4096;

/**
 * Keeps the syntax trees of texts that were parsed: rules and dashboards ask the same again and again. Trees depend on
 * the text and the parser's options only, never on time. Those that were not used for longest go first.
 */
export class ExprCache {
  /** The one that was used last is at the end. */
  readonly #trees = new Map<string, Expr>();
  readonly #parse: (text: string) => Expr;
  #characters = 0;

  /** `parse` throws for what isn't PromQL; that is not kept. */
  constructor(parse: (text: string) => Expr) {
    this.#parse = parse;
  }

  /** How many trees are kept. */
  get size(): number {
    return this.#trees.size;
  }

  /** The tree of a text. */
  get(text: string): Expr {
    const kept = this.#trees.get(text);
    const tree = kept ?? this.#parse(text);
    if (kept !== undefined) this.#trees.delete(text);
    else if (text.length > MAX_LENGTH) return tree;
    else this.#characters += text.length;
    this.#trees.set(text, tree);
    for (const oldest of this.#trees.keys()) {
      if (this.#characters <= MAX_CHARACTERS) break;
      this.#trees.delete(oldest);
      this.#characters -= oldest.length;
    }
    return tree;
  }
}
