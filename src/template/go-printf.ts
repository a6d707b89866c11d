import { NO_FLAGS, badVerb, formatValue, sprintValue, type PrintFlags } from './go-print.ts';
import { typeName } from './kinds.ts';
import type { TemplateValue } from './value.ts';

/** Widths and precisions beyond this are refused, as in Go. */
const MAX_NUMBER = 1_000_000;

/**
 * Go's fmt.Sprintf: verbs v d s q t f F e E g G x X o O b c U T and %%, flags, width and precision (also `*`), explicit
 * argument indexes, and Go's texts for what doesn't fit (`%!d(string=a)`, `%!d(MISSING)`, `%!(EXTRA int=1)`).
 */
export function sprintf(format: string, args: readonly TemplateValue[]): string {
  return new Formatter(format, args).run();
}

class Formatter {
  readonly #format: string;
  readonly #args: readonly TemplateValue[];
  #at = 0;
  #argument = 0;
  #reordered = false;
  #goodIndex = true;
  #afterIndex = false;

  constructor(format: string, args: readonly TemplateValue[]) {
    this.#format = format;
    this.#args = args;
  }

  run(): string {
    let out = '';
    for (;;) {
      const next = this.#format.indexOf('%', this.#at);
      if (next < 0) break;
      out += this.#format.slice(this.#at, next);
      this.#at = next + 1;
      out += this.#verb();
    }
    out += this.#format.slice(this.#at);
    return out + this.#extra();
  }

  #extra(): string {
    if (this.#reordered || this.#argument >= this.#args.length) return '';
    const rest = this.#args.slice(this.#argument);
    const texts = rest.map((value) =>
      value === undefined ? '<nil>' : `${typeName(value)}=${sprintValue(value)}`,
    );
    return `%!(EXTRA ${texts.join(', ')})`;
  }

  #verb(): string {
    this.#goodIndex = true;
    this.#afterIndex = false;
    let complaint = '';
    let flags = this.#flags();
    this.#index();
    const width = this.#size('width');
    complaint += width.complaint;
    if (width.value !== undefined) {
      flags = { ...flags, width: Math.abs(width.value), minus: flags.minus || width.value < 0 };
    }
    if (this.#format[this.#at] === '.') {
      this.#at += 1;
      if (this.#afterIndex) this.#goodIndex = false;
      this.#index();
      const precision = this.#size('precision');
      complaint += precision.complaint;
      if (precision.complaint === '') flags = { ...flags, precision: precision.value ?? 0 };
    }
    if (!this.#afterIndex) this.#index();
    return complaint + this.#argumentText(flags);
  }

  #argumentText(flags: PrintFlags): string {
    const code = this.#format.codePointAt(this.#at);
    if (code === undefined) return '%!(NOVERB)';
    const verb = String.fromCodePoint(code);
    this.#at += verb.length;
    if (verb === '%') return '%';
    if (!this.#goodIndex) return `%!${verb}(BADINDEX)`;
    if (this.#argument >= this.#args.length) return `%!${verb}(MISSING)`;
    const value = this.#args[this.#argument];
    this.#argument += 1;
    if (verb === 'p') return badVerb(value, 'p');
    return formatValue(value, verb, flags, 0);
  }

  #flags(): PrintFlags {
    const flags = { ...NO_FLAGS };
    for (; ; this.#at++) {
      const char = this.#format[this.#at];
      if (char === '#') flags.sharp = true;
      else if (char === '0') flags.zero = true;
      else if (char === '+') flags.plus = true;
      else if (char === '-') flags.minus = true;
      else if (char === ' ') flags.space = true;
      else return flags;
    }
  }

  /** A number or `*`. */
  #size(what: 'width' | 'precision'): { value: number | undefined; complaint: string } {
    if (this.#format[this.#at] === '*') {
      this.#at += 1;
      this.#afterIndex = false;
      const value = this.#args[this.#argument];
      this.#argument += 1;
      const size = typeof value === 'bigint' ? Number(value) : NaN;
      const usable = Math.abs(size) <= MAX_NUMBER && (what === 'width' || size >= 0);
      if (usable) return { value: size, complaint: '' };
      return { value: undefined, complaint: what === 'width' ? '%!(BADWIDTH)' : '%!(BADPREC)' };
    }
    const digits = /^\d*/.exec(this.#format.slice(this.#at, this.#at + 20))![0];
    this.#at += digits.length;
    if (digits !== '' && this.#afterIndex) this.#goodIndex = false;
    if (digits === '' || Number(digits) > MAX_NUMBER) return { value: undefined, complaint: '' };
    return { value: Number(digits), complaint: '' };
  }

  /** `[n]` */
  #index(): void {
    if (this.#format[this.#at] !== '[') return;
    this.#reordered = true;
    const close = this.#format.indexOf(']', this.#at);
    const digits = close < 0 ? '' : this.#format.slice(this.#at + 1, close);
    const index = /^\d{1,7}$/.test(digits) ? Number(digits) : 0;
    this.#at = close < 0 ? this.#at + 1 : close + 1;
    if (index < 1 || index > this.#args.length) {
      this.#goodIndex = false;
      return;
    }
    this.#argument = index - 1;
    this.#afterIndex = true;
  }
}
