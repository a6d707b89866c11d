import {
  isEmptyTree,
  nodeText,
  type CommandNode,
  type ControlNode,
  type ExprNode,
  type ListNode,
  type PipeNode,
  type StatementNode,
  type TemplateNode,
  type Tree,
  type VariableNode,
} from './ast.ts';
import { errorText } from '../core/errors.ts';
import { TemplateError } from './errors.ts';
import { isKeyword, lex, type Token, type TokenKind } from './lexer.ts';
import { parseNumber } from './number.ts';
import { goQuote } from '../core/go-quote.ts';
import { goUnquote } from './quote.ts';

/** How deep actions and parentheses may be nested. */
const MAX_NESTING = 500;

/** What ended a list: `{{end}}`, or `{{else}}` with the keyword that follows in the same action. */
interface ListEnd {
  readonly kind: 'end' | 'else';
  readonly pos: number;
}

type Item = StatementNode | ListEnd;

const OPERANDS: ReadonlySet<TokenKind> = new Set<TokenKind>([
  'bool',
  'charConstant',
  'complex',
  'dot',
  'field',
  'identifier',
  'number',
  'nil',
  'rawString',
  'string',
  'variable',
  'leftParen',
]);

/**
 * Parses a text into templates: its own, named `name` (the last of the result unless it is empty of everything but
 * space and another of that name exists), and those it defines. `hasFunction` tells which functions exist. Throws
 * {@link TemplateError} and nothing else.
 *
 * @see Go text/template/parse/parse.go
 */
export function parseTemplate(
  name: string,
  text: string,
  hasFunction: (name: string) => boolean,
): Map<string, Tree> {
  const parser = new Parser(name, text, hasFunction);
  return parser.parse();
}

class Parser {
  readonly #name: string;
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #hasFunction: (name: string) => boolean;
  readonly #trees = new Map<string, Tree>();
  #next = 0;
  #furthest = 0;
  #vars: string[] = ['$'];
  #rangeDepth = 0;
  #nesting = 0;
  #actionLine = 0;

  constructor(name: string, text: string, hasFunction: (name: string) => boolean) {
    this.#name = name;
    this.#text = text;
    this.#tokens = lex(text);
    this.#hasFunction = hasFunction;
  }

  parse(): Map<string, Tree> {
    const nodes: StatementNode[] = [];
    const pos = this.#peek().pos;
    while (this.#peek().kind !== 'eof') {
      if (this.#atDefine()) {
        this.#definition();
        continue;
      }
      const item = this.#textOrAction();
      if (isListEnd(item)) this.#fail(`unexpected {{${item.kind}}}`);
      nodes.push(item);
    }
    this.#add(this.#name, { kind: 'list', pos, nodes });
    return this.#trees;
  }

  #atDefine(): boolean {
    if (this.#peek().kind !== 'left') return false;
    const after = this.#tokens.slice(this.#next + 1, this.#next + 3).find((token) => token.kind !== 'space');
    return after?.kind === 'define';
  }

