import { parseDuration } from '../../core/duration.ts';
import type { DurationExpr, NumberLiteral, Position } from './ast.ts';
import { parseNumber } from './number-scanner.ts';
import type { TokenStream } from './token-stream.ts';
import { quoteLiteral } from './tokens.ts';
import type { Token } from './tokens.ts';

/** Seconds that Go's time.Duration holds. */
const MAX_SECONDS = 2 ** 63 / 1e9;
const MAX_UINT64 = 2 ** 64;
const UNITS = ['y', 'w', 'd', 'h', 'm', 's', 'ms'];
const UNIT_SECONDS = [31_536_000, 604_800, 86_400, 3600, 60, 1, 0.001];

/** A duration, or what has to be computed to know it. */
export type DurationNode = DurationExpr | NumberLiteral;

/** A duration as milliseconds and, when it is not known yet, the expression to compute (milliseconds are 0 then). */
export interface ParsedDuration {
  readonly ms: number;
  readonly expr: DurationExpr | undefined;
}

/** Splits a node into the two fields that selectors keep. */
export function toParsedDuration(node: DurationNode): ParsedDuration {
  if (node.kind === 'duration') return { ms: 0, expr: node };
  return { ms: secondsToMs(node.value), expr: undefined };
}

/** Whole milliseconds of seconds, cut off; microseconds are rounded first so that no exact duration loses one. */
function secondsToMs(seconds: number): number {
  // Adding 0 turns -0 into 0.
  return Math.trunc(Math.round(seconds * 1e6) / 1e3) + 0;
}

/** Reads the value of a number or duration token; what is wrong with it is noted. */
export function literalValue(stream: TokenStream, token: Token): number {
  if (token.type === 'duration') {
    const durationMs = parseDuration(token.text);
    if (durationMs !== undefined) return durationMs / 1000;
    stream.issue(token, durationFault(token.text));
    return 0;
  }
  const value = parseNumber(token.text);
  if (typeof value === 'number') return value;
  stream.issue(
    token,
    `error parsing number: strconv.ParseFloat: parsing ${quoteLiteral(token.text)}: ${value}`,
  );
  return 0;
}

/** What is wrong with a duration that {@link parseDuration} refused (common model.ParseDuration). */
function durationFault(text: string): string {
  const notValid = `not a valid duration string: ${quoteLiteral(text)}`;
  let lastUnit = -1;
  let total = 0;
  for (const [, digits = '', unit = ''] of text.matchAll(/(\d+)([^\d]*)/g)) {
    if (unit === '' || Number(digits) >= MAX_UINT64) return notValid;
    const at = UNITS.indexOf(unit);
    if (at < 0) return `unknown unit ${quoteLiteral(unit)} in duration ${quoteLiteral(text)}`;
    if (at <= lastUnit) return notValid;
    lastUnit = at;
    total += Number(digits) * UNIT_SECONDS[at]!;
    if (total >= MAX_SECONDS) return 'duration out of range';
  }
  return notValid;
}

/** Makes the literal of a number or duration token that was taken. */
export function toLiteral(stream: TokenStream, token: Token): NumberLiteral {
  return {
    kind: 'numberLiteral',
    value: literalValue(stream, token),
    duration: token.type === 'duration',
    position: { start: token.start, end: token.end },
  };
}

/** Whether the next token is a number or a duration. */
export function isAtLiteral(stream: TokenStream): boolean {
  const { type } = stream.peek();
  return type === 'number' || type === 'duration';
}

/** What duration arithmetic needs to know of the parser. */
export interface DurationRules {
  /** Arithmetic, step() and range() are allowed. */
  readonly enabled: boolean;
  /** Runs one level deeper; refuses when it is too deep. */
  readonly deeper: <T>(parse: () => T) => T;
  /** Told of each new operation and its operands; refuses when the tree becomes too high. */
  readonly grown: (node: DurationExpr, children: readonly DurationNode[]) => DurationExpr;
}

interface Operator {
  readonly op: '+' | '-' | '*' | '/' | '%' | '^';
  readonly power: number;
}

const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  [
    { op: '+', power: 1 } as const,
    { op: '-', power: 1 } as const,
    { op: '*', power: 2 } as const,
    { op: '/', power: 2 } as const,
    { op: '%', power: 2 } as const,
    { op: '^', power: 3 } as const,
  ].map((operator) => [operator.op, operator]),
);
const UNARY_OPERAND_POWER = 3;

/** Reads durations with arithmetic inside `[…]` and behind `offset`. */
export class DurationParser {
  readonly #stream: TokenStream;
  readonly #rules: DurationRules;

  constructor(stream: TokenStream, rules: DurationRules) {
    this.#stream = stream;
    this.#rules = rules;
  }

  /** A range or resolution: must be greater than zero where that is known already. */
  positive(): DurationNode {
    const node = this.#binary(0);
    if (node.kind === 'numberLiteral' && node.value <= 0) {
      this.#stream.issue(node.position, 'duration must be greater than 0');
    }
    return node;
  }

