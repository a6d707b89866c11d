import { AssertionFailure, errorText } from '../core/errors.ts';
import {
  nodeText,
  type ChainNode,
  type CommandNode,
  type ControlNode,
  type ExprNode,
  type FieldNode,
  type IdentifierNode,
  type ListNode,
  type Node,
  type PipeNode,
  type StatementNode,
  type TemplateNode,
  type Tree,
  type VariableNode,
} from './ast.ts';
import { BUILTINS } from './builtins.ts';
import type { TemplateError } from './errors.ts';
import { sprintValue } from './go-print.ts';
import { GoDuration } from './go-time.ts';
import { isTrue, itemsOf, mapOf, typeName } from './kinds.ts';
import { memberOf } from './members.ts';
import { PARAM_TYPE_NAMES, acceptsNil, convertParam, paramAt } from './params.ts';
import { goQuote } from '../core/go-quote.ts';
import { executionError } from './exec-error.ts';
import { AnswerNeeded, type ExecOptions } from './exec-types.ts';
import { Variables } from './variables.ts';
import type { ParamType, TemplateFunction, TemplateValue } from './value.ts';

type Flow = 'next' | 'break' | 'continue';

/** Marks a missing piped argument. */
const MISSING = Symbol('missing');
type Piped = TemplateValue | typeof MISSING;

/** Executes a template. Throws {@link TemplateError}, or {@link AnswerNeeded} where answers are allowed. */
export function execute(tree: Tree, data: TemplateValue, options: ExecOptions): void {
  new Execution(tree, options).run(data);
}

class Execution {
  readonly #options: ExecOptions;
  readonly #maxSteps: number;
  readonly #maxLength: number;
  readonly #maxDepth: number;
  #tree: Tree;
  #node: Node | undefined;
  #vars = new Variables(undefined);
  #depth = 0;
  #steps = 0;
  #asked = 0;
  #data: TemplateValue;

  constructor(tree: Tree, options: ExecOptions) {
    this.#tree = tree;
    this.#options = options;
    this.#maxSteps = options.limits.maxSteps ?? 1_000_000;
    this.#maxLength = options.limits.maxOutputLength ?? 4 * 1024 * 1024;
    this.#maxDepth = options.limits.maxDepth ?? 200;
  }

  run(data: TemplateValue): void {
    this.#data = data;
    this.#vars = new Variables(data);
    this.#walkList(data, this.#tree.root);
  }