  #definition(): void {
    const context = 'define clause';
    this.#nextNonSpace();
    this.#nextNonSpace();
    const token = this.#nextNonSpace();
    if (token.kind !== 'string' && token.kind !== 'rawString') this.#unexpected(token, context);
    const name = this.#unquote(token);
    this.#expect('right', context);
    this.#body(name, context);
  }

  /** The body of a define or block, with variables of its own. */
  #body(name: string, context: string): void {
    const vars = this.#vars;
    const rangeDepth = this.#rangeDepth;
    const actionLine = this.#actionLine;
    this.#vars = ['$'];
    this.#rangeDepth = 0;
    const { list, end } = this.#itemList();
    if (end.kind !== 'end') this.#fail(`unexpected {{${end.kind}}} in ${context}`);
    this.#vars = vars;
    this.#rangeDepth = rangeDepth;
    this.#actionLine = actionLine;
    this.#add(name, list);
  }

  #add(name: string, root: ListNode): void {
    const existing = this.#trees.get(name);
    if (existing === undefined || isEmptyTree(existing.root)) {
      this.#trees.set(name, { name, parseName: this.#name, text: this.#text, root });
    } else if (!isEmptyTree(root)) {
      this.#fail(`template: multiple definition of template ${goQuote(name)}`);
    }
  }

  #itemList(): { list: ListNode; end: ListEnd } {
    const nodes: StatementNode[] = [];
    const pos = this.#peekNonSpace().pos;
    this.#enter('max nesting of actions exceeded');
    while (this.#peekNonSpace().kind !== 'eof') {
      const item = this.#textOrAction();
      if (isListEnd(item)) {
        this.#nesting -= 1;
        return { list: { kind: 'list', pos, nodes }, end: item };
      }
      nodes.push(item);
    }
    return this.#fail('unexpected EOF');
  }

  #textOrAction(): Item {
    const token = this.#nextNonSpace();
    if (token.kind === 'text') return { kind: 'text', pos: token.pos, text: token.text };
    if (token.kind !== 'left') return this.#unexpected(token, 'input');
    this.#actionLine = token.line;
    const item = this.#action();
    this.#actionLine = 0;
    return item;
  }

  #action(): Item {
    const token = this.#nextNonSpace();
    const { kind } = token;
    if (kind === 'block') return this.#block();
    if (kind === 'break' || kind === 'continue') return this.#jump(token, kind);
    if (kind === 'else') return this.#else();
    if (kind === 'end') return { kind: 'end', pos: this.#expect('right', 'end').pos };
    if (kind === 'if' || kind === 'with' || kind === 'range') return this.#control(kind);
    if (kind === 'template') return this.#template();
    this.#back();
    const first = this.#peek();
    return { kind: 'action', pos: first.pos, pipe: this.#pipeline('command', 'right') };
  }

  #jump(token: Token, kind: 'break' | 'continue'): StatementNode {
    const next = this.#nextNonSpace();
    if (next.kind !== 'right') this.#unexpected(next, `{{${kind}}}`);
    if (this.#rangeDepth === 0) this.#fail(`{{${kind}}} outside {{range}}`);
    return { kind, pos: token.pos };
  }

  #else(): ListEnd {
    const next = this.#peekNonSpace();
    if (next.kind === 'if' || next.kind === 'with') return { kind: 'else', pos: next.pos };
    return { kind: 'else', pos: this.#expect('right', 'else').pos };
  }

  #control(kind: ControlNode['kind']): ControlNode {
    const varCount = this.#vars.length;
    const pipe = this.#pipeline(kind, 'right');
    if (kind === 'range') this.#rangeDepth += 1;
    const { list, end } = this.#itemList();
    if (kind === 'range') this.#rangeDepth -= 1;
    const elseList = end.kind === 'else' ? this.#elseList(kind, end) : undefined;
    this.#vars.length = varCount;
    return { kind, pos: pipe.pos, pipe, list, elseList };
  }

  #elseList(kind: ControlNode['kind'], end: ListEnd): ListNode {
    if (kind !== 'range' && this.#peek().kind === kind) {
      this.#token();
      this.#enter('max nesting of actions exceeded');
      const node = this.#control(kind);
      this.#nesting -= 1;
      return { kind: 'list', pos: end.pos, nodes: [node] };
    }
    const { list, end: last } = this.#itemList();
    if (last.kind !== 'end') this.#fail('expected end; found {{else}}');
    return list;
  }

  #block(): TemplateNode {
    const context = 'block clause';
    const token = this.#nextNonSpace();
    const name = this.#templateName(token, context);
    const pipe = this.#pipeline(context, 'right');
    this.#body(name, context);
    return { kind: 'template', pos: token.pos, name, pipe };
  }

  #template(): TemplateNode {
    const context = 'template clause';
    const token = this.#nextNonSpace();
    const name = this.#templateName(token, context);
    if (this.#nextNonSpace().kind === 'right')
      return { kind: 'template', pos: token.pos, name, pipe: undefined };
    this.#back();
    return { kind: 'template', pos: token.pos, name, pipe: this.#pipeline(context, 'right') };
  }

  #templateName(token: Token, context: string): string {
    if (token.kind !== 'string' && token.kind !== 'rawString') return this.#unexpected(token, context);
    return this.#unquote(token);
  }

  #pipeline(context: string, end: 'right' | 'rightParen'): PipeNode {
    const { pos, line } = this.#peekNonSpace();
    const declared: VariableNode[] = [];
    const isAssign = this.#declarations(context, declared);
    const commands: CommandNode[] = [];
    for (;;) {
      const token = this.#nextNonSpace();
      if (token.kind === end) break;
      if (!OPERANDS.has(token.kind)) this.#unexpected(token, context);
      this.#back();
      commands.push(this.#command());
    }
    if (commands.length === 0) this.#fail(`missing value for ${context}`);
    commands.slice(1).forEach((command, i) => {
      if (['bool', 'dot', 'nil', 'number', 'string'].includes(command.args[0]!.kind)) {
        this.#fail(`non executable command in pipeline stage ${i + 2}`);
      }
    });
    return { kind: 'pipe', pos, line, isAssign, declared, commands };
  }

  /** Reads `$x :=`, `$x =` and, in range, `$i, $x :=`; true for an assignment. */
  #declarations(context: string, declared: VariableNode[]): boolean {
    for (;;) {
      const token = this.#peekNonSpace();
      if (token.kind !== 'variable') return false;
      const before = this.#next;
      this.#token();
      const next = this.#peekNonSpace();
      const isDeclaration = next.kind === 'assign' || next.kind === 'declare';
      if (!isDeclaration && !(next.kind === 'char' && next.text === ',')) {
        this.#next = before;
        return false;
      }
      this.#nextNonSpace();
      declared.push({ kind: 'variable', pos: token.pos, path: [token.text] });
      this.#vars.push(token.text);
      if (isDeclaration) return next.kind === 'assign';
      if (context !== 'range' || declared.length >= 2) this.#fail(`too many declarations in ${context}`);
      if (!['variable', 'right', 'rightParen'].includes(this.#peekNonSpace().kind)) {
        this.#fail('range can only initialize variables');
      }
    }
  }

  #command(): CommandNode {
    const pos = this.#peekNonSpace().pos;
    const args: ExprNode[] = [];
    for (;;) {
      this.#peekNonSpace();
      const operand = this.#operand();
      if (operand !== undefined) args.push(operand);
      const token = this.#token();
      if (token.kind === 'space') continue;
      if (token.kind === 'right' || token.kind === 'rightParen') this.#back();
      else if (token.kind !== 'pipe') this.#unexpected(token, 'operand');
      break;
    }
    if (args.length === 0) this.#fail('empty command');
    return { kind: 'command', pos, args };
  }

  #operand(): ExprNode | undefined {
    const node = this.#term();
    if (node === undefined || this.#peek().kind !== 'field') return node;
    const pos = this.#peek().pos;
    const path: string[] = [];
    while (this.#peek().kind === 'field') path.push(this.#token().text.slice(1));
    switch (node.kind) {
      case 'field':
      case 'variable':
        return { kind: node.kind, pos, path: [...node.path, ...path] };
      case 'bool':
      case 'string':
      case 'number':
      case 'nil':
      case 'dot':
        return this.#fail(`unexpected . after term ${goQuote(nodeText(node))}`);
      case 'identifier':
      case 'chain':
      case 'pipe':
        return { kind: 'chain', pos, of: node, path };
    }
  }

  #term(): ExprNode | undefined {
    const token = this.#nextNonSpace();
    const { kind, pos, text } = token;
    if (kind === 'identifier') {
      if (!this.#hasFunction(text)) this.#fail(`function ${goQuote(text)} not defined`);
      return { kind: 'identifier', pos, name: text };
    }
    if (kind === 'dot' || kind === 'nil') return { kind, pos };
    if (kind === 'variable') {
      if (!this.#vars.includes(text)) this.#fail(`undefined variable ${goQuote(text)}`);
      return { kind: 'variable', pos, path: [text] };
    }
    if (kind === 'field') return { kind: 'field', pos, path: [text.slice(1)] };
    if (kind === 'bool') return { kind: 'bool', pos, value: text === 'true' };
    if (kind === 'charConstant' || kind === 'complex' || kind === 'number') return this.#number(token);
    if (kind === 'leftParen') return this.#parenthesised();
    if (kind === 'string' || kind === 'rawString') {
      return { kind: 'string', pos, quoted: text, text: this.#unquote(token) };
    }
    this.#back();
    return undefined;
  }

  #number(token: Token): ExprNode {
    try {
      return parseNumber(token.pos, token.text, token.kind === 'charConstant');
    } catch (error) {
      return this.#fail(errorText(error));
    }
  }

  #parenthesised(): PipeNode {
    this.#enter('max expression depth exceeded');
    const pipe = this.#pipeline('parenthesized pipeline', 'rightParen');
    this.#nesting -= 1;
    return pipe;
  }

  #enter(message: string): void {
    this.#nesting += 1;
    if (this.#nesting > MAX_NESTING) this.#fail(message);
  }

  #unquote(token: Token): string {
    return goUnquote(token.text) ?? this.#fail('invalid syntax');
  }

  #token(): Token {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }

  #back(): void {
    this.#next -= 1;
  }

  #peek(): Token {
    this.#next = Math.min(this.#next, this.#tokens.length - 1);
    this.#furthest = Math.max(this.#furthest, this.#next);
    return this.#tokens[this.#next]!;
  }

  #nextNonSpace(): Token {
    for (;;) {
      const token = this.#token();
      if (token.kind !== 'space') return token;
    }
  }

  #peekNonSpace(): Token {
    const token = this.#nextNonSpace();
    this.#back();
    return token;
  }

  #expect(kind: TokenKind, context: string): Token {
    const token = this.#nextNonSpace();
    return token.kind === kind ? token : this.#unexpected(token, context);
  }

  #unexpected(token: Token, context: string): never {
    if (token.kind !== 'error') return this.#fail(`unexpected ${tokenText(token)} in ${context}`);
    let where = '';
    if (this.#actionLine !== 0 && this.#actionLine !== token.line) {
      const isAction = token.text.endsWith(' action');
      where = `${isAction ? '' : ' in action'} started at ${this.#name}:${this.#actionLine}`;
    }
    return this.#fail(token.text + where);
  }

  #fail(message: string): never {
    throw new TemplateError(`template: ${this.#name}:${this.#tokens[this.#furthest]!.line}: ${message}`);
  }
}

function isListEnd(item: Item): item is ListEnd {
  return item.kind === 'end' || item.kind === 'else';
}

function tokenText(token: Token): string {
  if (token.kind === 'eof' || token.kind === 'error') return token.text;
  if (isKeyword(token.kind)) return `<${token.text}>`;
  return token.text.length > 10 ? `${goQuote(token.text.slice(0, 10))}...` : goQuote(token.text);
}
