import type { NumberNode } from './ast.ts';
import { goQuote } from '../core/go-quote.ts';
import { goUnquote } from './quote.ts';

const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;
const INTEGER =
  /^([+-]?)(0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|0[oO]?(?:_?[0-7]+)+|0[bB]_?[01]+(?:_[01]+)*|[1-9][0-9]*(?:_[0-9]+)*|0)$/;
const DECIMAL = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const HEX_FLOAT = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?[0-9]+)$/;

/**
 * Reads a number or character constant; throws an Error with Go's message when it is none.
 *
 * @see Go text/template/parse/node.go newNumber
 */
export function parseNumber(pos: number, text: string, isChar: boolean): NumberNode {
  if (isChar) {
    const char = goUnquote(text);
    if (char === undefined) throw new Error(`malformed character constant: ${text}`);
    const code = char.codePointAt(0)!;
    return { kind: 'number', pos, text, int: BigInt(code), float: code, ideal: BigInt(code) };
  }
  if (text.endsWith('i')) throw new Error(`complex numbers are not supported: ${goQuote(text)}`);
  const int = parseInteger(text);
  if (int !== undefined) return { kind: 'number', pos, text, int, float: Number(int), ideal: int };
  const float = parseFloating(text);
  if (float === undefined) throw new Error(`illegal number syntax: ${goQuote(text)}`);
  if (!/[.eEpP]/.test(text)) throw new Error(`integer overflow: ${goQuote(text)}`);
  const whole = Number.isInteger(float) && Math.abs(float) < 2 ** 63 ? BigInt(float) : undefined;
  return { kind: 'number', pos, text, int: whole, float, ideal: float };
}

function parseInteger(text: string): bigint | undefined {
  const match = INTEGER.exec(text);
  if (match === null) return undefined;
  let digits = match[2]!.replaceAll('_', '').toLowerCase();
  if (/^0[0-7]/.test(digits)) digits = `0o${digits.slice(1)}`;
  const value = match[1] === '-' ? -BigInt(digits) : BigInt(digits);
  return value < MIN_INT || value > MAX_INT ? undefined : value;
}

function parseFloating(text: string): number | undefined {
  const plain = /^[+-]?[0-9][0-9_.eE+-]*$/.test(text) ? text.replaceAll(/(?<=[0-9])_(?=[0-9])/g, '') : text;
  if (DECIMAL.test(plain)) {
    const value = Number(plain);
    return Number.isFinite(value) ? value : undefined;
  }
  const match = HEX_FLOAT.exec(text);
  if (match === null || match[2]! + match[3]! === '') return undefined;
  const mantissa = Number.parseInt(match[2]! + match[3]!, 16);
  const value = mantissa * 2 ** (Number(match[4]) - 4 * match[3]!.length);
  return match[1] === '-' ? -value : value;
}
