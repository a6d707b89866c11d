import { assert } from '../core/errors.ts';
import type { TemplateValue } from './value.ts';

interface Variable {
  readonly name: string;
  value: TemplateValue;
}

/** The variables of one template's execution: a stack, so that inner declarations hide outer ones until they end. */
export class Variables {
  readonly #stack: Variable[];

  /** `$` is the data. */
  constructor(data: TemplateValue) {
    this.#stack = [{ name: '$', value: data }];
  }

  get size(): number {
    return this.#stack.length;
  }

  declare(name: string, value: TemplateValue): void {
    this.#stack.push({ name, value });
  }

  /** Forgets what was declared after the stack had this size. */
  shrink(size: number): void {
    this.#stack.length = size;
  }

  /** The innermost variable of the name; the parser has made sure that there is one. */
  get(name: string): TemplateValue {
    const found = this.#find(name);
    assert(found !== undefined, `template variable ${name} must have been declared`);
    return found.value;
  }

  /** Sets the innermost variable of the name; false when there is none (the parser takes any name for this). */
  assign(name: string, value: TemplateValue): boolean {
    const found = this.#find(name);
    if (found === undefined) return false;
    found.value = value;
    return true;
  }

  /** Sets the variable that was declared last (1) or before the last (2). */
  setFromTop(place: 1 | 2, value: TemplateValue): void {
    this.#stack[this.#stack.length - place]!.value = value;
  }

  #find(name: string): Variable | undefined {
    return this.#stack.findLast((variable) => variable.name === name);
  }
}
