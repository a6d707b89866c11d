/**
 * Go templates as rules and notifications use them: {@link TemplateSet} parses and executes, `alertmanagerFunctions`
 * and `notificationData` are what notifications need, `expandRuleTemplate` what rules need. All failures are
 * {@link TemplateError}s.
 */
export { alertmanagerFunctions } from './alertmanager-functions.ts';
export { TemplateError } from './errors.ts';
export { GoDuration, GoTime } from './go-time.ts';
export { notificationData, quoteMeta, type NotificationView } from './notification-data.ts';
export type { TemplateSample } from './prometheus-functions.ts';
export { checkRuleTemplate, expandRuleTemplate, type RuleTemplateContext } from './rule-template.ts';
export { TemplateSet } from './template-set.ts';
export {
  SafeText,
  fn,
  stringMap,
  stringSlice,
  variadicFn,
  type FunctionMap,
  type TemplateValue,
} from './value.ts';
