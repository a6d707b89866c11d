import type { Tree } from './ast.ts';
import type { TemplateError } from './errors.ts';
import type { FunctionMap, TemplateValue } from './value.ts';

/** Bounds of one execution, against templates that run away. */
export interface TemplateLimits {
  /** Actions, operands and text pieces worked on; 1,000,000 when absent. */
  readonly maxSteps?: number;
  /** Characters of the output, and of any text made on the way; 4 Mi when absent. */
  readonly maxOutputLength?: number;
  /** Templates that call each other; 200 when absent. */
  readonly maxDepth?: number;
}

/** Where output goes. */
export interface Sink {
  readonly length: number;
  /** Text of the template. */
  text(text: string): void;
  /** What an action yields. */
  value(value: TemplateValue): void;
}

/** What one execution works with. */
export interface ExecOptions {
  readonly lookup: (name: string) => Tree | undefined;
  readonly functions: FunctionMap;
  readonly limits: TemplateLimits;
  readonly sink: Sink;
  /** Answers of asynchronous calls so far, in the order of the calls; absent where none are allowed. */
  readonly answers?: readonly TemplateValue[];
}

/** Thrown when an asynchronous function's answer is needed: await it, add it to the answers and execute again. */
export class AnswerNeeded extends Error {
  readonly ask: () => Promise<TemplateValue>;
  /** Makes the template's error of a failed answer. */
  readonly toError: (error: unknown) => TemplateError;

  constructor(ask: () => Promise<TemplateValue>, toError: (error: unknown) => TemplateError) {
    super('a template needs an answer');
    this.ask = ask;
    this.toError = toError;
  }
}