  /**
   * What stands behind `offset`: a literal, step() or range(), with a sign or not, ends there (`foo offset 5m + bar`
   * is a sum); only behind a parenthesis the arithmetic goes on.
   */
  offset(): DurationNode {
    const sign = this.#acceptSign();
    if (sign === undefined) return this.#stream.isAt('(') ? this.#binary(0) : this.#primary();
    if (this.#stream.isAt('(')) return this.#signed(sign, this.#paren(true));
    const again = this.#stream.isAt('+') || this.#stream.isAt('-');
    if (again) return this.#signed(sign, this.#binary(UNARY_OPERAND_POWER));
    const operand = this.#primary(sign.start);
    if (operand.kind === 'numberLiteral' || sign.text === '-') return this.#signed(sign, operand);
    // Only here Prometheus' tree keeps a plus.
    const position = { start: sign.start, end: operand.position.end };
    return this.#sign('+', operand, position);
  }

  #acceptSign(): Token | undefined {
    return this.#stream.accept('+') ?? this.#stream.accept('-');
  }

  #binary(minPower: number): DurationNode {
    return this.#rules.deeper(() => {
      let lhs = this.#unary();
      for (;;) {
        const operator = this.#peekOperator();
        if (operator === undefined || operator.power < minPower) return lhs;
        const token = this.#stream.take();
        const rhs = this.#binary(operator.op === '^' ? operator.power : operator.power + 1);
        lhs = this.#combine(operator.op, token, lhs, rhs);
      }
    });
  }

  #peekOperator(): Operator | undefined {
    const token = this.#stream.peek();
    return token.type === 'operator' ? OPERATORS.get(token.text) : undefined;
  }

  #combine(op: Operator['op'], token: Token, lhs: DurationNode, rhs: DurationNode): DurationNode {
    this.#requireEnabled(lhs.position);
    const position = { start: lhs.position.start, end: rhs.position.end };
    if ((op === '/' || op === '%') && rhs.kind === 'numberLiteral' && rhs.value === 0) {
      this.#stream.issue(token, op === '/' ? 'division by zero' : 'modulo by zero');
      return zero(position);
    }
    return this.#rules.grown({ kind: 'duration', op, lhs, rhs, wrapped: false, position }, [lhs, rhs]);
  }

  #unary(): DurationNode {
    const sign = this.#acceptSign();
    if (sign === undefined) return this.#primary();
    return this.#signed(sign, this.#binary(UNARY_OPERAND_POWER));
  }

  #signed(sign: Token, operand: DurationNode): DurationNode {
    const position = { start: sign.start, end: operand.position.end };
    if (operand.kind === 'numberLiteral') {
      return { ...operand, value: sign.text === '-' ? -operand.value : operand.value, position };
    }
    if (sign.text === '+') return operand;
    return this.#sign('-', operand, position);
  }

  #sign(op: '+' | '-', rhs: DurationNode, position: Position): DurationExpr {
    return this.#rules.grown({ kind: 'duration', op, lhs: undefined, rhs, wrapped: false, position }, [rhs]);
  }

  /** `start`: where an issue with step(), range() or min_of(…) is said to be, when not at their own place. */
  #primary(start?: number): DurationNode {
    const stream = this.#stream;
    if (isAtLiteral(stream)) {
      const literal = toLiteral(stream, stream.take());
      if (Math.abs(literal.value) <= MAX_SECONDS) return literal;
      stream.issue(literal.position, 'duration out of range');
      return zero(literal.position);
    }
    if (stream.isAt('(')) return this.#paren();
    const word = stream.peek();
    if (word.type === 'keyword') {
      if (word.word === 'step' || word.word === 'range') return this.#figure(word.word, start);
      if (word.word === 'min_of' || word.word === 'max_of') return this.#choice(word.word, start);
    }
    return stream.unexpected();
  }

  #figure(op: 'step' | 'range', issueStart?: number): DurationExpr {
    const { start } = this.#stream.take();
    this.#stream.expect('(');
    const position = { start, end: this.#stream.expect(')').end };
    this.#requireEnabled({ ...position, start: issueStart ?? start });
    return { kind: 'duration', op, lhs: undefined, rhs: undefined, wrapped: false, position };
  }

  #choice(op: 'min_of' | 'max_of', issueStart?: number): DurationExpr {
    const { start } = this.#stream.take();
    this.#stream.expect('(');
    const lhs = this.#binary(0);
    this.#stream.expect(',');
    const rhs = this.#binary(0);
    const position = { start, end: this.#stream.expect(')').end };
    this.#requireEnabled({ ...position, start: issueStart ?? lhs.position.start });
    return this.#rules.grown({ kind: 'duration', op, lhs, rhs, wrapped: false, position }, [lhs, rhs]);
  }

  /** `allowed`: behind `offset -` Prometheus takes parentheses without the feature. */
  #paren(allowed = false): DurationExpr {
    const open = this.#stream.take();
    const inner = this.#binary(0);
    const position = { start: open.start, end: this.#stream.expect(')').end };
    if (!allowed) this.#requireEnabled(inner.position);
    if (inner.kind === 'duration') return this.#rules.grown({ ...inner, wrapped: true }, [inner]);
    return { kind: 'duration', op: '+', lhs: undefined, rhs: inner, wrapped: true, position };
  }

  #requireEnabled(position: Position): void {
    if (!this.#rules.enabled) {
      this.#stream.issue(position, 'experimental duration expression is not enabled');
    }
  }
}

function zero(position: Position): NumberLiteral {
  return { kind: 'numberLiteral', value: 0, duration: false, position };
}
