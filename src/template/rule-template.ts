import type { Labels } from '../core/labels.ts';
import { TemplateError } from './errors.ts';
import { prometheusFunctions, type PrometheusFunctionOptions } from './prometheus-functions.ts';
import { TemplateSet } from './template-set.ts';
import { GoStruct, labelsMap } from './value.ts';

/** What a label or annotation of an alerting rule is expanded with. */
export interface RuleTemplateContext extends PrometheusFunctionOptions {
  /** The alert rule's name; messages show it as `__alert_<name>`. */
  readonly name: string;
  /** Labels of the series, `__name__` included. */
  readonly labels: Labels;
  /** A number, or the text of a native histogram. */
  readonly value: number | string;
  readonly externalLabels: Labels;
  /** Told of a template that failed; the text then says so too. */
  readonly onError?: (error: TemplateError) => void;
}

const PREAMBLE =
  '{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}';

/** Parses are shared by all rules; the functions of this set are never called. */
const RULE_TEMPLATES = TemplateSet.parse([], {
  functions: prometheusFunctions({ nowMs: 0, externalUrl: '', query: () => Promise.resolve([]) }),
});

/** Throws {@link TemplateError} when a rule's label or annotation does not parse, as loading a rule file must tell. */
export function checkRuleTemplate(name: string, text: string): void {
  RULE_TEMPLATES.check(PREAMBLE + text, `__alert_${name}`);
}

/**
 * Expands a label or annotation of an alerting rule. One that fails yields `<error expanding template: …>`, so that the
 * alert is sent all the same; it never rejects for a template.
 *
 * @see prometheus/prometheus rules/alerting.go Eval
 */
export async function expandRuleTemplate(text: string, context: RuleTemplateContext): Promise<string> {
  if (!text.includes('{{')) return text;
  const name = `__alert_${context.name}`;
  const templates = RULE_TEMPLATES.withFunctions(prometheusFunctions(context));
  const data = new GoStruct(
    'struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }',
    [
      { name: 'Labels', value: labelsMap(context.labels) },
      { name: 'ExternalLabels', value: labelsMap(context.externalLabels) },
      { name: 'ExternalURL', value: context.externalUrl },
      { name: 'Value', value: context.value },
    ],
  );
  try {
    return await templates.executeTextAsync(PREAMBLE + text, data, name);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const failed = new TemplateError(`error executing template ${name}: ${error.message}`, { cause: error });
    context.onError?.(failed);
    return `<error expanding template: ${failed.message}>`;
  }
}
