import { TocsinError } from '../core/errors.ts';

/**
 * A template that does not parse or whose execution failed. The message is the one Go's text/template gives, with the
 * template's name, line and (when executing) column and the expression.
 */
export class TemplateError extends TocsinError {
  constructor(message: string, options?: ErrorOptions) {
    super('TOCSIN_ERR_TEMPLATE', message, options);
    this.name = 'TemplateError';
  }
}
