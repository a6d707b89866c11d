import { goQuote } from '../core/go-quote.ts';

/** Where a node is: offset in its template's source, UTF-16 units. */
interface Positioned {
  readonly pos: number;
}

/** `.` */
interface DotNode extends Positioned {
  readonly kind: 'dot';
}
/** `nil` */
interface NilNode extends Positioned {
  readonly kind: 'nil';
}
/** `true`, `false` */
interface BoolNode extends Positioned {
  readonly kind: 'bool';
  readonly value: boolean;
}
/** A number with each of the readings that its text allows. */
export interface NumberNode extends Positioned {
  readonly kind: 'number';
  readonly text: string;
  readonly int: bigint | undefined;
  readonly float: number | undefined;
  /** What it is where no type is asked for. */
  readonly ideal: bigint | number | undefined;
}
/** A string in either kind of quotes. */
interface StringNode extends Positioned {
  readonly kind: 'string';
  readonly quoted: string;
  readonly text: string;
}
/** `.A.B` */
export interface FieldNode extends Positioned {
  readonly kind: 'field';
  readonly path: readonly string[];
}
/** `$x.A.B`; the first of `path` is `$x`. */
export interface VariableNode extends Positioned {
  readonly kind: 'variable';
  readonly path: readonly string[];
}
/** The name of a function. */
export interface IdentifierNode extends Positioned {
  readonly kind: 'identifier';
  readonly name: string;
}
/** Fields of a parenthesised pipeline or a call: `(index .A 1).B` */
export interface ChainNode extends Positioned {
  readonly kind: 'chain';
  readonly of: ExprNode;
  readonly path: readonly string[];
}
/** `a b | c`, with the variables it declares or assigns. */
export interface PipeNode extends Positioned {
  readonly kind: 'pipe';
  readonly line: number;
  readonly isAssign: boolean;
  readonly declared: readonly VariableNode[];
  readonly commands: readonly CommandNode[];
}
/** An operand with its arguments. */
export interface CommandNode extends Positioned {
  readonly kind: 'command';
  readonly args: readonly ExprNode[];
}

/** What can stand as an operand. */
export type ExprNode =
  | DotNode
  | NilNode
  | BoolNode
  | NumberNode
  | StringNode
  | FieldNode
  | VariableNode
  | IdentifierNode
  | ChainNode
  | PipeNode;

/** Text outside actions. */
interface TextNode extends Positioned {
  readonly kind: 'text';
  readonly text: string;
}
/** An action that prints. */
interface ActionNode extends Positioned {
  readonly kind: 'action';
  readonly pipe: PipeNode;
}
/** if, with and range. */
export interface ControlNode extends Positioned {
  readonly kind: 'if' | 'with' | 'range';
  readonly pipe: PipeNode;
  readonly list: ListNode;
  readonly elseList: ListNode | undefined;
}
/** `{{template "name" pipe}}` */
export interface TemplateNode extends Positioned {
  readonly kind: 'template';
  readonly name: string;
  readonly pipe: PipeNode | undefined;
}
/** break and continue. */
interface JumpNode extends Positioned {
  readonly kind: 'break' | 'continue';
}
/** What stands one after the other. */
export interface ListNode extends Positioned {
  readonly kind: 'list';
  readonly nodes: readonly StatementNode[];
}

/** What can stand in a template. */
export type StatementNode = TextNode | ActionNode | ControlNode | TemplateNode | JumpNode;

/** Any node. */
export type Node = StatementNode | ListNode | ExprNode | CommandNode;

/** A parsed template: its own name and the source that its nodes' positions are in. */
export interface Tree {
  readonly name: string;
  /** Name of the text it was read from, which messages show. */
  readonly parseName: string;
  readonly text: string;
  readonly root: ListNode;
}

/** Source text of a node as Go writes it in messages. */
export function nodeText(node: Node): string {
  switch (node.kind) {
    case 'dot':
      return '.';
    case 'nil':
      return 'nil';
    case 'bool':
      return String(node.value);
    case 'number':
      return node.text;
    case 'string':
      return node.quoted;
    case 'field':
      return node.path.map((name) => `.${name}`).join('');
    case 'variable':
      return node.path.join('.');
    case 'identifier':
      return node.name;
    case 'chain':
      return operandText(node.of) + node.path.map((name) => `.${name}`).join('');
    case 'pipe':
      return pipeText(node);
    case 'command':
      return node.args.map(operandText).join(' ');
    case 'text':
      return node.text;
    case 'action':
      return `{{${pipeText(node.pipe)}}}`;
    case 'template':
      return templateText(node);
    case 'break':
    case 'continue':
      return `{{${node.kind}}}`;
    case 'list':
      return node.nodes.map(nodeText).join('');
    case 'if':
    case 'with':
    case 'range':
      return controlText(node);
  }
}

function operandText(node: ExprNode): string {
  return node.kind === 'pipe' ? `(${pipeText(node)})` : nodeText(node);
}

function pipeText(pipe: PipeNode): string {
  const commands = pipe.commands.map(nodeText).join(' | ');
  if (pipe.declared.length === 0) return commands;
  return `${pipe.declared.map(nodeText).join(', ')} ${pipe.isAssign ? '=' : ':='} ${commands}`;
}

function templateText(node: TemplateNode): string {
  const pipe = node.pipe === undefined ? '' : ` ${pipeText(node.pipe)}`;
  return `{{template ${goQuote(node.name)}${pipe}}}`;
}

function controlText(node: ControlNode): string {
  const otherwise = node.elseList === undefined ? '' : `{{else}}${nodeText(node.elseList)}`;
  return `{{${node.kind} ${pipeText(node.pipe)}}}${nodeText(node.list)}${otherwise}{{end}}`;
}

/** Whether a template holds nothing but space: such a one does not replace another of the same name. */
export function isEmptyTree(root: ListNode): boolean {
  return root.nodes.every((node) => node.kind === 'text' && node.text.trim() === '');
}
