import type { Tree } from './ast.ts';
import { isEmptyTree } from './ast.ts';
import { BUILTINS } from './builtins.ts';
import { TemplateError } from './errors.ts';
import { AnswerNeeded, type Sink, type TemplateLimits } from './exec-types.ts';
import { execute } from './exec.ts';
import { sprintValue } from './go-print.ts';
import { HtmlSink } from './html-sink.ts';
import { HTML_BUILTINS } from './html-escape.ts';
import { parseTemplate } from './parser.ts';
import { goQuote } from '../core/go-quote.ts';
import type { FunctionMap, TemplateValue } from './value.ts';

/** A text with templates: its name is what messages show. */
export interface TemplateText {
  readonly name: string;
  readonly text: string;
}

/** What all templates of a set have in common. */
export interface TemplateOptions {
  readonly functions: FunctionMap;
  readonly limits?: TemplateLimits;
}

/** Texts whose parse is kept; configuration has few, and alert rules render the same ones over and over. */
const CACHED_TEXTS = 4096;

/** Asynchronous calls that one execution may make. */
const MAX_ASYNC_CALLS = 1000;

/**
 * A set of templates that know each other, as Go's template.Template with `missingkey=zero`. Immutable; safe to share.
 * Every method throws {@link TemplateError} and nothing else of its own.
 */
export class TemplateSet {
  readonly #trees: ReadonlyMap<string, Tree>;
  readonly #options: TemplateOptions;
  readonly #htmlFunctions: FunctionMap;
  readonly #texts: Map<string, ReadonlyMap<string, Tree>>;

  private constructor(
    trees: ReadonlyMap<string, Tree>,
    options: TemplateOptions,
    texts: Map<string, ReadonlyMap<string, Tree>> = new Map(),
  ) {
    this.#trees = trees;
    this.#options = options;
    this.#htmlFunctions = { ...HTML_BUILTINS, ...options.functions };
    this.#texts = texts;
  }

  /**
   * Parses texts in order. A template defined again takes the place of the earlier one, unless it is empty; inside one
   * text a second definition is an error.
   */
  static parse(sources: readonly TemplateText[], options: TemplateOptions): TemplateSet {
    const trees = new Map<string, Tree>();
    const hasFunction = functionTest(options.functions);
    for (const source of sources) {
      for (const [name, tree] of parseTemplate(source.name, source.text, hasFunction)) {
        if (!isEmptyTree(tree.root) || !trees.has(name)) trees.set(name, tree);
      }
    }
    return new TemplateSet(trees, options);
  }

  /** The same templates with other functions of the same names, and maybe further ones. */
  withFunctions(functions: FunctionMap): TemplateSet {
    const known = Object.keys(functions).every((name) => Object.hasOwn(this.#options.functions, name));
    const options = { ...this.#options, functions: { ...this.#options.functions, ...functions } };
    return new TemplateSet(this.#trees, options, known ? this.#texts : undefined);
  }

  /** Names of the templates, sorted. */
  names(): string[] {
    return [...this.#trees.keys()].sort();
  }

  /** Throws when a text does not parse. */
  check(text: string, name = ''): void {
    this.#parsed(text, name);
  }

  /** Renders a text that may use the set's templates and define some for itself. */
  executeText(text: string, data: TemplateValue, name = ''): string {
    return text === '' ? '' : this.#run(this.#lookupIn(text, name), name, data, new TextSink());
  }

  /** {@link executeText} with the contextual escaping of html/template. */
  executeHtml(text: string, data: TemplateValue, name = ''): string {
    return text === '' ? '' : this.#run(this.#lookupIn(text, name), name, data, new HtmlSink());
  }

  /** Renders a template of the set. */
  execute(name: string, data: TemplateValue): string {
    return this.#run((wanted) => this.#trees.get(wanted), name, data, new TextSink());
  }

  /** {@link execute} with the contextual escaping of html/template. */
  executeNamedHtml(name: string, data: TemplateValue): string {
    return this.#run((wanted) => this.#trees.get(wanted), name, data, new HtmlSink());
  }

  /**
   * {@link executeText} where functions may take time. Without a call to such a function nothing is awaited in between.
   * The template is executed once more for each answer, so functions must give the same result each time.
   */
  async executeTextAsync(text: string, data: TemplateValue, name = ''): Promise<string> {
    if (text === '') return '';
    const lookup = this.#lookupIn(text, name);
    const answers: TemplateValue[] = [];
    for (;;) {
      try {
        return this.#run(lookup, name, data, new TextSink(), answers);
      } catch (error) {
        if (!(error instanceof AnswerNeeded)) throw error;
        if (answers.length >= MAX_ASYNC_CALLS) {
          throw error.toError(new Error(`more than ${MAX_ASYNC_CALLS} queries in one template`));
        }
        answers.push(await answerOf(error));
      }
    }
  }

  #lookupIn(text: string, name: string): (wanted: string) => Tree | undefined {
    const own = this.#parsed(text, name);
    return (wanted) => {
      const tree = own.get(wanted);
      if (tree === undefined || (wanted !== name && isEmptyTree(tree.root)))
        return this.#trees.get(wanted) ?? tree;
      return tree;
    };
  }

  #parsed(text: string, name: string): ReadonlyMap<string, Tree> {
    const key = `${name}\0${text}`;
    const cached = this.#texts.get(key);
    if (cached !== undefined) return cached;
    const trees = parseTemplate(name, text, functionTest(this.#options.functions));
    if (this.#texts.size >= CACHED_TEXTS) this.#texts.clear();
    this.#texts.set(key, trees);
    return trees;
  }

  #run(
    lookup: (name: string) => Tree | undefined,
    name: string,
    data: TemplateValue,
    sink: OutputSink,
    answers?: readonly TemplateValue[],
  ): string {
    const tree = lookup(name);
    if (tree === undefined) {
      throw new TemplateError(`template: no template ${goQuote(name)} associated with template ""`);
    }
    const functions = sink instanceof HtmlSink ? this.#htmlFunctions : this.#options.functions;
    const limits = this.#options.limits ?? {};
    execute(tree, data, { lookup, functions, limits, sink, ...(answers === undefined ? {} : { answers }) });
    return sink.end();
  }
}

async function answerOf(needed: AnswerNeeded): Promise<TemplateValue> {
  try {
    return await needed.ask();
  } catch (error) {
    throw needed.toError(error);
  }
}

function functionTest(functions: FunctionMap): (name: string) => boolean {
  return (name) => Object.hasOwn(functions, name) || Object.hasOwn(BUILTINS, name);
}

interface OutputSink extends Sink {
  /** Everything that was written. */
  end(): string;
}

class TextSink implements OutputSink {
  #out = '';

  get length(): number {
    return this.#out.length;
  }

  text(text: string): void {
    this.#out += text;
  }

  value(value: TemplateValue): void {
    this.#out += value === undefined ? '<no value>' : sprintValue(value);
  }

  end(): string {
    return this.#out;
  }
}