  #walkList(dot: TemplateValue, list: ListNode): Flow {
    for (const node of list.nodes) {
      const flow = this.#walk(dot, node);
      if (flow !== 'next') return flow;
    }
    return 'next';
  }

  #walk(dot: TemplateValue, node: StatementNode): Flow {
    this.#node = node;
    this.#step();
    switch (node.kind) {
      case 'text':
        this.#options.sink.text(node.text);
        this.#checkOutput();
        return 'next';
      case 'action': {
        const value = this.#pipeline(dot, node.pipe);
        if (node.pipe.declared.length > 0) return 'next';
        this.#node = node;
        this.#options.sink.value(value);
        this.#checkOutput();
        return 'next';
      }
      case 'if':
      case 'with':
        return this.#ifOrWith(dot, node);
      case 'range':
        return this.#range(dot, node);
      case 'template':
        this.#callTemplate(dot, node);
        return 'next';
      case 'break':
      case 'continue':
        return node.kind;
    }
  }

  #ifOrWith(dot: TemplateValue, node: ControlNode): Flow {
    const mark = this.#vars.size;
    const value = this.#pipeline(dot, node.pipe);
    let flow: Flow = 'next';
    if (isTrue(value)) flow = this.#walkList(node.kind === 'with' ? value : dot, node.list);
    else if (node.elseList !== undefined) flow = this.#walkList(dot, node.elseList);
    this.#vars.shrink(mark);
    return flow;
  }

  #range(dot: TemplateValue, node: ControlNode): Flow {
    const outer = this.#vars.size;
    const value = this.#pipeline(dot, node.pipe);
    const mark = this.#vars.size;
    let ran = false;
    let flow: Flow = 'next';
    for (const [index, element] of this.#elements(value, node)) {
      ran = true;
      this.#step();
      this.#setRangeVariables(node.pipe, index, element);
      const ended = this.#walkList(element, node.list);
      this.#vars.shrink(mark);
      if (ended === 'break') break;
    }
    if (!ran && node.elseList !== undefined) flow = this.#walkList(dot, node.elseList);
    this.#vars.shrink(outer);
    return flow;
  }

  *#elements(value: TemplateValue, node: ControlNode): Generator<readonly [TemplateValue, TemplateValue]> {
    if (value === undefined) return;
    if (typeof value === 'bigint') {
      if (node.pipe.declared.length > 1) {
        this.#fail(`can't use ${value} to iterate over more than one variable`);
      }
      for (let i = 0n; i < value; i++) yield [undefined, i];
      return;
    }
    const items = itemsOf(value);
    if (items !== undefined) {
      for (let i = 0; i < items.length; i++) yield [BigInt(i), items[i]];
      return;
    }
    const map = mapOf(value);
    if (map === undefined) this.#fail(`range can't iterate over ${sprintValue(value)}`);
    for (const key of map.keys()) yield [key, map.get(key)];
  }

  #setRangeVariables(pipe: PipeNode, index: TemplateValue, element: TemplateValue): void {
    const [first, second] = pipe.declared;
    if (first === undefined) return;
    if (pipe.isAssign) {
      this.#assign(first.path[0]!, second === undefined ? element : index);
      if (second !== undefined) this.#assign(second.path[0]!, element);
      return;
    }
    this.#vars.setFromTop(1, element);
    if (second !== undefined) this.#vars.setFromTop(2, index);
  }

  #callTemplate(dot: TemplateValue, node: TemplateNode): void {
    const tree = this.#options.lookup(node.name);
    if (tree === undefined) return this.#fail(`template ${goQuote(node.name)} not defined`);
    if (this.#depth >= this.#maxDepth) this.#fail(`exceeded maximum template depth (${this.#maxDepth})`);
    const data = node.pipe === undefined ? undefined : this.#pipeline(dot, node.pipe);
    const saved = { tree: this.#tree, vars: this.#vars };
    this.#tree = tree;
    this.#vars = new Variables(data);
    this.#depth += 1;
    this.#walkList(data, tree.root);
    this.#depth -= 1;
    this.#tree = saved.tree;
    this.#vars = saved.vars;
  }

  #pipeline(dot: TemplateValue, pipe: PipeNode): TemplateValue {
    this.#node = pipe;
    let value: Piped = MISSING;
    for (const command of pipe.commands) value = this.#command(dot, command, value);
    const result = value === MISSING ? undefined : value;
    for (const variable of pipe.declared) {
      const name = variable.path[0]!;
      if (pipe.isAssign) this.#assign(name, result);
      else this.#vars.declare(name, result);
    }
    return result;
  }

  #command(dot: TemplateValue, command: CommandNode, final: Piped): TemplateValue {
    this.#step();
    const first = command.args[0]!;
    switch (first.kind) {
      case 'field':
        return this.#field(dot, first, command.args, final);
      case 'chain':
        return this.#chain(dot, first, command.args, final);
      case 'identifier':
        return this.#function(dot, first, command, command.args, final);
      case 'pipe':
        this.#notAFunction(command.args, final);
        return this.#pipeline(dot, first);
      case 'variable':
        return this.#variable(dot, first, command.args, final);
      case 'bool':
      case 'dot':
      case 'nil':
      case 'number':
      case 'string':
        break;
    }
    this.#node = first;
    this.#notAFunction(command.args, final);
    if (first.kind === 'nil') this.#fail('nil is not a command');
    return this.#literal(dot, first);
  }

  #literal(dot: TemplateValue, node: ExprNode): TemplateValue {
    switch (node.kind) {
      case 'bool':
        return node.value;
      case 'dot':
        return dot;
      case 'number':
        return node.ideal;
      case 'string':
        return node.text;
      case 'chain':
      case 'field':
      case 'identifier':
      case 'nil':
      case 'pipe':
      case 'variable':
        return this.#fail(`can't handle assignment of ${nodeText(node)} to empty interface argument`);
    }
  }

  #notAFunction(args: readonly ExprNode[], final: Piped): void {
    if (args.length > 1 || final !== MISSING) {
      this.#fail(`can't give argument to non-function ${nodeText(args[0]!)}`);
    }
  }

  #field(dot: TemplateValue, node: FieldNode, args: readonly ExprNode[], final: Piped): TemplateValue {
    this.#node = node;
    return this.#path(dot, dot, node, node.path, args, final);
  }

  #chain(dot: TemplateValue, node: ChainNode, args: readonly ExprNode[], final: Piped): TemplateValue {
    this.#node = node;
    if (node.of.kind === 'nil') this.#fail(`indirection through explicit nil in ${nodeText(node)}`);
    const of = this.#argument(dot, 'any', node.of);
    return this.#path(dot, of, node, node.path, args, final);
  }

  #variable(dot: TemplateValue, node: VariableNode, args: readonly ExprNode[], final: Piped): TemplateValue {
    this.#node = node;
    const value = this.#vars.get(node.path[0]!);
    if (node.path.length === 1) {
      if (args.length > 0) this.#notAFunction(args, final);
      return value;
    }
    return this.#path(dot, value, node, node.path.slice(1), args, final);
  }

  /** Walks `.A.B.C`; the last name may be a method that gets the arguments. */
  #path(
    dot: TemplateValue,
    receiver: TemplateValue,
    node: Node,
    path: readonly string[],
    args: readonly ExprNode[],
    final: Piped,
  ): TemplateValue {
    let value = receiver;
    let shownType: string | undefined;
    path.forEach((name, i) => {
      const last = i === path.length - 1;
      if (value === undefined) {
        if (i > 0) this.#fail(`nil pointer evaluating interface {}.${name}`);
        return;
      }
      const isAny = mapOf(value)?.element === 'any';
      value = this.#member(dot, value, name, node, last ? args : [], last ? final : MISSING, shownType);
      shownType = isAny ? 'interface {}' : undefined;
    });
    return value;
  }

  #member(
    dot: TemplateValue,
    receiver: TemplateValue,
    name: string,
    node: Node,
    args: readonly ExprNode[],
    final: Piped,
    shownType: string | undefined,
  ): TemplateValue {
    const member = memberOf(receiver, name);
    if (member.kind === 'method') return this.#call(dot, member.method, node, name, args, final);
    if (member.kind === 'none') {
      this.#fail(`can't evaluate field ${name} in type ${shownType ?? typeName(receiver)}`);
    }
    if (args.length > 1 || final !== MISSING) {
      this.#fail(
        member.kind === 'field'
          ? `${name} has arguments but cannot be invoked as function`
          : `${name} is not a method but has arguments`,
      );
    }
    return member.value;
  }

  #function(
    dot: TemplateValue,
    identifier: IdentifierNode,
    node: Node,
    args: readonly ExprNode[],
    final: Piped,
  ): TemplateValue {
    this.#node = identifier;
    const { name } = identifier;
    const own = Object.hasOwn(this.#options.functions, name) ? this.#options.functions[name] : undefined;
    if (own !== undefined) return this.#call(dot, own, node, name, args, final);
    if (name === 'and' || name === 'or') return this.#andOr(dot, name, args, final);
    const builtin = Object.hasOwn(BUILTINS, name) ? BUILTINS[name] : undefined;
    if (builtin === undefined) return this.#fail(`${goQuote(name)} is not a defined function`);
    return this.#call(dot, builtin, node, name, args, final);
  }

  /** `and` and `or` evaluate no further than needed. */
  #andOr(dot: TemplateValue, name: 'and' | 'or', args: readonly ExprNode[], final: Piped): TemplateValue {
    if (args.length <= 1 && final === MISSING) {
      this.#fail(`wrong number of args for ${name}: want at least 1 got 0`);
    }
    let value: TemplateValue;
    for (const arg of args.slice(1)) {
      value = this.#argument(dot, 'any', arg);
      if (isTrue(value) === (name === 'or')) return value;
    }
    return final === MISSING ? value : final;
  }

  #call(
    dot: TemplateValue,
    callee: TemplateFunction,
    node: Node,
    name: string,
    args: readonly ExprNode[],
    final: Piped,
  ): TemplateValue {
    const given = Math.max(args.length - 1, 0) + (final === MISSING ? 0 : 1);
    this.#checkCount(callee, name, given);
    const values: TemplateValue[] = [];
    for (let i = 1; i < args.length; i++) {
      values.push(this.#argument(dot, paramAt(callee, i - 1), args[i]!));
    }
    if (final !== MISSING) values.push(this.#convert(final, paramAt(callee, given - 1)));
    this.#step();
    const result =
      callee.callAsync === undefined
        ? this.#invoke(callee, values, node, name)
        : this.#ask(callee, values, node, name);
    if (typeof result === 'string' && result.length > this.#maxLength) {
      this.#fail(`text longer than the limit of ${this.#maxLength} characters`);
    }
    return result;
  }

  #checkCount(callee: TemplateFunction, name: string, given: number): void {
    const want = callee.params.length;
    if (callee.variadic !== undefined) {
      if (given < want) this.#fail(`wrong number of args for ${name}: want at least ${want} got ${given}`);
    } else if (given !== want) {
      this.#fail(`wrong number of args for ${name}: want ${want} got ${given}`);
    }
  }

  #invoke(
    callee: TemplateFunction,
    values: readonly TemplateValue[],
    node: Node,
    name: string,
  ): TemplateValue {
    try {
      return callee.call(values, this.#data);
    } catch (error) {
      if (error instanceof AnswerNeeded || error instanceof AssertionFailure) throw error;
      this.#node = node;
      throw this.#error(`error calling ${name}: ${errorText(error)}`, error);
    }
  }

  #ask(callee: TemplateFunction, values: readonly TemplateValue[], node: Node, name: string): TemplateValue {
    const { answers } = this.#options;
    if (answers === undefined) return this.#invoke(callee, values, node, name);
    const index = this.#asked;
    this.#asked += 1;
    if (index < answers.length) return answers[index];
    this.#node = node;
    throw new AnswerNeeded(
      () => callee.callAsync!(values),
      (error) => this.#error(`error calling ${name}: ${errorText(error)}`, error),
    );
  }

  #argument(dot: TemplateValue, type: ParamType, node: ExprNode): TemplateValue {
    this.#node = node;
    this.#step();
    switch (node.kind) {
      case 'dot':
        return this.#convert(dot, type);
      case 'nil':
        if (!acceptsNil(type)) this.#fail(`cannot assign nil to ${PARAM_TYPE_NAMES[type]}`);
        return this.#convert(undefined, type);
      case 'field':
        return this.#convert(this.#field(dot, node, [], MISSING), type);
      case 'variable':
        return this.#convert(this.#variable(dot, node, [], MISSING), type);
      case 'pipe':
        return this.#convert(this.#pipeline(dot, node), type);
      case 'identifier':
        return this.#convert(this.#function(dot, node, node, [], MISSING), type);
      case 'chain':
        return this.#convert(this.#chain(dot, node, [], MISSING), type);
      case 'bool':
      case 'number':
      case 'string':
        return this.#constant(dot, type, node);
    }
  }

  #constant(dot: TemplateValue, type: ParamType, node: ExprNode): TemplateValue {
    const expected = (what: string): never => this.#fail(`expected ${what}; found ${nodeText(node)}`);
    switch (type) {
      case 'any':
        return this.#literal(dot, node);
      case 'string':
        return node.kind === 'string' ? node.text : expected('string');
      case 'bool':
        return node.kind === 'bool' ? node.value : expected('bool');
      case 'int':
        return node.kind === 'number' && node.int !== undefined ? node.int : expected('integer');
      case 'float':
        return node.kind === 'number' && node.float !== undefined ? node.float : expected('float');
      case 'duration':
        if (node.kind === 'number' && node.int !== undefined) return new GoDuration(node.int);
        return expected('integer');
      case 'list':
      case 'map':
      case 'sample':
      case 'strings':
      case 'time':
      case 'vector':
        return this.#fail(`can't handle ${nodeText(node)} for arg of type ${PARAM_TYPE_NAMES[type]}`);
    }
  }

  #convert(value: TemplateValue, type: ParamType): TemplateValue {
    if (type === 'any') return value;
    const converted = convertParam(value, type);
    if (converted.ok) return converted.value;
    const expected = PARAM_TYPE_NAMES[type];
    if (value === undefined && this.#node?.kind !== 'field') {
      return this.#fail(`invalid value; expected ${expected}`);
    }
    const got = value === undefined ? 'interface {}' : typeName(value);
    return this.#fail(`wrong type for value; expected ${expected}; got ${got}`);
  }

  #assign(name: string, value: TemplateValue): void {
    if (!this.#vars.assign(name, value)) this.#fail(`undefined variable: ${name}`);
  }

  #step(): void {
    this.#steps += 1;
    if (this.#steps > this.#maxSteps) this.#fail(`exceeded the limit of ${this.#maxSteps} steps`);
  }

  #checkOutput(): void {
    if (this.#options.sink.length > this.#maxLength) {
      this.#fail(`output longer than the limit of ${this.#maxLength} characters`);
    }
  }

  #fail(message: string): never {
    throw this.#error(message);
  }

  #error(message: string, cause?: unknown): TemplateError {
    return executionError(this.#tree, this.#node, message, cause);
  }
}
